"""SSIM with the windows that people use."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from statistics import fmean
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.pixel import require_same_shape
from srbench.metrics.ssim import K1, K2, gaussian_window, ssim

Window = Literal["valid", "same", "clipped", "uniform", "uniform-2", "sample", "zero", "halved", "reflect", "range"]
Floats: TypeAlias = NDArray[np.float64]
PEAK = 255.0
UNIFORM = 7
"""Side of scikit-image's default window."""


def windowed_ssims(sr: Floats, target: Floats, windows: Collection[Window]) -> dict[Window, float]:
    """Mean SSIM of two images, (H, W) or (H, W, 3) on the scale 0..255, by window; channels are averaged.

    Args:
        sr: the one image.
        target: the other, of the same shape.
        windows: ``valid`` for ``ssim_index`` and the programs that compute it: BasicSR, TensorFlow, pytorch-msssim;
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
    peak = max(float(np.ptp(sr)), float(np.ptp(target))) or PEAK if "range" in windows else PEAK
    each = []
    for one, other in _planes(sr, target):  # one by one, the channels stay in the processor's cache
        pair = _Pair(one, other, peak)
        each.append({window: pair.ssim(window) for window in windows})
    return {window: fmean(found[window] for found in each) for window in windows}


def _planes(sr: Floats, target: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The channels of two images, one by one."""
    one, other = (np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)) for image in (sr, target))
    return zip(one, other, strict=True)


class _Pair:
    """Two planes, (H, W); what several windows need of them is computed once.

    Args:
        sr: the one.
        target: the other.
        peak: of the window ``range``.
    """

    def __init__(self, sr: Floats, target: Floats, peak: float) -> None:
        self._sr = sr
        self._target = target
        self._peak = peak

    def ssim(self, window: Window) -> float:
        sr, target = self._sr, self._target
        match window:
            case "valid":
                return self._valid
            case "same":
                return ssim(sr, target, window="same")
            case "clipped":
                return ssim(sr, target, clipped=True)
            case "halved":
                factor = max(1, round(min(sr.shape) / 256))
                return self._valid if factor == 1 else ssim(_averaged(sr, factor), _averaged(target, factor))
            case "zero":
                return _ssim_of(_whole_moments(sr, target, "zero"), PEAK)
            case "reflect":
                return _ssim_of(self._mirrored, PEAK)
            case "range":
                return _ssim_of(self._mirrored, self._peak)
            case "sample":
                return _ssim_of(_sample_moments(sr, target, gaussian_window()), PEAK)
            case "uniform":
                return _ssim_of(self._uniform, PEAK)
            case "uniform-2":
                return _ssim_of(self._uniform, 2 * PEAK)

    @cached_property
    def _valid(self) -> float:
        return ssim(self._sr, self._target)

    @cached_property
    def _mirrored(self) -> _Moments:
        return _whole_moments(self._sr, self._target, "reflect")

    @cached_property
    def _uniform(self) -> _Moments:
        return _sample_moments(self._sr, self._target, np.full(UNIFORM, 1.0 / UNIFORM))


def _averaged(image: Floats, factor: int) -> Floats:
    """Means of blocks of so many pixels squared."""
    height, width = (side // factor for side in image.shape)
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor)
    averaged: Floats = blocks.mean(axis=(1, 3))
    return averaged


class _Moments(NamedTuple):
    """By pixel; twice what their names say."""

    product_of_means: NDArray[Any]
    squares_of_means: NDArray[Any]
    covariance: NDArray[Any]
    variances: NDArray[Any]


def _ssim_of(moments: _Moments, peak: float) -> float:
    """The definition."""
    c1, c2 = (moments.variances.dtype.type(2 * (k * peak) ** 2) for k in (K1, K2))
    numerator = (moments.product_of_means + c1) * (moments.covariance + c2)
    numerator /= (moments.squares_of_means + c1) * (moments.variances + c2)
    return float(np.mean(numerator, dtype=np.float64))


def _whole_moments(sr: Floats, target: Floats, border: Literal["zero", "reflect"]) -> _Moments:
    """With a window round every pixel: beyond the edge all is 0, or mirrored without the edge."""
    import cv2

    weights = gaussian_window()
    beyond = cv2.BORDER_CONSTANT if border == "zero" else cv2.BORDER_REFLECT_101
    one, other, squares, products = (
        cv2.sepFilter2D(plane, -1, weights, weights, borderType=beyond)
        for plane in (sr, target, sr * sr + target * target, sr * target)
    )
    product, both = one * other, one * one + other * other
    return _Moments(4 * product, 2 * both, 4 * (products - product), 2 * (squares - both))


def _sample_moments(sr: Floats, target: Floats, weights: Floats) -> _Moments:
    """As scikit-image has them: covariances are divided by one less than the window's pixels.

    From a + b and a - b, in float32 about their means, for the reasons that :mod:`srbench.metrics.ssim` gives.

    Raises:
        ValueError: the window does not fit.
    """
    import cv2

    side = len(weights)
    if min(sr.shape) < side:
        raise ValueError(f"SSIM needs at least {side}x{side} pixels, and {sr.shape[1]}x{sr.shape[0]} are left to score")
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
    return _Moments(
        square_total - square_difference,
        square_total + square_difference,
        var_total - var_difference,
        var_total + var_difference,
    )
