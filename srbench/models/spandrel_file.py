"""Published ``.pth`` and ``.safetensors`` files of any architecture that spandrel knows."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from srbench.errors import DataError
from srbench.models.fingerprints import architecture
from srbench.models.loaded import LoadedModel, require
from srbench.models.state_dict import read_state_dict, tables
from srbench.system.text import first_line


def open_file(path: Path, device: torch.device) -> LoadedModel:
    """Detect the architecture of a state dict, and build it.

    spandrel's own reader is not used: it runs ``.pt`` files as TorchScript, and unpickles others.

    Raises:
        UsageError: spandrel is not installed.
        DataError: the file is damaged, contains code, or has no architecture that spandrel knows.
    """
    spandrel = require("spandrel")
    state = read_state_dict(path)
    try:
        model = spandrel.ModelLoader(device).load_from_state_dict(spandrel.canonicalize_state_dict(state))
    except spandrel.UnsupportedModelError:
        found = architecture(name for _, table in tables(state) for name in map(str, table))
        guess = f" (its names are those of {found})" if found else ""
        raise DataError(
            f"spandrel {spandrel.__version__} knows no architecture that {path.name} fits{guess}; with its class in a "
            f"Python file it is torch:FILE.py:Class?weights={path.name}."
        ) from None
    except Exception as error:  # any error of an architecture for a state dict that only looks like its own
        raise DataError(f"spandrel cannot load {path.name} ({first_line(error).rstrip('.')}).") from None
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != model.output_channels:
        takes = f"{model.purpose.lower()}, {model.input_channels} channels to {model.output_channels}"
        raise DataError(f"{path.name} is not a super-resolution model ({model.architecture.name}: {takes}).")
    model.eval().model.requires_grad_(requires_grad=False)
    needs = model.size_requirements
    return LoadedModel(
        run=model,  # pads to the sizes that it needs, and crops
        says=f"{model.architecture.name} (spandrel {spandrel.__version__})",
        parameters=sum(weight.numel() for weight in model.model.parameters()),
        channels=model.input_channels,
        multiple=needs.multiple_of,
        tiles=model.tiling == spandrel.ModelTiling.SUPPORTED and not needs.square,
        module=_Clipped(model.model),
    )


class _Clipped(nn.Module):
    """A network with what spandrel does to its output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x).clamp(0, 1)  # type: ignore[no-any-return]
