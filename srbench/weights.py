"""Weights: safetensors files with their recipe in the metadata, found by what decided them.

Searched are the user's own (in the cache folder), then those that come with the method (``weights/`` beside its file).
A file's metadata hold a checksum of all the rest of it, which is checked whenever it is read. There is no reading
without: a file of an earlier srbench has none, and is refused as a damaged one is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import DataError
from srbench.method import LearnedMethod, Method
from srbench.recipe import Recipe
from srbench.system.files import write_atomically
from srbench.system.hashes import canonical_json, digest, parse_json
from srbench.system.places import cache_folder
from srbench.system.text import warn

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
    """The file of that name among the user's own weights, then in ``shipped``.

    Of the user's own a damaged one counts as missing, which is said; a shipped one is refused when it is loaded.
    """
    own = trained_folder() / name
    if own.is_file() and _is_usable(own, own.stat().st_mtime_ns):
        return own
    return shipped / name if (shipped / name).is_file() else None


@lru_cache(maxsize=1024)
def _is_usable(path: Path, modified: int) -> bool:
    """Whether a file is whole, looked at once for each time that it was written."""
    if fault := weights_fault(path):
        warn(f"The weights {path} are damaged ({fault}): they count as missing.")
    return not fault


def weights_sha256(path: Path) -> str:
    """The sha256 of a file's tensors, without its metadata: how long a training took does not change its weights."""
    content = path.read_bytes()
    try:
        tensors, data = _parts(content)
        tensors.pop("__metadata__", None)
        header = digest(tensors)
    except ValueError:
        return hashlib.sha256(content).hexdigest()  # damaged, which loading it will tell
    return hashlib.sha256(header.encode() + data).hexdigest()


def weights_fault(path: Path) -> str:
    """What is wrong with a file; nothing if it is as it was written."""
    try:
        _checked(path)
    except ValueError as error:
        return str(error)
    return ""


def read_metadata(path: Path) -> dict[str, Any]:
    """What :func:`save_weights` wrote beside the tensors.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return _checked(path)[0]
    except ValueError as error:
        raise _damaged(path, error) from None


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write weights and their metadata (plain data: recipe, scale, method, how they came about), atomically."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write_atomically(path, sealed_weights(save(tensors), metadata))


def sealed_weights(content: bytes, metadata: Mapping[str, object]) -> bytes:
    """A safetensors file's content with these metadata in place of its own, and the checksum of everything.

    The tensors stay as they are, byte for byte.

    Raises:
        ValueError: it is no safetensors file.
    """
    header, data = _parts(content)
    header["__metadata__"] = {"srbench": json.dumps(dict(metadata), sort_keys=True)}
    header["__metadata__"]["sha256"] = _checksum(header, data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + data


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, on the CPU.

    Raises:
        DataError: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found: dict[str, Tensor] = load(_checked(path)[1])
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, error) from None
    return found


def _checked(path: Path) -> tuple[dict[str, Any], bytes]:
    """A file's metadata and its whole content.

    Raises:
        ValueError: it cannot be read, or is not as it was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(str(error.strerror)) from None
    header, data = _parts(content)
    about = header.get("__metadata__")
    known = about.pop("sha256", None) if isinstance(about, dict) else None
    if not isinstance(known, str):
        raise ValueError("it has no checksum, as those of earlier versions of srbench")
    if known != _checksum(header, data):
        raise ValueError("its checksum is not that of its content")
    metadata = parse_json(str(header["__metadata__"].get("srbench")))
    if not isinstance(metadata, dict):
        raise ValueError("its metadata are no table")
    return metadata, content


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the tensors' bytes of a safetensors file."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = parse_json(content[8:end])
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    return header, content[end:]


def _checksum(header: dict[str, Any], data: bytes) -> str:
    """Of a file whose header has no checksum yet."""
    try:
        checksum = hashlib.sha256(canonical_json(header).encode())
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    checksum.update(data)
    return checksum.hexdigest()


def _damaged(path: Path, why: Exception) -> DataError:
    """One that says what to do about it: for whoever trained the weights, and for whoever got them."""
    own = path.resolve().is_relative_to(trained_folder().resolve())
    remedy = "delete the file and train again" if own else "install srbench again, or get the file again"
    return DataError(f"The weights {path} are damaged ({why}); {remedy}.")


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


def make_method(method_class: type[Method], scale: float, weights: Path | None, device: torch.device) -> Method:
    """An instance, with its weights on the device.

    Raises:
        DataError: the weights are damaged, or another network's.
    """
    import torch

    method = method_class()
    if isinstance(method, LearnedMethod) and weights is not None:
        network = method.network(int(scale))  # trained for whole scales alone
        load_weights(weights, network)
        # on a CPU the faster layout; on a GPU that depends on the precision, and values are taken in float32
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        method.model = network.to(device).to(memory_format=layout).eval()
    return method
