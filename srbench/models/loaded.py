"""What every kind of model file becomes once it is open."""

from __future__ import annotations

import importlib
import importlib.util
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import DataError, UsageError
from srbench.models.spec import ModelOptions
from srbench.system.installed import install_command
from srbench.system.names import PACKAGE_OF

if TYPE_CHECKING:  # what is known of models is read without torch
    import torch
    from torch import Tensor


MOST_UNPACKED = 4
"""Times as large as its file: torch does not compress weights, and they hardly can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory, on a device.

    Attributes:
        run: (N, C, h, w) float32 to (N, C, H, W), in the model's own range.
        says: what it is, in a word or two.
        parameters: how many; None if the file does not tell.
        channels: that it takes; 0 to find out.
        multiple: its sides must be multiples of this; 0 to find out.
        size: (h, w), where it takes images of that size alone.
        tiles: whether it may be given an image in tiles.
        told: what the file itself says, of what may be said on the command line.
    """

    run: Callable[[Tensor], Tensor]
    says: str
    parameters: int | None = None
    channels: int = 0
    multiple: int = 0
    size: tuple[int, int] | None = None
    tiles: bool = True
    told: ModelOptions = field(default_factory=ModelOptions)


def open_file(kind: str, path: Path, device: torch.device) -> LoadedModel:
    """Open a file by its kind.

    Raises:
        UsageError: the package that its kind needs is not installed.
        DataError: the file is damaged, or something else.
    """
    opened: LoadedModel = importlib.import_module(f"srbench.models.{kind}_file").open_file(path, device)
    return opened


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
    """As :func:`require`, for a kind that may need none, without importing it.

    Raises:
        UsageError: it is not installed.
    """
    package = PACKAGE_OF.get(kind)
    if package is not None and importlib.util.find_spec(package) is None:
        raise _missing(kind)


def _missing(kind: str) -> UsageError:
    return UsageError(f"{PACKAGE_OF[kind]} is not installed: {install_command(kind)} brings it.")


def require_honest_zip(path: Path) -> None:
    """Refuse an archive that unpacks to far more than it is: opening it would take all memory, and minutes.

    Raises:
        DataError: it does.
        OSError, zipfile.BadZipFile: it cannot be read, or is none.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        declared = sum(info.file_size for info in archive.infolist())
    if declared > MOST_UNPACKED * size + 2**20:
        raise DataError(
            f"{path.name} has {size:,} bytes and would unpack to {declared:,}, which no weights do; fetch it again."
        )


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def require_one_input(name: str, inputs: Sequence[str]) -> None:
    """Refuse a network of several inputs, whatever the others are: a noise level, a mask, frames.

    Args:
        name: its file, for messages.
        inputs: the names of what it must be given.

    Raises:
        DataError: they are more than one.
    """
    if len(inputs) > 1:
        raise DataError(
            f"{name} takes {len(inputs)} inputs ({', '.join(inputs)}), and srbench has one image to give: save it with "
            "the others fixed."
        )
