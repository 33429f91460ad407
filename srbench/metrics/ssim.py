"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) with the two windows that the published tables use.

Both weigh by a Gaussian of 11x11 pixels and sigma 1.5, with K = (0.01, 0.03) and population moments. ``ssim_index``,
the authors' code, keeps the pixels whose window lies inside the image; MATLAB's own ``ssim()`` replicates the border
and averages over the whole image.

The variances and the covariance come from a + b and a - b: Var(a+b) - Var(a-b) = 4 Cov(a,b), so four filters do
instead of five, and the errors of float32 largely cancel: 2e-7 on the mean of a photograph, and up to 3e-6 where much
of an image is flat and far from its mean. There pixels take few values, so the filters round most of them the same way,
by 3e-8 of the value, and a variance is the small difference of two large ones.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.bands import Bands, Plane, bands
from srbench.imaging.resize import round_half_up
from srbench.metrics.metric import Metric, Pair
from srbench.metrics.pixel import require_same_shape
from srbench.metrics.sums import BlockSum, PairwiseSum, channel_sums

Floats: TypeAlias = NDArray[np.float64]

RADIUS = 5
SIGMA = 1.5
K1, K2 = 0.01, 0.03
SMALL = 128 * 128
"""Images of fewer values are computed in float64: a mean over few windows keeps their rounding errors."""


def gaussian_window() -> NDArray[np.float64]:
    """The 11 weights of one axis; they sum to 1."""
    x = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-(x**2) / (2 * SIGMA**2))
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def ssim(
    sr: Plane,
    target: Plane,
    *,
    peak: float = 255.0,
    window: Literal["valid", "same"] = "valid",
    clipped: bool = False,
    exact: bool = False,
) -> float:
    """Mean structural similarity of two images; channels are averaged.

    Args:
        sr: (H, W) or (H, W, C) on the scale 0..peak.
        target: the same shape.
        peak: the largest value that a pixel can have.
        window: ``valid`` for ``ssim_index``, ``same`` for MATLAB's ``ssim()``.
        clipped: take the contrast-structure term for 0 where it is negative, as pyiqa does.
        exact: compute in float64 instead of float32, as small images are anyway: within 1e-10 of the definition instead
            of 3e-6, in several times the time.

    Raises:
        ValueError: the shapes differ, or no window fits into the image.
    """
    require_same_shape(sr, target)
    if window == "valid" and min(sr.shape[:2]) < 2 * RADIUS + 1:
        raise ValueError(f"SSIM needs at least 11x11 pixels, and {sr.shape[1]}x{sr.shape[0]} are left to score")
    dtype = np.float64 if exact or sr.size < SMALL else np.float32
    inside = RADIUS if window == "valid" else 0
    height, samples = sr.shape[0] - 2 * inside, math.prod(sr.shape[1:])
    pair = _Sides(sr, target)
    # variances do not see an offset, and small numbers lose fewer bits; less a whole one, 8-bit pixels are exact in
    # float32, and so are their squares
    step = peak / 255
    offsets = tuple(np.rint(mean / step) * step for mean in pair.means())
    exactly, roughly, taken = PairwiseSum((samples - 2 * inside * math.prod(sr.shape[2:])) * height), BlockSum(), 0
    for rows in bands(height, samples, halo=RADIUS):
        seen = slice(max(rows.start + inside - RADIUS, 0), min(rows.stop + inside + RADIUS, sr.shape[0]))
        found = _similarity(*pair.rows(seen), offsets, dtype, peak, clipped=clipped)
        top = rows.start + inside - seen.start
        found = found[top : top + rows.stop - rows.start, inside : sr.shape[1] - inside]
        if dtype is np.float64:
            exactly.add(taken, found)
        else:
            roughly.add(found)
        taken += found.size
    return (exactly if dtype is np.float64 else roughly).total() / taken


class _Sides:
    """The sum and the difference of two images, in float64; those of an image of one band are kept."""

    def __init__(self, sr: Plane, target: Plane) -> None:
        self._images = sr, target
        self._kept: tuple[slice, Floats, Floats] | None = None

    def rows(self, rows: slice) -> tuple[Floats, Floats]:
        """Some rows of both, (h, W) or (h, W, C)."""
        if self._kept is None or not (self._kept[0].start <= rows.start and rows.stop <= self._kept[0].stop):
            sr, target = (image[rows] for image in self._images)
            self._kept = rows, np.add(sr, target, dtype=np.float64), np.subtract(sr, target, dtype=np.float64)
        kept, total, difference = self._kept
        part = slice(rows.start - kept.start, rows.stop - kept.start)
        return total[part], difference[part]

    def means(self) -> tuple[Any, ...]:
        """The mean of each channel of both."""
        shape = self._images[0].shape
        if len(shape) == 2:
            sums, taken = [PairwiseSum(shape[0] * shape[1]) for _ in self._images], 0
            for rows in bands(*shape, halo=RADIUS):
                for total, values in zip(sums, self.rows(rows), strict=True):
                    total.add(taken, values)
                taken += (rows.stop - rows.start) * shape[1]
            return tuple(np.float64(total.total() / taken) for total in sums)
        found: list[Any] = [None, None]
        for rows in bands(*shape, halo=RADIUS):
            found = [channel_sums(before, values) for before, values in zip(found, self.rows(rows), strict=True)]
        return tuple(total / (shape[0] * shape[1]) for total in found)


def _similarity(
    total: Floats, difference: Floats, offsets: tuple[Any, ...], dtype: type, peak: float, *, clipped: bool
) -> NDArray[Any]:
    """SSIM around each pixel, of the sum and the difference of two images; the border is replicated."""
    import cv2  # imported where used: it takes 0.1 s, and reports only read numbers

    kernel = gaussian_window()

    def smooth(image: NDArray[Any]) -> NDArray[Any]:
        out: NDArray[Any] = cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
        return out

    total = (total - offsets[0]).astype(dtype)
    difference = (difference - offsets[1]).astype(dtype)
    mean_total, mean_difference = smooth(total), smooth(difference)
    var_total = smooth(total * total) - mean_total * mean_total
    var_difference = smooth(difference * difference) - mean_difference * mean_difference
    square_total = (mean_total + offsets[0].astype(dtype)) ** 2
    square_difference = (mean_difference + offsets[1].astype(dtype)) ** 2
    c1, c2 = dtype(2 * (K1 * peak) ** 2), dtype(2 * (K2 * peak) ** 2)
    contrast = var_total - var_difference + c2
    if clipped:
        np.maximum(contrast, 0, out=contrast)
    numerator = (square_total - square_difference + c1) * contrast
    denominator = (square_total + square_difference + c1) * (var_total + var_difference + c2)
    similarity: NDArray[Any] = numerator / denominator
    return similarity


def protocol_ssim(pair: Pair) -> float:
    """SSIM as the pair's protocol has it."""
    how = pair.protocol
    sr: Plane = pair.sr
    target: Plane = pair.target
    if how.ssim_luma == "uint8":
        sr, target = _rounded(sr), _rounded(target)
    return ssim(sr, target, window=how.ssim_window, clipped=how.ssim_contrast == "clipped")


def _rounded(image: Plane) -> Bands:
    return Bands(image.shape, lambda rows: round_half_up(image[rows]))


SSIM = Metric("ssim", protocol_ssim, in_bands=True)
