"""Bicubic interpolation followed by iterative back-projection."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from srbench.imaging.tensor import resize
from srbench.method import Method, MethodInfo

from ._back_projection import HALO_PER_ITERATION, ITERATIONS, back_project


class BicubicIbp(Method):
    """What interpolation gains from nothing but agreeing with its LR image: the fair floor for priors."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="bicubic-ibp",
        family="interpolation",
        channels="any",
        input="lr",
        paper="Irani and Peleg, Improving resolution by image registration, CVGIP 1991",
        halo=2 + HALO_PER_ITERATION * ITERATIONS,
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, C, h, w) to (N, C, h*scale, w*scale)."""
        return back_project(resize(x, scale), x)
