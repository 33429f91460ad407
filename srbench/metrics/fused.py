"""Which side of a pixel the Gaussian mean around it falls on, in the arithmetic of the official values.

Where an image is constant, a pixel less the weighted mean around it is 0 on paper and 0 or about 1e-14 in floating
point. Its sign depends on the order of the operations, on fused multiply-adds and on the gray level, and NIQE and
BRISQUE count signs: with another rule their values of images with flat areas move by up to 6 %.

The official values come from MATLAB's ``filter2``: columns first, then rows, from the last tap to the first, each
step one fused multiply-add. MATLAB takes the taps from a singular value decomposition, whose last digits are those of
one library: the taps here are off by up to 17 units in the last place, chosen so that all five published values come
out. All else is IEEE 754's addition and multiplication, which every CPU rounds alike; NumPy fuses none of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RADIUS = 3
NEAR = 1e-10
"""Residues below this are computed exactly: far above what rounding can do (1e-12)."""


def _read(text: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, text.split()))


_COLUMN = _read(
    "0x1.9b92991f2487dp-7 0x1.42e11ca517a60p-4 0x1.e5fb7c557fad1p-3 0x1.5edacbc602378p-2 "
    "0x1.e5fb7c557fad1p-3 0x1.42e11ca517a60p-4 0x1.9b92991f2487cp-7"
)
_ROW = _read(
    "0x1.9b92991f24892p-7 0x1.42e11ca517a5fp-4 0x1.e5fb7c557fad1p-3 0x1.5edacbc602378p-2 "
    "0x1.e5fb7c557fad0p-3 0x1.42e11ca517a5fp-4 0x1.9b92991f24880p-7"
)
_CHUNK = 4096
"""Windows that are worked on at once."""


def exact_residues(padded: Floats, near: NDArray[np.bool_]) -> Floats:
    """The pixels less the Gaussian means around them, where these are nearly equal.

    Args:
        padded: (H + 6, W + 6), the plane with its border.
        near: (H, W), which pixels are wanted.

    Returns:
        (N,) in the order of ``padded``'s wanted pixels.
    """
    centre = padded[RADIUS:-RADIUS, RADIUS:-RADIUS]
    wanted = centre[near]
    residues = np.empty_like(wanted)
    flat = _constant(padded)[near]
    # a window of one gray gives what every window of that gray gives
    grays, places = np.unique(wanted[flat], return_inverse=True)
    windows = np.broadcast_to(grays[:, None, None], (len(grays), 2 * RADIUS + 1, 2 * RADIUS + 1))
    residues[flat] = (grays - _means(windows))[places]
    rows, columns = (index[~flat] for index in np.nonzero(near))
    others = np.lib.stride_tricks.sliding_window_view(padded, (2 * RADIUS + 1, 2 * RADIUS + 1))
    means = [_means(others[rows[at : at + _CHUNK], columns[at : at + _CHUNK]]) for at in range(0, len(rows), _CHUNK)]
    if means:
        residues[~flat] = wanted[~flat] - np.concatenate(means)
    return residues


def _constant(padded: Floats) -> NDArray[np.bool_]:
    """(H, W): which windows of 7x7 hold one gray."""
    size = 2 * RADIUS + 1
    height, width = padded.shape[0] - size + 1, padded.shape[1] - size + 1
    across = padded[:, 1:] == padded[:, :-1]
    down = padded[1:, RADIUS:-RADIUS] == padded[:-1, RADIUS:-RADIUS]
    rows = np.ones((len(padded), width), bool)
    for k in range(size - 1):
        rows &= across[:, k : k + width]
    constant = rows[:height].copy()
    for k in range(1, size):
        constant &= rows[k : k + height]
        constant &= down[k - 1 : k - 1 + height]
    return constant


def _means(windows: Floats) -> Floats:
    """The Gaussian means of (N, 7, 7) windows, (N,): the column's taps first."""
    column = _chain(_COLUMN, [windows[:, k, :] for k in range(2 * RADIUS + 1)])
    return _chain(_ROW, [column[:, k] for k in range(2 * RADIUS + 1)])


def _chain(taps: tuple[float, ...], values: list[Floats]) -> Floats:
    """The sum of taps times values, from the last to the first, by fused multiply-adds."""
    total = taps[-1] * values[-1]
    for tap, value in zip(taps[-2::-1], values[-2::-1], strict=True):
        total = _fma(tap, value, total)
    return total


def _fma(a: float, b: Floats, c: Floats) -> Floats:
    """a b + c, rounded once (Boldo and Melquiond, IEEE Transactions on Computers 57, 2008)."""
    high, low = _two_product(a, b)
    third_high, third_low = _two_sum(c, low)
    sum_high, sum_low = _two_sum(high, third_high)
    fused: Floats = sum_high + _odd_sum(third_low, sum_low)
    return fused


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum and what was rounded away (Knuth)."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _two_product(a: float, b: Floats) -> tuple[Floats, Floats]:
    """The rounded product and what was rounded away (Dekker, Veltkamp)."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    product: Floats = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(x: Any) -> tuple[Any, Any]:
    """A number as two of 26 digits each."""
    scaled = 134217729.0 * x  # 2^27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def _odd_sum(a: Floats, b: Floats) -> Floats:
    """The sum, rounded to the neighbour whose last digit is 1 where it has to be rounded."""
    total, error = _two_sum(a, b)
    bits: NDArray[np.int64] = total.view(np.int64)
    outward = (error > 0) == (total > 0)
    bits += np.where((error != 0) & (bits & 1 == 0), np.where(outward, 1, -1), 0)
    return total
