"""Bilinear interpolation, sampled as MATLAB's ``imresize`` does."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from srbench.imaging.tensor import resize
from srbench.method import Method, MethodInfo


class Bilinear(Method):
    """Weigh the 2x2 nearest LR pixels by their closeness."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="bilinear",
        family="interpolation",
        channels="any",
        input="lr",
        scales=frozenset(range(2, 17)),
        paper="Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 1981 (as its comparison)",
        halo=1,
        fractional=True,
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, C, h, w) to (N, C, h*scale, w*scale)."""
        return resize(x, scale, kernel="bilinear")
