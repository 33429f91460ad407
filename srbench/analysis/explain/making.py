"""One image made ready in every way that is asked for, with what the ways have in common made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.analysis.explain.planes import Floats, Plane, plane_of
from srbench.analysis.explain.resizers import RESIZERS
from srbench.analysis.explain.variant import Making
from srbench.errors import DataError
from srbench.imaging.border import mod_crop
from srbench.imaging.color import in_colour
from srbench.imaging.resize import round_half_up
from srbench.protocol import Case, Protocol

MARGIN = 11
"""The smallest side that must be left once the most is shaved: SSIM's window fits in."""


class Original:
    """An HR image at a scale; keeps its planes and the LR images that were made of it.

    Args:
        name: for messages.
        hr: uint8 (H, W) or (H, W, 3).
        scale: the factor.

    Raises:
        DataError: nothing would be left to score.
    """

    def __init__(self, name: str, hr: NDArray[np.uint8], scale: int) -> None:
        self.name = name
        self.scale = scale
        self.hr = np.ascontiguousarray(mod_crop(hr, scale))
        shaved = 2 * (scale + 6)
        if min(self.hr.shape[:2]) < shaved + MARGIN:
            raise DataError(
                f"{name} is {hr.shape[1]}x{hr.shape[0]}, too small to be scored with {shaved // 2} pixels shaved from "
                "every side, as some variants do; leave it out."
            )
        self._planes: dict[Plane, Floats] = {}
        self._small: dict[tuple[object, ...], NDArray[Any]] = {}

    def plane(self, plane: Plane) -> Floats:
        """Its pixels as they are compared."""
        if plane not in self._planes:
            self._planes[plane] = plane_of(self.hr.astype(np.float64), plane)
        return self._planes[plane]

    def small(self, making: Making, luma: Plane | None) -> NDArray[Any]:
        """LR, of one luma or of all channels: uint8 if its making says so, else float64."""
        key = (making.resizers[0], making.lr, luma)
        if key not in self._small:
            image = self.hr if luma is None else self.plane(luma)
            image = round_half_up(image).astype(np.uint8) if making.lr == "uint8" else image.astype(np.float64)
            size = (self.hr.shape[0] // self.scale, self.hr.shape[1] // self.scale)
            lr = RESIZERS[making.resizers[0]].resize(image, size)
            self._small[key] = round_half_up(lr) if making.lr == "rounded" else lr
        return self._small[key]


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


class MadeCase(Case):
    """An image made ready by any resizers and any luma, where a :class:`Case` knows MATLAB's and one luma.

    Args:
        original: the image.
        making: how LR is made and enlarged.
        luma: what is made small alone; None where all channels are.
    """

    def __init__(self, original: Original, making: Making, luma: Plane | None) -> None:
        protocol = Protocol(
            name="explain",
            degraded=making.planes,
            lr=making.lr,
            enlarged_range=(16.0, 235.0) if making.clip else None,
            sr="double",  # rounded, where a variant does, once it is scored
        )
        super().__init__(protocol, original.scale, original.hr, None)
        self._original = original
        self._making = making
        self._luma = luma

    @cached_property
    def lr(self) -> NDArray[Any]:
        """All channels made small."""
        return self._original.small(self._making, None)

    @cached_property
    def degraded_y(self) -> NDArray[Any]:
        """Luma made small."""
        return self._original.small(self._making, self._luma)

    def _enlarge(self, image: NDArray[Any]) -> Floats:
        resizer = RESIZERS[self._making.resizers[1]]
        if resizer.whole and image.dtype != np.uint8:
            image = round_half_up(image).astype(np.uint8)  # rounded before: this resizer is for whole numbers
        return resizer.resize(image, (self.hr.shape[0], self.hr.shape[1])).astype(np.float64)
