"""NumPy's sums of whole arrays, to the bit, of arrays that come in pieces and are never whole.

A sum in floating point depends on its order. NumPy adds float64 in pairs, by halves of the array; and float32 in
float64 by blocks of 8192, one after the other. In these orders a sum does not depend on how the array is cut.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LEAF = 2**16
"""Halves that are not larger are summed by NumPy at once."""
BLOCK = 8192


def _half(size: int) -> int:
    return size // 2 - size // 2 % 8


def _leaves(start: int, size: int) -> Iterator[int]:
    """Where the parts begin that are summed at once."""
    if size <= LEAF:
        yield start
        return
    half = _half(size)
    yield from _leaves(start, half)
    yield from _leaves(start + half, size - half)


class PairwiseSum:
    """The sum of a float64 array, as ``numpy.sum`` gives it; pieces may come in any order.

    Args:
        size: of the array.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._starts = [*_leaves(0, size), size]
        self._sums: dict[int, float] = {}
        self._open: dict[int, tuple[NDArray[np.float64], int]] = {}

    def add(self, start: int, values: NDArray[np.float64]) -> None:
        """Take the array's values from an index on, in C order, whatever their shape."""
        values = values.ravel()
        while len(values):
            at = bisect_right(self._starts, start)
            first, behind = self._starts[at - 1 : at + 1]
            piece, values = values[: behind - start], values[behind - start :]
            if len(piece) == behind - first:
                self._sums[first] = float(np.add.reduce(piece))
            else:
                leaf, filled = self._open.pop(first) if first in self._open else (np.empty(behind - first), 0)
                leaf[start - first :][: len(piece)] = piece
                if filled + len(piece) == len(leaf):
                    self._sums[first] = float(np.add.reduce(leaf))
                else:
                    self._open[first] = leaf, filled + len(piece)
            start += len(piece)

    def total(self) -> float:
        """The sum, once all values are there."""
        return self._total(0, self._size)

    def _total(self, start: int, size: int) -> float:
        if size <= LEAF:
            return self._sums[start]
        half = _half(size)
        return self._total(start, half) + self._total(start + half, size - half)


class BlockSum:
    """The sum of a float32 array, as ``numpy.sum`` gives it in float64; pieces come in their order."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._rest = np.empty(0, np.float32)

    def add(self, values: NDArray[np.float32]) -> None:
        """Take the array's next values, whatever their shape."""
        values = np.concatenate([self._rest, values.ravel()])
        whole = len(values) // BLOCK * BLOCK
        self._rest = values[whole:]
        for block in values[:whole].astype(np.float64).reshape(-1, BLOCK).sum(axis=1):
            self._sum += float(block)

    def total(self) -> float:
        """The sum of what has come."""
        return self._sum + float(self._rest.astype(np.float64).sum())


def channel_sums(before: NDArray[np.float64] | None, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums over (H, W, C) of each channel, as ``numpy.sum(…, axis=(0, 1))`` gives them, rows after rows.

    Args:
        before: the sums of the rows above; None for none.
        values: the next rows.
    """
    pixels = values.reshape(-1, values.shape[2])
    if before is not None:
        pixels = np.concatenate([before[None], pixels])
    sums: NDArray[np.float64] = np.add.reduce(pixels, axis=0)
    return sums
