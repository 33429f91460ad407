"""Weights: safetensors files with their recipe in the metadata, found by what decided them.

Searched are the user's own (in the cache folder), then those that come with the method (``weights/`` beside its file).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.atomic import cache_folder, write_atomically
from srbench.canonical import digest
from srbench.errors import DataError
from srbench.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn


def weights_name(method: str, version: int, scale: int, recipe: Recipe, data: Mapping[str, str]) -> str:
    """The file name of weights: one for all that decides them.

    Args:
        method: the method's name.
        version: the method's version.
        scale: the scale.
        recipe: how they are trained, the seed included.
        data: content hashes of the recipe's data sets, by name.
    """
    key = digest({"method": method, "version": version, "scale": scale, "recipe": recipe.hash, "data": dict(data)})
    return f"{method}_x{scale}_{key[:16]}.safetensors"


def trained_folder() -> Path:
    """Where weights trained on this machine are kept."""
    return cache_folder() / "weights"


def find_weights(name: str, shipped: Path) -> Path | None:
    """The file of that name among the user's own weights, then in ``shipped``."""
    return next((folder / name for folder in (trained_folder(), shipped) if (folder / name).is_file()), None)


def file_sha256(path: Path) -> str:
    """The sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write weights and their metadata (plain data: recipe, scale, method, how they came about), atomically."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write_atomically(path, save(tensors, {"srbench": json.dumps(metadata, sort_keys=True)}))


def load_weights(path: Path, network: nn.Module) -> None:
    """Load weights into a network.

    Raises:
        DataError: the file is damaged or was made for another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise DataError(f"The weights {path} are damaged ({error}); delete the file and train again.") from None
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise DataError(f"The weights {path} do not fit the network ({first}); train again.") from None
