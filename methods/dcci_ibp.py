"""DCCI followed by iterative back-projection: a variant with a name of its own, never silently on."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from srbench.method import Method, MethodInfo

from ._back_projection import HALO_PER_ITERATION, ITERATIONS, back_project
from .dcci import Dcci


class DcciIbp(Method):
    """Edges from DCCI, and agreement with the LR image from back-projection."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="dcci-ibp",
        family="edge",
        channels="y",
        input="lr",
        paper=f"{Dcci.info.paper}; Irani and Peleg, CVGIP 1991",
        halo=(Dcci.info.halo or 0) + HALO_PER_ITERATION * ITERATIONS,
    )

    def __init__(self) -> None:
        self._dcci = Dcci()

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, 1, h, w) to (N, 1, h*scale, w*scale)."""
        return back_project(self._dcci.upscale(x, scale), x)
