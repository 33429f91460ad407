"""What every kind of model file becomes once it is open."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from srbench.errors import UsageError
from srbench.installed import install_command
from srbench.models.spec import Options
from srbench.names import PACKAGE_OF


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A model in memory, on a device.

    Attributes:
        run: (N, C, h, w) float32 to (N, C, H, W), in the model's own range.
        says: what it is, in a word or two.
        parameters: how many; None if the file does not tell.
        channels: that it takes; 0 to find out.
        multiple: its sides must be multiples of this; 0 to find out.
        tiles: whether it may be given an image in tiles.
        told: what the file itself says, of what may be said on the command line.
    """

    run: Callable[[Tensor], Tensor]
    says: str
    parameters: int | None = None
    channels: int = 0
    multiple: int = 0
    tiles: bool = True
    told: Options = field(default_factory=Options)


def require(kind: str) -> Any:
    """Import the package that a kind of models needs.

    Raises:
        UsageError: it is not installed.
    """
    package = PACKAGE_OF[kind]
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UsageError(f"{package} is not installed: {install_command(kind)} brings it.") from None


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__
