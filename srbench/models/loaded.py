"""Opens model files of every kind."""

from __future__ import annotations

import importlib
import importlib.util
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import DataError, UsageError
from srbench.models.spec import Code, ModelOptions
from srbench.system.installed import install_command
from srbench.system.names import PACKAGE_OF

if TYPE_CHECKING:  # cards of models are read without torch
    import torch
    from torch import Tensor, nn


MOST_UNPACKED = 4
"""The largest ratio of unpacked size to file size: weights are hardly compressible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory, on a device.

    Attributes:
        run: (N, C, h, w) float32 to (N, C, H, W), in the model's own range.
        says: what it is, in a word or two.
        parameters: their number; None if unknown.
        channels: of the input; 0 if unknown.
        multiple: sides must be multiples of this; 0 if unknown.
        size: (h, w) if it takes images of that size only.
        tiles: whether images may be processed in tiles.
        declared: options that the file itself contains.
        module: the network alone, where torch runs one that can be copied and traced.
        graph: the file, where it is a graph of ONNX.
    """

    run: Callable[[Tensor], Tensor]
    says: str
    parameters: int | None = None
    channels: int = 0
    multiple: int = 0
    size: tuple[int, int] | None = None
    tiles: bool = True
    declared: ModelOptions = field(default_factory=ModelOptions)
    module: nn.Module | None = None
    graph: Path | None = None


def open_file(kind: str, path: Path, device: torch.device, code: Code | None = None, scale: int = 0) -> LoadedModel:
    """Open a file by its kind.

    Args:
        kind: of the file.
        path: of the file.
        device: for the model.
        code: the network's class, of kind ``torch``.
        scale: for its constructor; 0 if unknown.

    Raises:
        UsageError: the package that its kind needs is not installed.
        DataError: the file is damaged, or of another kind.
    """
    more = () if code is None else (code, scale)
    loaded: LoadedModel = importlib.import_module(f"srbench.models.{kind}_file").open_file(path, device, *more)
    return loaded


def image_alone(network: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    """A network of which nothing but an image is taken."""

    def run(x: Tensor) -> Tensor:
        out = network(x)
        if not hasattr(out, "detach"):
            raise TypeError(f"its forward returns a {type(out).__name__}, and srbench needs the image alone")
        return out  # type: ignore[no-any-return]

    return run


def require(kind: str) -> Any:
    """Import the package that a kind of models needs.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(PACKAGE_OF[kind])
    except ImportError:
        raise _missing(kind) from None


def require_installed(kind: str) -> None:
    """As :func:`require`, without importing the package; some kinds need none.

    Raises:
        UsageError: it is not installed.
    """
    package = PACKAGE_OF.get(kind)
    if package is not None and importlib.util.find_spec(package) is None:
        raise _missing(kind)


def _missing(kind: str) -> UsageError:
    return UsageError(f"{PACKAGE_OF[kind]} is not installed: {install_command(kind)} installs it.")


def require_honest_zip(path: Path) -> None:
    """Reject archives that unpack to far more than their size, which would exhaust memory.

    Raises:
        DataError: it does.
        OSError, zipfile.BadZipFile: it cannot be read, or is not an archive.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        declared = sum(info.file_size for info in archive.infolist())
    if declared > MOST_UNPACKED * size + 2**20:
        raise DataError(
            f"{path.name} has {size:,} bytes and would unpack to {declared:,}, which no weights do; fetch it again."
        )


def require_one_input(name: str, inputs: Sequence[str]) -> None:
    """Reject networks with several inputs, such as a noise level, a mask or frames.

    Args:
        name: of the file, for messages.
        inputs: names of the required inputs.

    Raises:
        DataError: there are several.
    """
    if len(inputs) > 1:
        raise DataError(
            f"{name} takes {len(inputs)} inputs ({', '.join(inputs)}), and srbench provides one image: save it with "
            "the others fixed."
        )
