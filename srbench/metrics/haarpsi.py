"""HaarPSI: the Haar wavelet-based perceptual similarity index (Reisenhofer, Bosse, Kutyniok, Wiegand 2018).

Signal Processing: Image Communication 61, sections 2 and 3, and the authors' MATLAB and Python code: constants, colour
matrix, subsampling and borders are theirs. It compares Haar wavelets of 2 and 4 pixels, weighted by those of 8 pixels,
and chroma; 1 for equal images. It needs no weights, and agrees with human opinion as well as the best such metrics
(docs/reference/metrics.md).

By definition images are first halved, for the viewing distance. This removes the finest detail, which matters at x2:
repeated pixels score better than blur there. ``haarpsi-full`` omits that step, an option of the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.bands import MULTIPLE, bands
from srbench.metrics.metric import Metric
from srbench.metrics.pixel import require_same_shape
from srbench.metrics.sums import PairwiseSum

C = 30.0
_ALPHA = 4.2
REACH = MULTIPLE
"""Rows beyond each side of a band that are seen: the largest wavelet reaches 4 of them."""
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))

Map = NDArray[Any]
"""float32 (H, W)."""


def haarpsi(sr: NDArray[Any], target: NDArray[Any], *, peak: float = 255.0, subsample: bool = True) -> float:
    """Perceptual similarity from 0 to 1, computed in float32 (within 1e-6 of float64).

    Args:
        sr: (H, W) gray, which has no chroma to compare, or (H, W, 3) RGB, on the scale 0..peak.
        target: the same shape.
        peak: the largest value that a pixel can have.
        subsample: compare the images at half their size, as defined.

    Raises:
        ValueError: the shapes differ or are invalid, or there is no pixel.
    """
    require_same_shape(sr, target)
    if sr.ndim != 2 and sr.shape[2:] != (3,):
        raise ValueError(f"HaarPSI compares gray (H, W) or RGB (H, W, 3) images, not {sr.shape}")
    halves = 2 if subsample else 1
    height, width = (-(-side // halves) for side in sr.shape[:2])
    count = 2 if sr.ndim == 2 else 3
    weights, scores = PairwiseSum(count * height * width), PairwiseSum(count * height * width)
    for rows in bands(height, width, count, halo=REACH):
        seen = slice(max(rows.start - REACH, 0), min(rows.stop + REACH, height))
        part = slice(seen.start * halves, seen.stop * halves)
        a, b = (_yiq(image[part], 255.0 / peak, subsample) for image in (sr, target))
        for number, (weight, similarity) in enumerate(_maps(a, b)):
            inner = slice(rows.start - seen.start, rows.stop - seen.start)
            # in float64, since the logarithm below magnifies errors: equal images are to give 1
            weight, similarity = (x[inner].astype(np.float64) for x in (weight, similarity))
            start = (number * height + rows.start) * width
            weights.add(start, weight)
            scores.add(start, weight / (1 + np.exp(-_ALPHA * similarity)))
    total = weights.total()
    if total == 0:  # both images are black
        return 1.0
    score = np.float64(scores.total() / total)
    return float((np.log(score / (1 - score)) / _ALPHA) ** 2)


def _maps(a: list[Map], b: list[Map]) -> Iterator[tuple[Map, Map]]:
    """How much each pixel counts, and how similar it is: by two directions, and by chroma."""
    weights = []
    for vertical in (False, True):
        fine = [_similarity(_haar(a[0], size, vertical), _haar(b[0], size, vertical)) for size in (2, 4)]
        weights.append(np.maximum(np.abs(_haar(a[0], 8, vertical)), np.abs(_haar(b[0], 8, vertical))))
        yield weights[-1], (fine[0] + fine[1]) / 2
    if len(a) == 3:
        chroma = [_similarity(np.abs(_mean4(x)), np.abs(_mean4(y))) for x, y in zip(a[1:], b[1:], strict=True)]
        yield (weights[0] + weights[1]) / 2, (chroma[0] + chroma[1]) / 2


def _yiq(image: NDArray[Any], factor: float, subsample: bool) -> list[Map]:
    """Y, I and Q, or gray alone, on the scale 0..255; at half size the mean of each 2x2 pixels.

    Beyond the lower and the right border there are zeros, as in MATLAB's ``conv2(..., 'same')``.
    """
    import cv2  # imported where used: it takes 0.1 s, and reports only read numbers

    planes: NDArray[Any] = image.astype(np.float32)
    if subsample:
        odd = (image.shape[0] % 2, image.shape[1] % 2)
        even = cv2.copyMakeBorder(planes, 0, odd[0], 0, odd[1], cv2.BORDER_CONSTANT, value=0) if any(odd) else planes
        planes = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if planes.ndim == 2:
        return [planes * np.float32(factor)]
    return list(cv2.split(cv2.transform(planes, np.array(YIQ) * factor)))


def _haar(plane: Map, size: int, vertical: bool) -> Map:
    """One channel of the wavelet transform, not decimated: sums of half windows subtracted, over the window's side."""
    import cv2

    flat = np.full(size, 1 / size)
    step = np.repeat((1.0, -1.0), size // 2)
    horizontal_kernel, vertical_kernel = (flat, step) if vertical else (step, flat)
    at = size // 2 - 1
    out: Map = cv2.sepFilter2D(
        plane, -1, horizontal_kernel, vertical_kernel, anchor=(at, at), borderType=cv2.BORDER_CONSTANT
    )
    return out


def _mean4(plane: Map) -> Map:
    """The mean of each pixel and its three neighbours to the right and below."""
    import cv2

    half = np.full(2, 0.5)
    out: Map = cv2.sepFilter2D(plane, -1, half, half, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    return out


def _similarity(a: Map, b: Map) -> Map:
    """(2 |a| |b| + C) / (a^2 + b^2 + C)."""
    product = np.abs(a * b)
    similarity: Map = (product + product + np.float32(C)) / (a * a + b * b + np.float32(C))
    return similarity


HAARPSI = Metric("haarpsi", lambda pair: haarpsi(pair.sr, pair.target), input="image")
HAARPSI_FULL = Metric("haarpsi-full", lambda pair: haarpsi(pair.sr, pair.target, subsample=False), input="image")
