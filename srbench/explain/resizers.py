"""The resizers that people make LR and upsample it with, each called from the library that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.resize import Border, Kernel, imresize, round_half_up

Image = NDArray[Any]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Resizer:
    """A way to resize an image.

    Attributes:
        words: what it is called.
        resize: (H, W) or (H, W, 3), uint8 or float64 on the scale 0..255, to (height, width) and in the same type;
            uint8 is rounded and saturated.
        whole: it is used on 8-bit images, so it neither takes nor gives fractions.
    """

    words: str
    resize: Callable[[Image, Size], Image]
    whole: bool = False


def _matlab(image: Image, size: Size, *, border: Border, kernel: Kernel = "bicubic", antialias: bool = True) -> Image:
    return imresize(image, size=size, kernel=kernel, antialias=antialias, border=border)


def _pil(image: Image, size: Size) -> Image:
    from PIL import Image as Pil

    return np.asarray(Pil.fromarray(image).resize((size[1], size[0]), Pil.Resampling.BICUBIC))


def _opencv(image: Image, size: Size, *, flag: str) -> Image:
    import cv2

    return cv2.resize(image, (size[1], size[0]), interpolation=getattr(cv2, flag))


def _torch(image: Image, size: Size, *, antialias: bool) -> Image:
    import torch

    planes = torch.from_numpy(image.astype(np.float64))
    planes = planes[None, None] if image.ndim == 2 else planes.permute(2, 0, 1)[None]
    out = torch.nn.functional.interpolate(planes, size=size, mode="bicubic", antialias=antialias, align_corners=False)
    result: Image = (out[0, 0] if image.ndim == 2 else out[0].permute(1, 2, 0)).numpy()
    return round_half_up(result).astype(np.uint8) if image.dtype == np.uint8 else np.ascontiguousarray(result)


RESIZERS: dict[str, Resizer] = {
    "matlab": Resizer("MATLAB's bicubic", partial(_matlab, border="symmetric")),
    "matlab-replicate": Resizer("MATLAB's bicubic (replicate border)", partial(_matlab, border="replicate")),
    "matlab-plain": Resizer(
        "MATLAB's bicubic without antialias", partial(_matlab, border="symmetric", antialias=False)
    ),
    "matlab-bilinear": Resizer(
        "MATLAB's bilinear without antialias",
        partial(_matlab, border="symmetric", kernel="bilinear", antialias=False),
    ),
    "pil": Resizer("PIL bicubic", _pil, whole=True),
    "opencv-cubic": Resizer("OpenCV INTER_CUBIC", partial(_opencv, flag="INTER_CUBIC"), whole=True),
    "opencv-area": Resizer("OpenCV INTER_AREA", partial(_opencv, flag="INTER_AREA"), whole=True),
    "opencv-linear": Resizer("OpenCV INTER_LINEAR", partial(_opencv, flag="INTER_LINEAR"), whole=True),
    "opencv-nearest": Resizer("OpenCV INTER_NEAREST", partial(_opencv, flag="INTER_NEAREST"), whole=True),
    "torch": Resizer("torch bicubic", partial(_torch, antialias=False)),
    "torch-antialias": Resizer("torch bicubic with antialias", partial(_torch, antialias=True)),
}
"""By the name that ``--json`` gives them."""
