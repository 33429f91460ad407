"""Pictures to one size whatever their shape, as networks with a fixed input size are often fed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def squash(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize to a size without keeping the proportions: Pillow's bilinear, widened where it shrinks.

    That is what ``torchvision.transforms.Resize`` does with a Pillow image, to the bit. It is not our ``imresize``,
    which differs from it at the border and in rounding.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        size: (height, width) in pixels.
    """
    from PIL import Image

    resized: NDArray[Any] = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    return np.ascontiguousarray(resized, dtype=np.uint8)
