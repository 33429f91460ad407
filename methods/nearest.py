"""Nearest neighbour: every LR pixel becomes a block. The floor of every table."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from srbench.imaging.tensor import resize
from srbench.method import Method, MethodInfo


class Nearest(Method):
    """Repeat each pixel ``scale`` times in both directions."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="nearest",
        family="interpolation",
        channels="any",
        input="lr",
        scales=frozenset(range(2, 17)),
        paper="(pixel repetition)",
        halo=0,
        fractional=True,
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, C, h, w) to (N, C, h*scale, w*scale)."""
        return resize(x, scale, kernel="nearest")
