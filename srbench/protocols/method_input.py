"""What a method is given of one LR image, and what it returns as an image."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.color import gray_of, in_colour, luma, rgb_to_ycbcr, ycbcr_to_rgb
from srbench.imaging.resize import imresize
from srbench.method import MethodInfo
from srbench.protocols.planes import Floats
from srbench.protocols.protocol import Protocol


class MethodInput:
    """One LR image, as methods are given it, and what they return, as an image of HR's size.

    Arrays are on the scale 0..255, gray (h, w) or RGB (h, w, 3); only what methods get and return is (C, h, w) in
    [0, 1]. Subclasses say where :attr:`lr` and :attr:`upsampled` come from.

    Attributes:
        gray: the image has no colours: (h, w).
        luma_alone: luma alone was downsampled, so that methods for any channels work on it too.
    """

    gray: bool
    luma_alone: bool = False

    @property
    def lr(self) -> NDArray[Any]:
        """LR, all channels."""
        raise NotImplementedError

    @property
    def upsampled(self) -> Floats:
        """LR brought to HR's size."""
        raise NotImplementedError

    @property
    def lr_y(self) -> NDArray[Any]:
        """Luma of LR, (h, w)."""
        return luma(self.lr)

    @property
    def upsampled_y(self) -> Floats:
        """Luma brought to HR's size, (H, W)."""
        return luma(self.upsampled)

    def given(self, info: MethodInfo) -> NDArray[np.float32]:
        """(C, h, w) float32 in [0, 1], C and the size being what the method asks for."""
        upsampled = info.input == "upsampled"
        if self.takes_luma(info):
            planes = self.upsampled_y if upsampled else self.lr_y
        else:
            planes = self.upsampled if upsampled else self.lr
            planes = in_colour(planes) if info.channels == "rgb" else planes
        return as_planes(planes)

    def image(self, info: MethodInfo, output: NDArray[np.float32]) -> Floats:
        """A method's (C, H, W) in [0, 1] as an image, not rounded: gray (H, W) or RGB; luma where luma is alone."""
        sr = output.astype(np.float64) * 255.0
        image: Floats = sr[0] if sr.shape[0] == 1 else sr.transpose(1, 2, 0)
        if info.channels == "y" and not self.luma_alone and not self.gray:
            image = self.with_chroma(image)
        return gray_of(image) if image.ndim == 3 and self.gray else image

    def with_chroma(self, y: Floats) -> Floats:
        """(H, W) luma with the chroma of the upsampled LR: (H, W, 3) RGB."""
        ycbcr = rgb_to_ycbcr(self.upsampled).astype(np.float64)
        ycbcr[..., 0] = y
        return ycbcr_to_rgb(ycbcr).astype(np.float64)

    def takes_luma(self, info: MethodInfo) -> bool:
        """Whether a method is given luma, and gives it back."""
        return info.channels == "y" or (info.channels == "any" and self.luma_alone)


class ProtocolInput(MethodInput):
    """An LR image as a protocol gives it to methods. Planes are made when first asked for and kept.

    Args:
        protocol: whose resizer upsamples.
        size: (H, W) of HR.
        gray: the image has no colours.
        lr: makes LR: uint8, or float64 that is not rounded.
        y: makes the luma that was downsampled alone, in the same types; None where LR is downsampled as a whole.
    """

    def __init__(
        self,
        protocol: Protocol,
        size: tuple[int, int],
        gray: bool,
        lr: Callable[[], NDArray[Any]],
        y: Callable[[], NDArray[Any]] | None,
    ) -> None:
        self.protocol = protocol
        self.size = size
        self.gray = gray
        self.luma_alone = y is not None
        self._make_lr = lr
        self._make_y = y

    @cached_property
    def lr(self) -> NDArray[Any]:
        """LR, all channels."""
        return self._make_lr()

    @cached_property
    def lr_y(self) -> NDArray[Any]:
        """Luma as the protocol downsamples it, or LR's."""
        return self._make_y() if self._make_y else luma(self.lr)

    @cached_property
    def upsampled(self) -> Floats:
        """LR brought to HR's size."""
        return self._upsample(self.lr)

    @cached_property
    def upsampled_y(self) -> Floats:
        """Luma brought to HR's size, (H, W), clipped where the protocol says so."""
        if not self.luma_alone:
            return luma(self.upsampled)
        y, limits = self._upsample(self.lr_y), self.protocol.enlarged_range
        return y if limits is None else np.clip(y, *limits)

    def _upsample(self, image: NDArray[Any]) -> Floats:
        p = self.protocol
        up = imresize(image, size=self.size, kernel=p.kernel, antialias=p.antialias, border=p.border)
        return up.astype(np.float64)


def as_planes(image: NDArray[Any]) -> NDArray[np.float32]:
    """(h, w) or (h, w, 3) on the scale 0..255 as methods get it: (C, h, w) float32 in [0, 1]."""
    stacked = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return np.ascontiguousarray(stacked / 255.0, dtype=np.float32)
