"""SSIM with the windows that people use."""

from __future__ import annotations

from statistics import fmean
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.pixel import require_same_shape
from srbench.metrics.ssim import K1, K2, RADIUS, gaussian_window, ssim

Window = Literal["valid", "same", "uniform", "sample"]
Floats: TypeAlias = NDArray[np.float64]
UNIFORM = 7
"""Side of scikit-image's default window."""


def windowed_ssim(sr: Floats, target: Floats, window: Window) -> float:
    """Mean SSIM of two images, (H, W) or (H, W, 3) on the scale 0..255; channels are averaged.

    Args:
        sr: the one image.
        target: the other, of the same shape.
        window: ``valid`` for ``ssim_index``; ``same`` for MATLAB's ``ssim()``; ``uniform`` for scikit-image's default
            (7x7, unweighted, sample covariance); ``sample`` for its ``gaussian_weights=True`` (11x11, the same).

    Raises:
        ValueError: the shapes differ, or no window fits into the image.
    """
    require_same_shape(sr, target)
    if sr.ndim == 3:  # one by one, the channels stay in the processor's cache
        channels = (np.ascontiguousarray(image.transpose(2, 0, 1)) for image in (sr, target))
        return fmean(windowed_ssim(one, other, window) for one, other in zip(*channels, strict=True))
    if window in ("valid", "same"):
        return ssim(sr, target, window="valid" if window == "valid" else "same")
    side = UNIFORM if window == "uniform" else 2 * RADIUS + 1
    if min(sr.shape) < side:
        raise ValueError(f"SSIM needs at least {side}x{side} pixels, and {sr.shape[1]}x{sr.shape[0]} are left to score")
    return _sample_ssim(sr, target, side, np.full(side, 1.0 / side) if window == "uniform" else gaussian_window())


def _sample_ssim(sr: Floats, target: Floats, side: int, weights: Floats) -> float:
    """The definition as scikit-image has it: covariances are divided by one less than the window's pixels.

    From a + b and a - b, in float32 about their means, for the reasons that :mod:`srbench.metrics.ssim` gives.
    """
    import cv2

    half = side // 2

    def moments(image: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
        offset = image.mean()
        centred = (image - offset).astype(np.float32)
        mean, square = (
            cv2.sepFilter2D(plane, -1, weights, weights)[half:-half, half:-half]
            for plane in (centred, centred * centred)
        )
        return (mean + np.float32(offset)) ** 2, np.float32(side**2 / (side**2 - 1)) * (square - mean * mean)

    square_total, var_total = moments(sr + target)
    square_difference, var_difference = moments(sr - target)
    c1, c2 = (np.float32(2 * (k * 255.0) ** 2) for k in (K1, K2))
    numerator = (square_total - square_difference + c1) * (var_total - var_difference + c2)
    denominator = (square_total + square_difference + c1) * (var_total + var_difference + c2)
    return float(np.mean(numerator / denominator, dtype=np.float64))
