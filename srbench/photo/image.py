"""An image on its way through a method, and what it carries beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.png import Chunk
from srbench.imaging.resize import PEAKS

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an image carries.

    Attributes:
        icc: the colour profile.
        exif: values by tag; those of a directory that a tag leads to are a mapping in its place.
        xmp: an XML document.
        iptc: title, keywords and rights as newspapers have them (IIM).
        comment: a JPEG's.
        text: a PNG's, but for what is named above.
        dpi: pixels an inch, to the right and down.
        png_colour: by which a PNG says what its colours are without a profile.
    """

    icc: bytes = b""
    exif: dict[int, Any] = field(default_factory=dict)
    xmp: bytes = b""
    iptc: bytes = b""
    comment: bytes = b""
    text: tuple[Chunk, ...] = ()
    dpi: tuple[float, float] | None = None
    png_colour: tuple[Chunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How an image's pixels lie in a file: 1 channel is gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.

    ``depth`` is bits of a sample, 8 or 16.
    """

    height: int
    width: int
    channels: int
    depth: int

    @property
    def gray(self) -> bool:
        """Whether there are no colours."""
        return self.channels < 3


@dataclass(frozen=True, slots=True)
class Image:
    """An image in memory, with integers as in its file.

    Attributes:
        name: for messages.
        colour: (H, W, 1) gray or (H, W, 3) RGB, uint8 or uint16.
        alpha: (H, W, 1) of the same type; None if there is no transparency.
        metadata: what else it carries.
        notes: what of its file is lost already.
    """

    name: str
    colour: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()

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
