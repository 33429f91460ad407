"""BT.601 in studio swing (Y in 16..235, Cb and Cr in 16..240), as MATLAB's ``rgb2ycbcr`` and ``ycbcr2rgb``.

Values are on the scale 0..255 throughout. Integer input gives integer output, rounded; floating-point input is
neither rounded nor clipped. (Public code often carries 64.738 for the red weight 65.481: that lifts PSNR by 0.04 dB.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.resize import round_half_up

_TO_YCBCR = (
    np.array(
        [
            [65.481, 128.553, 24.966],
            [-37.797, -74.203, 112.0],
            [112.0, -93.786, -18.214],
        ]
    )
    / 255.0
)
_OFFSET = np.array([16.0, 128.0, 128.0])
_TO_RGB: NDArray[np.float64] = np.linalg.inv(_TO_YCBCR).astype(np.float64)

Image = NDArray[np.uint8] | NDArray[np.float64]


def rgb_to_ycbcr(rgb: Image) -> Image:
    """(H, W, 3) RGB to Y, Cb, Cr."""
    out = np.empty(rgb.shape)
    for rows in _blocks(rgb):
        _put(out[rows], _sums(_planes(rgb[rows]), _TO_YCBCR))
        out[rows] += _OFFSET
    return _rounded(out) if rgb.dtype == np.uint8 else out


def ycbcr_to_rgb(ycbcr: Image) -> Image:
    """(H, W, 3) Y, Cb, Cr to RGB; integers are rounded and saturated."""
    out = np.empty(ycbcr.shape)
    for rows in _blocks(ycbcr):
        _put(out[rows], _to_rgb(_planes(ycbcr[rows])))
    return _rounded(out) if ycbcr.dtype == np.uint8 else out


def with_luma(rgb: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """(H, W, 3) RGB that has another luma, (H, W), and its own chroma: by both functions above, not rounded."""
    out = np.empty(rgb.shape)
    for rows in _blocks(rgb):
        chroma = _sums(_planes(rgb[rows]), _TO_YCBCR[1:])
        for plane in chroma:
            plane += _OFFSET[1]
        _put(out[rows], _to_rgb([y[rows].astype(np.float64), *chroma]))
    return out


def luma(image: Image) -> NDArray[np.float64]:
    """(H, W, 3) RGB to (H, W) Y, not rounded; a gray image (H, W) is its own luma, as in the published tables."""
    if image.ndim == 2:
        return image.astype(np.float64)
    return weighted_sum(image, _TO_YCBCR[0], 16.0)


def in_colour(image: NDArray[Any]) -> NDArray[Any]:
    """A gray image (H, W) as (H, W, 3) with three equal channels; an RGB image as it is."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def is_gray(image: NDArray[Any]) -> bool:
    """Whether an image has no colour: it is (H, W), or its three channels are equal."""
    return image.ndim == 2 or bool((image == image[..., :1]).all())


def gray_of(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, 3) RGB to (H, W) full-range gray by the weights of :func:`luma`: the inverse of repeating a gray image."""
    return weighted_sum(rgb, _TO_YCBCR[0] * 255.0 / 219.0)


Planes = Sequence[NDArray[np.float64]]


def _planes(image: NDArray[Any]) -> Planes:
    """Copies of the channels of (h, W, 3), each in one piece, (h, W), which is faster to compute with."""
    return [image[..., channel].astype(np.float64, order="C") for channel in range(3)]


def _sums(planes: Planes, matrix: NDArray[np.float64]) -> Planes:
    """The channels weighted by each row of a matrix and summed in their order.

    A matrix product's last bits depend on the machine and on how an array lies in memory.
    """
    found = []
    for weights in matrix:
        total = planes[0] * weights[0]
        for plane, weight in zip(planes[1:], weights[1:], strict=True):
            total += plane * weight
        found.append(total)
    return found


def _to_rgb(ycbcr: Planes) -> Planes:
    """Y, Cb and Cr, which are overwritten, to R, G and B."""
    for plane, offset in zip(ycbcr, _OFFSET, strict=True):
        np.subtract(plane, offset, out=plane)
    return _sums(ycbcr, _TO_RGB)


def _put(image: NDArray[np.float64], planes: Planes) -> None:
    """Planes into the channels of an image."""
    for channel, plane in enumerate(planes):
        image[..., channel] = plane


def _rounded(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    return round_half_up(image, out=image).astype(np.uint8)


def weighted_sum(image: NDArray[Any], weights: NDArray[np.float64], offset: float = 0.0) -> NDArray[np.float64]:
    """(H, W, 3) to (H, W): channels summed by weights, in their order, plus an offset."""
    total = np.empty(image.shape[:2])
    for rows in _blocks(image):
        part, block = image[rows], total[rows]
        np.multiply(part[..., 0], weights[0], out=block)
        for channel in (1, 2):
            block += part[..., channel] * weights[channel]
        block += offset
    return total


def _blocks(image: NDArray[Any]) -> Iterator[slice]:
    """Rows of an image in blocks that caches hold."""
    step = max(1, 8192 // max(image.shape[1], 1))
    return (slice(top, top + step) for top in range(0, len(image), step))
