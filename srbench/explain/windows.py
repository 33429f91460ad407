"""SSIM with the windows that people use."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.pixel import require_same_shape
from srbench.metrics.ssim import K1, K2, RADIUS, gaussian_window, ssim

Window = Literal["valid", "same", "clipped", "uniform", "uniform-2", "sample", "zero", "halved", "reflect", "range"]
Floats: TypeAlias = NDArray[np.float64]
PEAK = 255.0
UNIFORM = 7
"""Side of scikit-image's default window."""


def windowed_ssim(sr: Floats, target: Floats, window: Window) -> float:
    """Mean SSIM of two images, (H, W) or (H, W, 3) on the scale 0..255; channels are averaged.

    Args:
        sr: the one image.
        target: the other, of the same shape.
        window: ``valid`` for ``ssim_index`` and the programs that compute it: BasicSR, TensorFlow, pytorch-msssim;
            ``same`` for MATLAB's ``ssim()``;
            ``clipped`` for pyiqa, which takes a negative contrast-structure term for 0;
            ``uniform`` for scikit-image's default (7x7, unweighted, sample covariance);
            ``uniform-2`` for that with a data range of 2, which it long assumed of floats in [0, 1];
            ``sample`` for its ``gaussian_weights=True`` (11x11, sample covariance);
            ``zero`` for pytorch-ssim, which pads with 0 and averages over the whole image;
            ``halved`` for piq, which averages blocks of pixels first where no side has less than 384;
            ``reflect`` for torchmetrics, which mirrors the image at its edge and averages over the whole image;
            ``range`` for torchmetrics without a data range, which is then the larger one of the two images'.

    Raises:
        ValueError: the shapes differ, or no window fits into the image.
    """
    require_same_shape(sr, target)
    if window == "range":
        peak = max(float(np.ptp(sr)), float(np.ptp(target))) or PEAK
        return fmean(_whole_ssim(one, other, "reflect", peak) for one, other in _planes(sr, target))
    if sr.ndim == 3:  # one by one, the channels stay in the processor's cache
        return fmean(windowed_ssim(one, other, window) for one, other in _planes(sr, target))
    if window == "halved":
        sr, target = _averaged(sr), _averaged(target)
    if window in ("valid", "same", "clipped", "halved"):
        return ssim(sr, target, window="same" if window == "same" else "valid", clipped=window == "clipped")
    if window in ("zero", "reflect"):
        return _whole_ssim(sr, target, window)
    side = 2 * RADIUS + 1 if window == "sample" else UNIFORM
    if min(sr.shape) < side:
        raise ValueError(f"SSIM needs at least {side}x{side} pixels, and {sr.shape[1]}x{sr.shape[0]} are left to score")
    weights = gaussian_window() if window == "sample" else np.full(side, 1.0 / side)
    return _sample_ssim(sr, target, weights, 2 * PEAK if window == "uniform-2" else PEAK)


def _planes(sr: Floats, target: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The channels of two images, one by one."""
    one, other = (np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)) for image in (sr, target))
    return zip(one, other, strict=True)


def _averaged(image: Floats) -> Floats:
    """Means of blocks of f x f pixels, f being the shorter side in units of 256 pixels, rounded."""
    factor = max(1, round(min(image.shape) / 256))
    height, width = (side // factor for side in image.shape)
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor)
    averaged: Floats = blocks.mean(axis=(1, 3))
    return averaged


def _whole_ssim(sr: Floats, target: Floats, border: Window, peak: float = PEAK) -> float:
    """The definition, with a window round every pixel: beyond the edge all is 0, or mirrored without the edge."""
    import cv2

    weights = gaussian_window()
    beyond = cv2.BORDER_CONSTANT if border == "zero" else cv2.BORDER_REFLECT_101
    one, other, squares, other_squares, products = (
        cv2.sepFilter2D(plane, -1, weights, weights, borderType=beyond)
        for plane in (sr, target, sr * sr, target * target, sr * target)
    )
    c1, c2 = ((k * peak) ** 2 for k in (K1, K2))
    variances = squares - one * one + other_squares - other * other
    covariance = products - one * other
    numerator = (2 * one * other + c1) * (2 * covariance + c2)
    return float(np.mean(numerator / ((one * one + other * other + c1) * (variances + c2))))


def _sample_ssim(sr: Floats, target: Floats, weights: Floats, peak: float) -> float:
    """The definition as scikit-image has it: covariances are divided by one less than the window's pixels.

    From a + b and a - b, in float32 about their means, for the reasons that :mod:`srbench.metrics.ssim` gives.
    """
    import cv2

    side = len(weights)
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
    c1, c2 = (np.float32(2 * (k * peak) ** 2) for k in (K1, K2))
    numerator = (square_total - square_difference + c1) * (var_total - var_difference + c2)
    denominator = (square_total + square_difference + c1) * (var_total + var_difference + c2)
    return float(np.mean(numerator / denominator, dtype=np.float64))
