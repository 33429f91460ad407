"""Large images in bands of rows, so that they are never whole in floating point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

BAND = 2**17
"""Samples that are worked on at once. No value depends on it."""

MULTIPLE = 8
"""Of so many rows. OpenCV computes up to 8 pixels at once, and what is left at the end of an array by other
instructions, whose last bits may be others: there must be such a rest at the image's own end alone."""


def bands(height: int, width: int, channels: int = 1, *, halo: int = 0) -> Iterator[slice]:
    """The rows of an image in bands of about :data:`BAND` samples, from the top.

    Args:
        height: of the image; ``width`` and ``channels`` alike.
        halo: rows to see beyond each side of a band: bands are not much lower than that.
    """
    step = max(BAND // max(width * channels, 1), 8 * halo, 1)
    step = -(-step // MULTIPLE) * MULTIPLE
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


class Bands:
    """An image in float64 whose rows are made when they are asked for, as often as they are.

    Args:
        shape: (H, W) or (H, W, C).
        read: gives rows of it.
    """

    def __init__(self, shape: tuple[int, ...], read: Callable[[slice], NDArray[np.float64]]) -> None:
        self.shape = shape
        self._read = read

    @property
    def size(self) -> int:
        """How many samples there are."""
        return math.prod(self.shape)

    def __getitem__(self, rows: slice) -> NDArray[np.float64]:
        return self._read(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole image."""
        whole = np.concatenate([self[rows] for rows in bands(self.shape[0], math.prod(self.shape[1:]))])
        return whole if dtype is None else whole.astype(dtype, copy=False)


Plane: TypeAlias = NDArray[Any] | Bands
"""An image of which rows can be taken."""


def by_bands(size: tuple[int, int], make: Callable[[slice], NDArray[Any]]) -> NDArray[Any]:
    """An image that is made in bands.

    Args:
        size: (height, width).
        make: gives rows of it, (h, W) or (h, W, C), all of one type.
    """
    out: NDArray[Any] | None = None
    for rows in bands(*size, 3):
        part = make(rows)
        if len(part) == size[0]:
            return part
        out = np.empty((size[0], *part.shape[1:]), part.dtype) if out is None else out
        out[rows] = part
    assert out is not None
    return out
