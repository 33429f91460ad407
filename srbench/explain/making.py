"""One image made ready in every way that is asked for, with what the ways have in common made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError
from srbench.explain.resizers import RESIZERS
from srbench.explain.variant import Making
from srbench.imaging.color import in_colour
from srbench.imaging.resize import mod_crop, round_half_up
from srbench.protocols.method_input import MethodInput
from srbench.protocols.planes import Floats, Plane, Target

MARGIN = 11
"""The smallest side that must be left once the most is shaved: SSIM's window fits in."""


class Original(Target):
    """An HR image at a scale; keeps the LR images that were made of it.

    Args:
        name: for messages.
        hr: uint8 (H, W) or (H, W, 3).
        scale: the factor.

    Raises:
        DataError: nothing would be left to score.
    """

    def __init__(self, name: str, hr: NDArray[np.uint8], scale: int) -> None:
        super().__init__(mod_crop(hr, scale))
        self.name = name
        self.scale = scale
        shaved = 2 * (scale + 6)
        if min(self.hr.shape[:2]) < shaved + MARGIN:
            raise DataError(
                f"{name} is {hr.shape[1]}x{hr.shape[0]}, too small to be scored with {shaved // 2} pixels shaved from "
                "every side, as some variants do; leave it out."
            )
        self._downsampled: dict[tuple[object, ...], NDArray[Any]] = {}

    def downsampled(self, making: Making, luma: Plane | None) -> NDArray[Any]:
        """LR, of one luma or of all channels: uint8 if its making says so, else float64."""
        key = (making.resizers[0], making.lr, luma)
        if key not in self._downsampled:
            image = self.hr if luma is None else self.plane(luma)
            image = round_half_up(image).astype(np.uint8) if making.lr == "uint8" else image.astype(np.float64)
            size = (self.hr.shape[0] // self.scale, self.hr.shape[1] // self.scale)
            lr = RESIZERS[making.resizers[0]].resize(image, size)
            self._downsampled[key] = round_half_up(lr) if making.lr == "rounded" else lr
        return self._downsampled[key]


def readings(name: str, hr: NDArray[np.uint8], scale: int) -> list[tuple[Original, tuple[str | None, ...]]]:
    """An HR image as variants read it, each with the values of their ``gray`` that do: a gray one in two ways.

    Raises:
        DataError: nothing would be left to score.
    """
    own = Original(name, hr, scale)
    return (
        [(own, ("y", None)), (Original(name, in_colour(hr), scale), ("rgb",))]
        if hr.ndim == 2
        else [(own, ("y", "rgb", None))]
    )


class MadeInput(MethodInput):
    """LR made and upsampled by any resizers, of any luma, where protocols know MATLAB's and one luma.

    Args:
        original: the image.
        making: how LR is made and upsampled.
        luma: what is downsampled alone; None where all channels are.
    """

    def __init__(self, original: Original, making: Making, luma: Plane | None) -> None:
        self.gray = original.hr.ndim == 2
        self.luma_alone = making.planes == "y"
        self._original = original
        self._making = making
        self._luma = luma

    @property
    def lr(self) -> NDArray[Any]:
        """All channels downsampled."""
        return self._original.downsampled(self._making, None)

    @property
    def lr_y(self) -> NDArray[Any]:
        """Luma downsampled, or LR's."""
        return self._original.downsampled(self._making, self._luma) if self.luma_alone else super().lr_y

    @cached_property
    def upsampled(self) -> Floats:
        """LR brought to HR's size."""
        return self._upsample(self.lr)

    @property
    def upsampled_y(self) -> Floats:
        """Luma brought to HR's size."""
        if not self.luma_alone:
            return super().upsampled_y
        y = self._upsample(self.lr_y)
        return np.clip(y, 16.0, 235.0) if self._making.clip else y

    def _upsample(self, image: NDArray[Any]) -> Floats:
        resizer = RESIZERS[self._making.resizers[1]]
        if resizer.whole and image.dtype != np.uint8:
            image = round_half_up(image).astype(np.uint8)  # rounded before: this resizer is for whole numbers
        height, width = self._original.hr.shape[:2]
        return resizer.resize(image, (height, width)).astype(np.float64)
