"""Published ``.pth`` and ``.safetensors`` files of any architecture that spandrel knows."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from srbench.errors import DataError
from srbench.models.loaded import MOST_UNPACKED, LoadedModel, require, require_honest_zip
from srbench.system.text import first_line

MOST_TABLES = 1000
"""Most tables of a checkpoint, which may contain each other."""


def open_file(path: Path, device: torch.device) -> LoadedModel:
    """Detect the architecture of a state dict, and build it.

    spandrel's own reader is not used: it runs ``.pt`` files as TorchScript, and unpickles others.

    Raises:
        UsageError: spandrel is not installed.
        DataError: the file is damaged, contains code, or has no architecture that spandrel knows.
    """
    spandrel = require("spandrel")
    state = _state_dict(path)
    try:
        model = spandrel.ModelLoader(device).load_from_state_dict(spandrel.canonicalize_state_dict(state))
    except spandrel.UnsupportedModelError:
        raise DataError(f"spandrel {spandrel.__version__} knows no architecture that {path.name} fits.") from None
    except Exception as error:  # any error of an architecture for a state dict that only looks like its own
        raise DataError(f"spandrel cannot load {path.name} ({first_line(error).rstrip('.')}).") from None
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != model.output_channels:
        takes = f"{model.purpose.lower()}, {model.input_channels} channels to {model.output_channels}"
        raise DataError(f"{path.name} is not a super-resolution model ({model.architecture.name}: {takes}).")
    model.eval()
    needs = model.size_requirements
    return LoadedModel(
        run=model,  # pads to the sizes that it needs, and crops
        says=f"{model.architecture.name} (spandrel {spandrel.__version__})",
        parameters=sum(weight.numel() for weight in model.model.parameters()),
        channels=model.input_channels,
        multiple=needs.multiple_of,
        tiles=model.tiling == spandrel.ModelTiling.SUPPORTED and not needs.square,
    )


def _state_dict(path: Path) -> dict[str, Any]:
    """Tensors by name; pickles with anything else are rejected."""
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise DataError(f"{path.name} is damaged ({first_line(error).rstrip('.')}); fetch it again.") from None
    try:
        if zipfile.is_zipfile(path):
            require_honest_zip(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TorchScript, which torch then refuses to read so
            found = torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # a zip that is cut short, a file of another kind
        if type(error).__name__ == "UnpicklingError":  # pickle itself is imported nowhere in srbench
            raise DataError(
                f"{path.name} contains more than weights, which could be run by reading it; get a .safetensors, or "
                "convert it."
            ) from None
        raise DataError(f"{path.name} is damaged, or not a .pth ({first_line(error).rstrip('.')}).") from None
    if not isinstance(found, dict):
        raise DataError(f"{path.name} contains no state dict, but a {type(found).__name__}.")
    _require_held(found, path)
    return found


def _require_held(state: dict[str, Any], path: Path) -> None:
    """Reject tensors that declare more elements than the file can contain: an architecture would be built for them.

    Raises:
        DataError: they do.
    """
    tensors, waiting = [], [state]
    for table in waiting:  # which grows meanwhile: checkpoints have their state dict under a name
        tensors += [each for each in table.values() if isinstance(each, torch.Tensor)]
        waiting += [each for each in table.values() if isinstance(each, dict) and len(waiting) < MOST_TABLES]
    declared = sum(each.numel() * each.element_size() for each in tensors)
    size = path.stat().st_size
    if declared > MOST_UNPACKED * size + 2**20:
        raise DataError(f"{path.name} has {size:,} bytes and declares weights of {declared:,}; fetch it again.")
