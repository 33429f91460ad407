"""What is known of a model's file, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is known of a model's file.

    Attributes:
        says: what it is, in a word or two.
        parameters: how many; None if the file does not tell.
        channels: that it is given at once, 1 or 3.
        either: whether it takes any number of planes, each alike.
        scale: the factor of the method that it is.
        input: what it takes: LR, or what the protocol has upsampled.
        multiple: its sides must be multiples of this.
        least: and at least this.
        batched: whether it takes several images at once.
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
