"""Bicubic interpolation: the row that every published table has, and by which protocols are told apart."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from srbench.method import Method, MethodInfo


class Bicubic(Method):
    """The identity, because the protocol's own resizer has already enlarged the image.

    The papers' bicubic figures depend on the border and the clipping of their enlargement. Both belong to the
    protocol, which applies them to the input of every method that starts from an enlarged image; what is left for
    bicubic interpolation to do after that is nothing. (Under a protocol with another kernel, such as ``linear``, this
    row is that kernel's.)
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="bicubic",
        family="interpolation",
        channels="any",
        input="upsampled",
        scales=frozenset(range(1, 17)),  # 1: LR that has HR's size already
        paper="Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 1981",
        halo=0,
        fractional=True,
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, C, H, W), enlarged by the protocol, as it is."""
        return x
