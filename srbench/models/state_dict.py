"""Reads the tensors of ``.pth`` and ``.safetensors`` files, which contain nothing that is run."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from srbench.errors import DataError
from srbench.models.loaded import MOST_UNPACKED, require_honest_zip
from srbench.system.text import first_line

MOST_TABLES = 1000
"""Most tables of a checkpoint, which may contain each other."""


def read_state_dict(path: Path) -> dict[str, Any]:
    """Tensors by name, and tables of them as the file has them; pickles with anything else are rejected.

    Raises:
        DataError: the file is damaged, contains more than weights, or declares more than it can hold.
    """
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
                "convert it where you trust it, for a whole model by "
                f"torch.save(torch.load('{path.name}', weights_only=False).state_dict(), '{path.stem}_weights.pth')."
            ) from None
        raise DataError(f"{path.name} is damaged, or not a .pth ({first_line(error).rstrip('.')}).") from None
    if not isinstance(found, dict):
        raise DataError(f"{path.name} contains no state dict, but a {type(found).__name__}.")
    _require_held(found, path)
    return found


def tables(state: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A checkpoint and the tables in it, by their dotted names; the checkpoint itself is ''."""
    found = [("", state)]
    for name, table in found:  # which grows meanwhile
        inner = ((f"{name}.{key}".lstrip("."), value) for key, value in table.items() if isinstance(value, dict))
        found += list(inner)[: max(MOST_TABLES - len(found), 0)]
    return found


def _require_held(state: dict[str, Any], path: Path) -> None:
    """Reject tensors that declare more elements than the file can contain: an architecture would be built for them.

    Raises:
        DataError: they do.
    """
    tensors = [each for _, table in tables(state) for each in table.values() if isinstance(each, torch.Tensor)]
    declared = sum(each.numel() * each.element_size() for each in tensors)
    size = path.stat().st_size
    if declared > MOST_UNPACKED * size + 2**20:
        raise DataError(f"{path.name} has {size:,} bytes and declares weights of {declared:,}; fetch it again.")
