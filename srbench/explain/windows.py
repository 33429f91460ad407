"""SSIM with the windows that people use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from statistics import fmean
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.resize import shave
from srbench.metrics.pixel import require_same_shape
from srbench.metrics.ssim import K1, K2, SMALL, gaussian_window, ssim

Window = Literal["valid", "same", "clipped", "uniform", "uniform-2", "sample", "zero", "halved", "reflect", "range"]
Floats: TypeAlias = NDArray[np.float64]
PEAK = 255.0
UNIFORM = 7
"""Side of scikit-image's default window."""
INSIDE: Mapping[Window, int] = {"valid": 11, "clipped": 11, "sample": 11, "uniform": UNIFORM, "uniform-2": UNIFORM}
"""Windows that lie inside the image, and their sides. What is shaved takes only those at its edge away."""
_LEAST = {**INSIDE, "halved": 11}


def windowed_ssims(
    sr: Floats, target: Floats, borders: Mapping[int, Collection[Window]]
) -> dict[tuple[int, Window], float]:
    """Mean SSIM of two images, (H, W) or (H, W, 3) on the scale 0..255, by window; channels are averaged.

    Args:
        sr: the one image.
        target: the other, of the same shape.
        borders: by the pixels that are shaved from every side, the windows:
            ``valid`` for ``ssim_index`` and the programs that compute it: BasicSR, TensorFlow, pytorch-msssim;
            ``same`` for MATLAB's ``ssim()``;
            ``clipped`` for pyiqa, which takes a negative contrast-structure term for 0;
            ``uniform`` for scikit-image's default (7x7, unweighted, sample covariance);
            ``uniform-2`` for that with a data range of 2, which it long assumed of floats in [0, 1];
            ``sample`` for its ``gaussian_weights=True`` (11x11, sample covariance);
            ``zero`` for pytorch-ssim, which pads with 0 and averages over the whole image;
            ``halved`` for piq, which averages blocks of pixels first where no side has less than 384;
            ``reflect`` for torchmetrics, which mirrors the image at its edge and averages over the whole image;
            ``range`` for torchmetrics without a data range, which is then the larger one of the two images'.

    Returns:
        By border and window.

    Raises:
        ValueError: the shapes differ, or no window fits into the image.
    """
    require_same_shape(sr, target)
    peaks = {}
    for border, windows in borders.items():
        left = min(sr.shape[:2]) - 2 * border
        side = max((_LEAST.get(window, 1) for window in windows), default=1)
        if left < side:
            size = f"{sr.shape[1] - 2 * border}x{sr.shape[0] - 2 * border}"
            raise ValueError(f"SSIM needs at least {side}x{side} pixels, and {size} are left to score")
        if "range" in windows:
            peaks[border] = max(float(np.ptp(shave(image, border))) for image in (sr, target)) or PEAK
    each = []
    for one, other in _planes(sr, target):  # one by one, the channels stay in the processor's cache
        pair = _Pair(one, other)
        found: dict[tuple[int, Window], float] = {}
        for border, windows in borders.items():
            shaved = _Shaved(pair, border, peaks.get(border, PEAK))
            found |= {(border, window): shaved.ssim(window) for window in windows}
        each.append(found)
    return {key: fmean(found[key] for found in each) for key in each[0]}


def _planes(sr: Floats, target: Floats) -> Iterator[tuple[Floats, Floats]]:
    """The channels of two images, one by one."""
    one, other = (np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)) for image in (sr, target))
    return zip(one, other, strict=True)


class _Pair:
    """Two planes, (H, W), and the similarity of every window that lies in them."""

    def __init__(self, sr: Floats, target: Floats) -> None:
        self.sr = sr
        self.target = target
        self._maps: dict[Window, NDArray[Any]] = {}

    def map(self, window: Window) -> NDArray[Any]:
        """Similarity by one of the windows that lie inside."""
        if window not in self._maps:
            moments = self._uniform if window in ("uniform", "uniform-2") else self._gaussian
            if window in ("uniform", "uniform-2", "sample"):
                moments = moments.of_samples(INSIDE[window])
            peak = 2 * PEAK if window == "uniform-2" else PEAK
            self._maps[window] = _similarity(moments, peak, clipped=window == "clipped")
        return self._maps[window]

    @cached_property
    def _gaussian(self) -> _Moments:
        return _moments(self.sr, self.target, gaussian_window())

    @cached_property
    def _uniform(self) -> _Moments:
        return _moments(self.sr, self.target, np.full(UNIFORM, 1.0 / UNIFORM))


class _Shaved:
    """Two planes less a border; what several windows need of them is computed once.

    Args:
        pair: the planes.
        border: pixels of every side.
        peak: of the window ``range``.
    """

    def __init__(self, pair: _Pair, border: int, peak: float) -> None:
        self._pair = pair
        self._border = border
        self._sr, self._target = shave(pair.sr, border), shave(pair.target, border)
        self._peak = peak

    def ssim(self, window: Window) -> float:
        sr, target = self._sr, self._target
        if window in INSIDE:
            return _mean(shave(self._pair.map(window), self._border))
        match window:
            case "same":
                return ssim(sr, target, window="same")
            case "halved":
                factor = max(1, round(min(sr.shape) / 256))
                return self.ssim("valid") if factor == 1 else ssim(_averaged(sr, factor), _averaged(target, factor))
            case "zero":
                return _mean(_similarity(_whole_moments(sr, target, "zero"), PEAK))
            case "reflect":
                return _mean(_similarity(self._mirrored, PEAK))
        return _mean(_similarity(self._mirrored, self._peak))

    @cached_property
    def _mirrored(self) -> _Moments:
        return _whole_moments(self._sr, self._target, "reflect")


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

    def of_samples(self, side: int) -> _Moments:
        """As scikit-image has them: covariances are divided by one less than the window's pixels."""
        factor = self.variances.dtype.type(side**2 / (side**2 - 1))
        return self._replace(covariance=factor * self.covariance, variances=factor * self.variances)


def _similarity(moments: _Moments, peak: float, *, clipped: bool = False) -> NDArray[Any]:
    """The definition."""
    c1, c2 = (moments.variances.dtype.type(2 * (k * peak) ** 2) for k in (K1, K2))
    contrast = moments.covariance + c2
    if clipped:
        np.maximum(contrast, 0, out=contrast)
    similarity: NDArray[Any] = (moments.product_of_means + c1) * contrast
    similarity /= (moments.squares_of_means + c1) * (moments.variances + c2)
    return similarity


def _mean(similarity: NDArray[Any]) -> float:
    return float(np.mean(similarity, dtype=np.float64))


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


def _moments(sr: Floats, target: Floats, weights: Floats) -> _Moments:
    """Of windows that lie inside: from a + b and a - b, in float32, for the reasons of :mod:`srbench.metrics.ssim`."""
    import cv2

    half = len(weights) // 2
    dtype = np.float64 if sr.size < SMALL else np.float32

    def moments(image: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
        offset = dtype(np.rint(image.mean()))
        centred: Any = (image - offset).astype(dtype)
        mean, square = (
            cv2.sepFilter2D(plane, -1, weights, weights)[half:-half, half:-half]
            for plane in (centred, centred * centred)
        )
        return (mean + offset) ** 2, square - mean * mean

    square_total, var_total = moments(sr + target)
    square_difference, var_difference = moments(sr - target)
    return _Moments(
        square_total - square_difference,
        square_total + square_difference,
        var_total - var_difference,
        var_total + var_difference,
    )
