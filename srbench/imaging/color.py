"""BT.601 in studio swing (Y in 16..235, Cb and Cr in 16..240), as MATLAB's ``rgb2ycbcr`` and ``ycbcr2rgb``.

Values are on the scale 0..255 throughout. Integer input gives integer output, rounded; floating-point input is
neither rounded nor clipped. (Public code often carries 64.738 for the red weight 65.481: that lifts PSNR by 0.04 dB.)
"""

from __future__ import annotations

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
    out = _transformed(rgb, _TO_YCBCR)
    out += _OFFSET
    return round_half_up(out).astype(np.uint8) if rgb.dtype == np.uint8 else out


def ycbcr_to_rgb(ycbcr: Image) -> Image:
    """(H, W, 3) Y, Cb, Cr to RGB; integers are rounded and saturated."""
    out = _transformed(ycbcr - _OFFSET, _TO_RGB)
    return round_half_up(out).astype(np.uint8) if ycbcr.dtype == np.uint8 else out


def luma(image: Image) -> NDArray[np.float64]:
    """(H, W, 3) RGB to (H, W) Y, not rounded; a gray image (H, W) is its own luma, as in the published tables."""
    if image.ndim == 2:
        return image.astype(np.float64)
    return weighted_sum(image, _TO_YCBCR[0]) + 16.0


def in_colour(image: NDArray[Any]) -> NDArray[Any]:
    """A gray image (H, W) as (H, W, 3) with three equal channels; an RGB image as it is."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def is_gray(image: NDArray[Any]) -> bool:
    """Whether an image has no colour: it is (H, W), or its three channels are equal."""
    return image.ndim == 2 or bool((image == image[..., :1]).all())


def gray_of(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, 3) RGB to (H, W) full-range gray by the weights of :func:`luma`: the inverse of repeating a gray image."""
    return weighted_sum(rgb, _TO_YCBCR[0] * 255.0 / 219.0)


def _transformed(image: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, 3) to (H, W, 3): each channel by its row of a matrix."""
    return np.stack([weighted_sum(image, row) for row in matrix], axis=-1)


def weighted_sum(image: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, 3) to (H, W): channels summed by weights, in their order.

    A matrix product's last bits depend on the machine and on how an array lies in memory. In blocks that caches hold.
    """
    height, width = image.shape[:2]
    total = np.empty((height, width))
    rows = max(1, 8192 // max(width, 1))
    product = np.empty((rows, width))
    for start in range(0, height, rows):
        part, block = image[start : start + rows], total[start : start + rows]
        np.multiply(part[..., 0], weights[0], out=block)
        for channel in (1, 2):
            block += np.multiply(part[..., channel], weights[channel], out=product[: len(block)])
    return total
