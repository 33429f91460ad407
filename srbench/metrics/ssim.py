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

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.resize import round_half_up
from srbench.metrics.metric import Metric, Pair
from srbench.metrics.pixel import require_same_shape

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
    sr: NDArray[Any],
    target: NDArray[Any],
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
    import cv2  # imported where used: it takes 0.1 s, and reports only read numbers

    dtype = np.float64 if exact or sr.size < SMALL else np.float32
    kernel = gaussian_window()

    def smooth(image: NDArray[Any]) -> NDArray[Any]:
        out: NDArray[Any] = cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
        return out[RADIUS:-RADIUS, RADIUS:-RADIUS] if window == "valid" else out

    total = np.add(sr, target, dtype=np.float64)
    difference = np.subtract(sr, target, dtype=np.float64)
    # variances do not see an offset, and small numbers lose fewer bits; less a whole one, 8-bit pixels are exact in
    # float32, and so are their squares
    step = peak / 255
    offset_total = np.rint(total.mean(axis=(0, 1)) / step) * step
    offset_difference = np.rint(difference.mean(axis=(0, 1)) / step) * step
    total = (total - offset_total).astype(dtype)
    difference = (difference - offset_difference).astype(dtype)
    mean_total, mean_difference = smooth(total), smooth(difference)
    var_total = smooth(total * total) - mean_total * mean_total
    var_difference = smooth(difference * difference) - mean_difference * mean_difference
    square_total = (mean_total + offset_total.astype(dtype)) ** 2
    square_difference = (mean_difference + offset_difference.astype(dtype)) ** 2
    c1, c2 = dtype(2 * (K1 * peak) ** 2), dtype(2 * (K2 * peak) ** 2)
    contrast = var_total - var_difference + c2
    if clipped:
        np.maximum(contrast, 0, out=contrast)
    numerator = (square_total - square_difference + c1) * contrast
    denominator = (square_total + square_difference + c1) * (var_total + var_difference + c2)
    return float(np.mean(numerator / denominator, dtype=np.float64))


def protocol_ssim(pair: Pair) -> float:
    """SSIM as the pair's protocol has it."""
    how = pair.protocol
    sr, target = pair.sr, pair.target
    if how.ssim_luma == "uint8":
        sr, target = round_half_up(sr), round_half_up(target)
    return ssim(sr, target, window=how.ssim_window, clipped=how.ssim_contrast == "clipped")


SSIM = Metric("ssim", protocol_ssim)
