"""Published ``.pth`` and ``.safetensors`` files of any architecture that spandrel knows."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from srbench.errors import DataError
from srbench.models.loaded import MOST_UNPACKED, LoadedModel, first_line, require, require_honest_zip

MOST_TABLES = 1000
"""Of a checkpoint: one in which tables hold each other has no end."""


def open_file(path: Path, device: torch.device) -> LoadedModel:
    """Find out the architecture of a state dict, and build it.

    spandrel's own reader is passed by: it would run a ``.pt`` file as TorchScript, and unpickle the others.

    Raises:
        UsageError: spandrel is not installed.
        DataError: the file is damaged, holds code, or is of no architecture that spandrel knows.
    """
    spandrel = require("spandrel")
    state = _state_dict(path)
    try:
        model = spandrel.ModelLoader(device).load_from_state_dict(spandrel.canonicalize_state_dict(state))
    except spandrel.UnsupportedModelError:
        raise DataError(f"spandrel {spandrel.__version__} knows no architecture that {path.name} fits.") from None
    except Exception as error:  # whatever an architecture makes of a state dict that only looks like its own
        raise DataError(f"spandrel cannot load {path.name} ({first_line(error)}).") from None
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != model.output_channels:
        takes = f"{model.purpose.lower()}, {model.input_channels} channels to {model.output_channels}"
        raise DataError(f"{path.name} is no super-resolution model ({model.architecture.name}: {takes}).")
    model.eval()
    needs = model.size_requirements
    return LoadedModel(
        run=model,  # which pads to the sizes that it needs, and crops
        says=f"{model.architecture.name} (spandrel {spandrel.__version__})",
        parameters=sum(weight.numel() for weight in model.model.parameters()),
        channels=model.input_channels,
        multiple=needs.multiple_of,
        tiles=model.tiling == spandrel.ModelTiling.SUPPORTED and not needs.square,
    )


def _state_dict(path: Path) -> dict[str, Any]:
    """Tensors by name; a pickle may hold nothing else."""
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise DataError(f"{path.name} is damaged ({first_line(error)}); fetch it again.") from None
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
                f"{path.name} holds more than weights, which reading it could run; ask for a .safetensors, or convert "
                "it."
            ) from None
        raise DataError(f"{path.name} is damaged, or no .pth ({first_line(error)}).") from None
    if not isinstance(found, dict):
        raise DataError(f"{path.name} holds no state dict, but a {type(found).__name__}.")
    _require_held(found, path)
    return found


def _require_held(state: dict[str, Any], path: Path) -> None:
    """Refuse tensors that declare more numbers than the file can hold: an architecture would be built for them.

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
