"""Statistics of natural scenes, which NIQE and BRISQUE share: planes, normalised coefficients and what fits them.

Written from the papers and LIVE's MATLAB releases of 2011 and 2012. docs/reference/no-reference.md has the choices that
decide the values, and what other programs do in their place.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.fused import NEAR, RADIUS, exact_residues

Floats = NDArray[np.float64]
Luma = Literal["gray", "y", "yiq"]
Border = Literal["edge", "zero"]
Flat = Literal["matlab", "zero"]

_GRAY = np.array([0.29893602129377533, 0.5870430744511214, 0.11402090425510324])
"""MATLAB's ``rgb2gray``: the first row of the inverse of its matrix of YIQ."""
_Y = np.array([65.481, 128.553, 24.966]) / 255.0
_YIQ = np.array([0.299, 0.587, 0.114], np.float32)

SIGMA = 7.0 / 6.0
_weights = np.exp(-(np.arange(-RADIUS, RADIUS + 1.0) ** 2) / (2 * SIGMA**2))
GAUSSIAN = tuple(float(weight) for weight in _weights / _weights.sum())
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


# planes -----------------------------------------------------------------------------------------------------------


def luma_plane(image: NDArray[Any], luma: Luma) -> Floats:
    """An image as one plane of whole numbers on the scale 0..255, in float64.

    Args:
        image: uint8, (H, W) gray or (H, W, 3) RGB; gray counts as three equal channels.
        luma: MATLAB's ``rgb2gray``; BT.601 Y in 16..235; or the Y of YIQ as pyiqa computes it on a GPU, in float32.

    Raises:
        ValueError: it is no such image.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"it takes uint8 (H, W) or (H, W, 3) images, not {image.dtype} of {image.shape}")
    if image.ndim == 2:
        grays = np.arange(256, dtype=np.uint8)
        table: Floats = luma_plane(np.stack([grays] * 3, axis=-1)[None], luma)[0]
        gray: Floats = table[image]
        return gray
    if luma == "yiq":
        red, green, blue = (np.multiply(image[..., c], np.float32(1 / 255), dtype=np.float32) for c in range(3))
        # a fused multiply-add twice: products of two float32 are exact in float64, so that each sum is rounded once
        y = (np.multiply(green, _YIQ[1], dtype=np.float64) + red * _YIQ[0]).astype(np.float32)
        y = (np.multiply(blue, _YIQ[2], dtype=np.float64) + y).astype(np.float32)
        rounded: Floats = np.rint(y * np.float32(255)).astype(np.float64)
        return rounded
    parts = (_GRAY if luma == "gray" else _Y)[:, None] * np.arange(256.0)
    plane: Floats = parts[0][image[..., 0]]
    plane += parts[1][image[..., 1]]
    plane += parts[2][image[..., 2]]
    plane += 0.5 if luma == "gray" else 16.5
    return np.floor(plane, out=plane)


def halve(plane: Floats) -> Floats:
    """MATLAB's ``imresize(plane, 0.5)`` in doubles; exact for sides that are even, as the weights are dyadic."""
    if plane.shape[0] % 2 or plane.shape[1] % 2:
        from srbench.imaging.resize import imresize

        return imresize(plane, 0.5)
    for axis in (0, 1):
        padded = np.pad(plane, [(4, 4) if axis == i else (0, 0) for i in (0, 1)], mode="symmetric")
        padded = padded if axis == 0 else padded.T
        size = plane.shape[axis] // 2
        # tap k of output i is input 2 i - 3 + k
        taps = [padded[1 + k : 1 + k + 2 * size : 2] for k in range(8)]
        out = 111.0 * (taps[3] + taps[4])
        out += 29.0 * (taps[2] + taps[5])
        out -= 9.0 * (taps[1] + taps[6])
        out -= 3.0 * (taps[0] + taps[7])
        out /= 256.0
        plane = out if axis == 0 else np.ascontiguousarray(out.T)
    return plane


# normalised coefficients ------------------------------------------------------------------------------------------


def normalised(plane: Floats, border: Border = "edge", flat: Flat = "matlab") -> Floats:
    """(I - mu) / (sigma + 1) of a plane, mu and sigma being those of a 7x7 Gaussian window of sigma 7/6.

    Args:
        plane: (H, W), whole numbers on the scale 0..255 or averages of them.
        border: beyond it, its edge or zeros.
        flat: what is where I = mu, as in flat areas: the rounding error that MATLAB's arithmetic leaves, or zero.
    """
    padded = np.pad(plane, RADIUS, mode="edge") if border == "edge" else np.pad(plane, RADIUS)
    mean = _smooth(padded)
    deviation = _smooth(padded * padded)
    deviation -= mean * mean
    np.abs(deviation, out=deviation)
    np.sqrt(deviation, out=deviation)
    deviation += 1.0
    residue = np.subtract(plane, mean, out=mean)
    near = np.abs(residue) < NEAR
    if near.any():
        residue[near] = exact_residues(padded, near) if flat == "matlab" else 0.0
    return np.divide(residue, deviation, out=residue)


def normalised_in_float32(plane: Floats) -> Floats:
    """The same with a window that was rounded to float32, as pyiqa's is: it sums to 1 + 1.1e-8.

    So a flat area has the sign -, whatever rounds how.
    """
    import cv2  # imported where used: it takes 0.1 s

    column = np.exp(-(np.arange(-RADIUS, RADIUS + 1.0) ** 2) / (2 * SIGMA**2))
    window = column[:, None] * column
    window = (window / window.sum()).astype(np.float32).astype(np.float64)
    mean, square = (cv2.filter2D(each, -1, window, borderType=cv2.BORDER_REPLICATE) for each in (plane, plane * plane))
    deviation = np.sqrt(np.abs(square - mean * mean) + np.finfo(np.float64).eps)
    coefficients: Floats = (plane - mean) / (deviation + 1.0)
    return coefficients


def _smooth(padded: Floats) -> Floats:
    """The Gaussian means of a plane that has its border; sums in one order, for the same bits on every CPU."""
    for axis in (0, 1):
        size = padded.shape[axis] - 2 * RADIUS
        slices = [padded[k : k + size] if axis == 0 else padded[:, k : k + size] for k in range(2 * RADIUS + 1)]
        out = slices[RADIUS] * GAUSSIAN[RADIUS]
        pair = np.empty_like(out)
        for k in range(RADIUS):
            np.add(slices[k], slices[-1 - k], out=pair)
            pair *= GAUSSIAN[k]
            out += pair
        padded = out
    return padded


# fits -------------------------------------------------------------------------------------------------------------


class Moments(NamedTuple):
    """Of some values: the mean of them without sign, of their squares, and the roots of each side's mean square."""

    magnitude: float
    square: float
    left: float
    right: float


def moments(values: Floats) -> Moments:
    """Moments of an array; a side without values is NaN. Zeros are on neither side."""
    side = np.minimum(values, 0.0)
    below, magnitude = np.count_nonzero(side), -float(side.sum())
    np.multiply(side, side, out=side)
    left = float(side.sum())
    np.maximum(values, 0.0, out=side)
    above = np.count_nonzero(side)
    magnitude += float(side.sum())
    np.multiply(side, side, out=side)
    right = float(side.sum())
    return Moments(
        magnitude / values.size,
        (left + right) / values.size,
        float(np.sqrt(left / below)) if below else float("nan"),
        float(np.sqrt(right / above)) if above else float("nan"),
    )


class BlockGrid(NamedTuple):
    """The shapes that are tried, (9801,): 0.2, 0.201 … 10; their ratio G(2/a)^2 / (G(1/a) G(3/a)) and other ratios."""

    alpha: Floats
    ratio: Floats
    to_beta: Floats
    """sqrt(G(1/a) / G(3/a))"""
    to_mean: Floats
    """G(2/a) / G(1/a)"""


@lru_cache(maxsize=1)
def grid() -> BlockGrid:
    """The shapes, as MATLAB's ``0.2:0.001:10`` has them."""
    alpha = np.arange(200, 10001) / 1000.0
    first, second, third = (np.array([math.gamma(k / a) for a in alpha.tolist()]) for k in (1.0, 2.0, 3.0))
    return BlockGrid(alpha, second**2 / (first * third), np.sqrt(first / third), second / first)


def nearest(rising: Floats, wanted: float) -> int:
    """Where a rising array comes nearest to a number, by squares; the first place for NaN and on ties."""
    if wanted != wanted:
        return 0
    at = int(np.searchsorted(rising, wanted))
    low, high = max(at - 1, 0), min(at, len(rising) - 1)
    return high if (rising[high] - wanted) ** 2 < (rising[low] - wanted) ** 2 else low


def asymmetric_shape(found: Moments) -> int:
    """The place in :func:`grid` of the asymmetric generalised Gaussian that has these moments."""
    with np.errstate(all="ignore"):
        g = np.float64(found.left) / found.right
        rhat = np.float64(found.magnitude) ** 2 / found.square
        return nearest(grid().ratio, float(rhat * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2))


def shifted_product(block: Floats, shift: tuple[int, int], out: Floats) -> Floats:
    """A block (n, m) times itself moved round by (dy, dx), each -1, 0 or 1."""
    dy, dx = shift
    for to_y, from_y in _halves_of(dy):
        for to_x, from_x in _halves_of(dx):
            np.multiply(block[to_y, to_x], block[from_y, from_x], out=out[to_y, to_x])
    return out


def _halves_of(step: int) -> tuple[tuple[slice, slice], ...]:
    """The parts of an axis that a circular shift moves: where to, and where from."""
    if step == 0:
        return ((slice(None), slice(None)),)
    ahead, behind, first, last = slice(1, None), slice(None, -1), slice(0, 1), slice(-1, None)
    return ((ahead, behind), (first, last)) if step > 0 else ((behind, ahead), (last, first))
