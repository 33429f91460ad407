"""TorchScript programs: code, which runs when they do. Opened only where they are named."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch.jit._fuser import optimized_execution

from srbench.errors import DataError
from srbench.models.opened import Opened, first_line, require_one_input


def open_file(path: Path, device: torch.device) -> Opened:
    """Open what ``torch.jit.save`` has written.

    Raises:
        DataError: the file is damaged or something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch would have programs exported now
            program = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # also what damaged archives raise
        raise DataError(f"{path.name} cannot be opened as TorchScript ({first_line(error)}).") from None
    arguments = program.forward.schema.arguments[1:]  # the first is the module itself
    require_one_input(path.name, [each.name for each in arguments if not each.has_default_value()])

    def run(x: Tensor) -> Tensor:
        with optimized_execution(False):  # or the second run differs
            out: Tensor = program(x)
            return out

    parameters = sum(weight.numel() for weight in program.parameters())
    return Opened(run=run, says="TorchScript program", parameters=parameters)
