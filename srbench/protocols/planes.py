"""The planes in which SR is compared with HR: RGB, and the lumas that people mean by Y."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.bands import Bands
from srbench.imaging.color import luma, weighted_sum
from srbench.imaging.resize import round_half_up, shave

Plane = Literal["y8", "y", "full8", "pil8", "full", "slip", "rgb"]
Floats: TypeAlias = NDArray[np.float64]
Pixels: TypeAlias = Floats | Bands

WHOLE_PIXELS = 4_000_000
"""Images of more pixels are never whole in floating point: an image of 100 megapixels takes 2.4 GB then."""

_FULL = np.array([0.299, 0.587, 0.114])
_SLIP = np.array([64.738, 129.057, 25.064]) / 256.0


def _full8(rgb: Floats) -> Floats:
    import cv2

    pixels = round_half_up(rgb).astype(np.uint8)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)[..., 0].astype(np.float64)


def _pil8(rgb: Floats) -> Floats:
    from PIL import Image

    pixels = round_half_up(rgb).astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).convert("YCbCr"))[..., 0].astype(np.float64)


_PLANES: dict[Plane, Callable[[Any], Any]] = {
    "y8": lambda rgb: round_half_up(luma(rgb)),
    "y": luma,
    "full8": _full8,
    "pil8": _pil8,
    "full": lambda rgb: weighted_sum(rgb, _FULL),
    "slip": lambda rgb: weighted_sum(rgb, _SLIP) + 16.0,
    "rgb": lambda rgb: rgb,
}


def plane_of(image: NDArray[Any], plane: Plane) -> Floats:
    """The pixels that are compared, of an image on the scale 0..255.

    Args:
        image: (H, W, 3) RGB; or (H, W), a gray image or a luma, which is its own plane.
        plane: ``y8`` and ``y``: BT.601 in studio swing, rounded to whole numbers or not; ``full8`` and ``pil8``: in
            full range, as OpenCV and Pillow make it of 8-bit images; ``full``: not rounded, as piq and pyiqa make it;
            ``slip``: studio swing by the 64.738 that much public code has for 65.738, not rounded; ``rgb``: all
            channels.

    Returns:
        float64 (H, W), or (H, W, 3) for ``rgb``.
    """
    if image.ndim == 2:
        whole = plane in ("y8", "full8", "pil8")
        return round_half_up(image) if whole else image.astype(np.float64, copy=False)
    if plane not in ("y8", "y"):  # luma takes whole numbers as they are
        image = image.astype(np.float64, copy=False)
    result: Floats = _PLANES[plane](image)
    return result


class Target:
    """An HR image that SR is compared with; keeps its planes.

    Args:
        hr: uint8 (H, W) or (H, W, 3), cropped to what SR covers.
    """

    def __init__(self, hr: NDArray[np.uint8]) -> None:
        self.hr = np.ascontiguousarray(hr)
        self._planes: dict[Plane, Floats] = {}

    def plane(self, plane: Plane) -> Floats:
        """Its pixels as they are compared, not shaved."""
        if plane not in self._planes:
            self._planes[plane] = plane_of(self.hr, plane)
        return self._planes[plane]

    def pair(self, sr: NDArray[Any], plane: Plane, width: int) -> tuple[Floats, Floats]:
        """SR, on the scale 0..255, and HR as they are compared, ``width`` pixels shaved from every side."""
        return shave(plane_of(sr, plane), width), shave(self.plane(plane), width)

    def pair_in_bands(self, sr: NDArray[Any], plane: Plane, width: int) -> tuple[Bands, Bands]:
        """The same, of which rows are made when they are asked for."""
        return _bands_of(sr, plane, width), _bands_of(self.hr, plane, width)


def is_large(image: NDArray[Any] | tuple[int, ...]) -> bool:
    """Whether an image, or one of a height and width, is too large to be whole in floating point."""
    height, width = (image if isinstance(image, tuple) else image.shape)[:2]
    return height * width > WHOLE_PIXELS


def _bands_of(image: NDArray[Any], plane: Plane, width: int) -> Bands:
    inner = shave(image, width)
    shape = inner.shape if plane == "rgb" else inner.shape[:2]
    return Bands(shape, lambda rows: plane_of(inner[rows], plane))
