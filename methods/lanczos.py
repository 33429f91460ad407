"""Lanczos interpolation with three lobes, sampled as MATLAB's ``imresize`` does."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from srbench.imaging.tensor import resize
from srbench.method import Method, MethodInfo


class Lanczos(Method):
    """Weigh the 6x6 nearest LR pixels by a sinc under a sinc window."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="lanczos",
        family="interpolation",
        channels="any",
        input="lr",
        scales=frozenset(range(2, 17)),
        paper="Duchon, Lanczos filtering in one and two dimensions, Journal of Applied Meteorology 1979",
        halo=3,
        fractional=True,
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, C, h, w) to (N, C, h*scale, w*scale); may overshoot [0, 1] at edges."""
        return resize(x, scale, kernel="lanczos3")
