"""What a method is given of one LR image, and what it returns as an image."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.bands import bands
from srbench.imaging.color import gray_of, in_colour, luma, with_luma
from srbench.imaging.resize import Resizer
from srbench.method import MethodInfo
from srbench.protocols.planes import Floats, is_large
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
        return as_planes(self.seen(info))

    def seen(self, info: MethodInfo) -> NDArray[Any]:
        """The same on the scale 0..255, (h, w) or (h, w, 3)."""
        upsampled = info.input == "upsampled"
        if self.takes_luma(info):
            return self.upsampled_y if upsampled else self.lr_y
        planes = self.upsampled if upsampled else self.lr
        return in_colour(planes) if info.channels == "rgb" else planes

    def image(self, info: MethodInfo, output: NDArray[np.float32]) -> Floats:
        """A method's (C, H, W) in [0, 1] as an image, not rounded: gray (H, W) or RGB; luma where luma is alone."""
        sr = output.astype(np.float64) * 255.0
        image: Floats = sr[0] if sr.shape[0] == 1 else sr.transpose(1, 2, 0)
        if info.channels == "y" and not self.luma_alone and not self.gray:
            image = self.with_chroma(image)
        return gray_of(image) if image.ndim == 3 and self.gray else image

    def with_chroma(self, y: NDArray[Any]) -> Floats:
        """(H, W) luma with the chroma of the upsampled LR: (H, W, 3) RGB."""
        return with_luma(self.upsampled, y)

    def takes_luma(self, info: MethodInfo) -> bool:
        """Whether a method is given luma, and gives it back."""
        return info.channels == "y" or (info.channels == "any" and self.luma_alone)


class ProtocolInput(MethodInput):
    """An LR image as a protocol gives it to methods. Planes are made when first asked for and kept.

    Of a large image the upsampled planes are made, row by row, as often as they are asked for.

    Args:
        protocol: whose resizer upsamples.
        size: (H, W) of HR.
        gray: the image has no colours.
        lr: makes LR: uint8, or float64 that is not rounded.
        y: makes the luma that was downsampled alone, in the same types; None where LR is downsampled as a whole.
        factor: by which LR is upsampled, where that is no whole number: what exceeds HR's size, since sides are rounded
            up, is cut at the bottom and right.
    """

    def __init__(
        self,
        protocol: Protocol,
        size: tuple[int, int],
        gray: bool,
        lr: Callable[[], NDArray[Any]],
        y: Callable[[], NDArray[Any]] | None,
        factor: float | None = None,
    ) -> None:
        self.protocol = protocol
        self.size = size
        self.gray = gray
        self.luma_alone = y is not None
        self._factor = factor
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
        return self._upsampled(self.lr, slice(0, self.size[0]))

    @cached_property
    def upsampled_y(self) -> Floats:
        """Luma brought to HR's size, (H, W), clipped where the protocol says so."""
        if not self.luma_alone:
            return luma(self.upsampled)
        return self._upsampled_y(slice(0, self.size[0]))

    def given(self, info: MethodInfo) -> NDArray[np.float32]:
        """(C, h, w) float32 in [0, 1], C and the size being what the method asks for."""
        if info.input != "upsampled" or not is_large(self.size):
            return super().given(info)
        out: NDArray[np.float32] | None = None
        for rows in bands(*self.size, 3):
            planes = self.rows(rows).given(info)
            out = np.empty((len(planes), *self.size), np.float32) if out is None else out
            out[:, rows] = planes
        assert out is not None
        return out

    def rows(self, rows: slice) -> MethodInput:
        """What it is in some rows of HR's size."""
        return _Rows(self, rows)

    def upsampled_rows(self, rows: slice) -> Floats:
        """Some rows of :attr:`upsampled`."""
        return self._upsampled(self.lr, rows) if is_large(self.size) else self.upsampled[rows]

    def upsampled_y_rows(self, rows: slice) -> Floats:
        """Some rows of :attr:`upsampled_y`."""
        if not is_large(self.size):
            return self.upsampled_y[rows]
        return self._upsampled_y(rows) if self.luma_alone else luma(self.upsampled_rows(rows))

    def _upsampled_y(self, rows: slice) -> Floats:
        y, limits = self._upsampled(self.lr_y, rows), self.protocol.enlarged_range
        return y if limits is None else np.clip(y, *limits)

    def _upsampled(self, image: NDArray[Any], rows: slice) -> Floats:
        p = self.protocol
        kind = "uint8" if image.dtype == np.uint8 else "float64"
        size = self.size if self._factor is None else None
        resizer = Resizer(
            image.shape, self._factor, size=size, kernel=p.kernel, antialias=p.antialias, border=p.border, kind=kind
        )
        up = resizer.rows(
            lambda wanted: image[wanted].reshape(-1, image.shape[1], *image.shape[2:] or (1,)),
            rows,
            slice(0, self.size[1]),
        )
        return up.reshape(len(up), self.size[1], *image.shape[2:])


class _Rows(MethodInput):
    """Some rows of an upsampled image; of a method's output, those rows alone."""

    def __init__(self, whole: ProtocolInput, rows: slice) -> None:
        self.gray = whole.gray
        self.luma_alone = whole.luma_alone
        self._whole = whole
        self._rows = rows

    @property
    def upsampled(self) -> Floats:
        """LR brought to HR's size."""
        return self._whole.upsampled_rows(self._rows)

    @property
    def upsampled_y(self) -> Floats:
        """Luma brought to HR's size."""
        return self._whole.upsampled_y_rows(self._rows)


def as_planes(image: NDArray[Any]) -> NDArray[np.float32]:
    """(h, w) or (h, w, 3) on the scale 0..255 as methods get it: (C, h, w) float32 in [0, 1]."""
    stacked = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    out = np.empty(stacked.shape, np.float32)
    for rows in bands(*image.shape):
        out[:, rows] = stacked[:, rows] / 255.0
    return out
