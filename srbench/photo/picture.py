"""What a picture is on its way through a method, and what it carries beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.resize import PEAKS

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture carries.

    Attributes:
        icc: the colour profile.
        exif: as JPEG files have it, but without the leading ``Exif\\0\\0``; its orientation is 1, for the pixels are
            turned.
        xmp: an XML document.
        dpi: pixels an inch, to the right and down.
        png_colour: the chunks by which a PNG says what its colours are without a profile.
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    png_colour: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How a picture's pixels lie in a file.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        depth: bits of a sample, 8 or 16.
    """

    height: int
    width: int
    channels: int
    depth: int

    @property
    def alpha(self) -> bool:
        """Whether the last channel is transparency."""
        return self.channels in (2, 4)

    @property
    def gray(self) -> bool:
        """Whether there are no colours."""
        return self.channels < 3


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in memory, with integers as in its file.

    Attributes:
        name: for messages.
        colour: (H, W, 1) gray or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W, 1) of the same type; None if there is no transparency.
        metadata: what else it carries.
    """

    name: str
    colour: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def layout(self) -> Layout:
        """How it would lie in a file that takes all of it."""
        height, width, channels = self.colour.shape
        return Layout(height, width, channels + (self.alpha is not None), 8 * self.colour.dtype.itemsize)

    @property
    def peak(self) -> float:
        """The largest value that a sample can have."""
        return PEAKS[self.colour.dtype.name]

    @property
    def is_transparent(self) -> bool:
        """Whether anything can be seen through it."""
        return self.alpha is not None and bool((self.alpha != self.peak).any())
