"""TorchScript programs, which are code: opened only if the user names them."""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor
from torch.jit._fuser import optimized_execution

from srbench.errors import DataError
from srbench.models.loaded import LoadedModel, require_honest_zip, require_one_input
from srbench.system.text import first_line

_OPENS_FILES = re.compile(rb"\b(?:torch|ops\.aten)\.(?:from_file|save)\b")
"""The operators of torch that read and write files."""


def open_file(path: Path, device: torch.device) -> LoadedModel:
    """Open a program written by ``torch.jit.save``.

    Raises:
        DataError: the file is damaged or of another kind.
    """
    try:
        require_honest_zip(path)
        _require_no_files(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the deprecation of TorchScript
            program = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
    except DataError:
        raise
    except Exception as error:  # any error of damaged archives
        raise DataError(f"{path.name} cannot be opened as TorchScript ({first_line(error).rstrip('.')}).") from None
    arguments = program.forward.schema.arguments[1:]  # the first is the module itself
    require_one_input(path.name, [each.name for each in arguments if not each.has_default_value()])

    def run(x: Tensor) -> Tensor:
        with optimized_execution(False):  # or the second run differs
            out: Tensor = program(x)
            return out

    parameters = sum(weight.numel() for weight in program.parameters())
    return LoadedModel(run=run, says="TorchScript program", parameters=parameters, module=program)


def _require_no_files(path: Path) -> None:
    """Reject programs that open files: cells are identified by the program alone.

    Raises:
        DataError: it does.
    """
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".py") and _OPENS_FILES.search(archive.read(info)):
                raise DataError(f"{path.name} opens files while it runs; save it with its weights inside.")
