"""Properties of a model file, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """Properties of a model file.

    Attributes:
        says: what it is, in a word or two.
        parameters: their number; None if unknown.
        channels: of its input, 1 or 3.
        either: whether it takes any number of planes, each alike.
        scale: of the method.
        input: LR, or the image upsampled by the protocol.
        multiple: sides must be multiples of this.
        least: the smallest side.
        batched: whether it takes several images at a time.
        halo: as in MethodInfo.
        size: (h, w), where it takes images of that size alone: larger ones are put together of such parts.
    """

    says: str
    parameters: int | None
    channels: int
    either: bool
    scale: int
    input: Literal["lr", "upsampled"]
    multiple: int
    least: int
    batched: bool
    halo: int | None
    size: tuple[int, int] | None = None

    @property
    def factor(self) -> int:
        """The factor by which the file itself upsamples."""
        return 1 if self.input == "upsampled" else self.scale
