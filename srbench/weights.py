"""Weights: safetensors files with their recipe in the metadata, found by what decided them.

Searched are the user's own (in the cache folder), then those that come with the method (``weights/`` beside its file).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.atomic import cache_folder, write_atomically
from srbench.canonical import digest, parse_json
from srbench.errors import DataError
from srbench.method import LearnedMethod, Method
from srbench.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def weights_name(method: str, version: int, scales: Sequence[int], recipe: Recipe, data: Mapping[str, str]) -> str:
    """The file name of weights: one for all that decides them.

    Args:
        method: the method's name.
        version: the method's version.
        scales: the scale, or the scales that share the weights.
        recipe: how they are trained, the seed included.
        data: content hashes of the recipe's data sets, by name.
    """
    key = digest(
        {"method": method, "version": version, "scales": list(scales), "recipe": recipe.hash, "data": dict(data)}
    )
    return f"{method}_x{'-'.join(map(str, scales))}_{key[:16]}.safetensors"


def trained_folder() -> Path:
    """Where weights trained on this machine are kept."""
    return cache_folder() / "weights"


def find_weights(name: str, shipped: Path) -> Path | None:
    """The file of that name among the user's own weights, then in ``shipped``."""
    return next((folder / name for folder in (trained_folder(), shipped) if (folder / name).is_file()), None)


def weights_sha256(path: Path) -> str:
    """The sha256 of a file's tensors, without its metadata: how long a training took does not change its weights."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        tensors = parse_json(content[8:end])
        tensors.pop("__metadata__", None)
        header = digest(tensors)
    except (ValueError, TypeError, AttributeError):
        return hashlib.sha256(content).hexdigest()  # damaged, which loading it will tell
    return hashlib.sha256(header.encode() + content[end:]).hexdigest()


def read_metadata(path: Path) -> dict[str, Any]:
    """What :func:`save_weights` wrote beside the tensors; empty where there is nothing of the kind.

    Raises:
        DataError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            found = parse_json((file.metadata() or {}).get("srbench", "{}"))
        if not isinstance(found, dict):
            raise ValueError("its metadata is no table")
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"The weights {path} are damaged ({error}); delete the file and train again.") from None
    return found


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write weights and their metadata (plain data: recipe, scale, method, how they came about), atomically."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write_atomically(path, save(tensors, {"srbench": json.dumps(metadata, sort_keys=True)}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, on the CPU.

    Raises:
        DataError: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"The weights {path} are damaged ({error}); delete the file and train again.") from None
    return found


def load_weights(path: Path, network: nn.Module) -> None:
    """Load weights into a network.

    Raises:
        DataError: the file is damaged or was made for another network.
    """
    try:
        network.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise DataError(f"The weights {path} do not fit the network ({first}); train again.") from None


def make_method(method_class: type[Method], scale: int, weights: Path | None, device: torch.device) -> Method:
    """An instance, with its weights on the device.

    Raises:
        DataError: the weights are damaged, or another network's.
    """
    import torch

    method = method_class()
    if isinstance(method, LearnedMethod) and weights is not None:
        network = method.network(scale)
        load_weights(weights, network)
        # on a CPU the faster layout; on a GPU that depends on the precision, and figures are taken in float32
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        method.model = network.to(device).to(memory_format=layout).eval()
    return method
