"""The pixels at an image's edge that a protocol leaves out."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def mod_crop(image: NDArray[Any], scale: int) -> NDArray[Any]:
    """Cut (H, W[, C]) at the bottom and right so that both sides are multiples of ``scale``."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def shave(image: NDArray[Any], width: int) -> NDArray[Any]:
    """Cut ``width`` pixels from every side of (H, W[, C])."""
    return image[width : image.shape[0] - width, width : image.shape[1] - width]
