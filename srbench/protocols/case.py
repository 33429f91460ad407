"""One image under a protocol at a scale: what methods are given of it, and what their output is scored against."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError, MethodError
from srbench.imaging.color import gray_of, in_colour, is_gray, luma, rgb_to_ycbcr, ycbcr_to_rgb
from srbench.imaging.resize import imresize, mod_crop, round_half_up, shave, squash
from srbench.method import MethodInfo
from srbench.protocols.protocol import Floats, Protocol


def _fit(name: str, hr: NDArray[Any], lr: NDArray[Any], scale: int) -> NDArray[Any]:
    """HR cropped to the size that LR has times the scale."""
    height, width = lr.shape[0] * scale, lr.shape[1] * scale
    beyond = (hr.shape[0] - height, hr.shape[1] - width)
    if min(beyond) < 0 or max(beyond) >= scale:
        raise DataError(
            f"{name}: LR is {lr.shape[1]}x{lr.shape[0]} and HR is {hr.shape[1]}x{hr.shape[0]}, "
            f"which is not {scale} times as large; check the pairing or the scale"
        )
    if lr.ndim != hr.ndim:
        raise DataError(f"{name}: one of LR and HR is gray and the other has colours; save both alike")
    return hr[:height, :width]


class Case:
    """One image under a protocol at a scale: what methods are given of it, and what their output is scored against.

    Planes are made when first asked for and kept, so several methods share them. Arrays are on the scale 0..255,
    (H, W) or (H, W, 3); only what methods get and return is (C, H, W) in [0, 1].
    """

    def __init__(
        self,
        protocol: Protocol,
        scale: int,
        hr: NDArray[np.uint8],
        lr: NDArray[np.uint8] | None,
        uncropped: tuple[int, ...] = (),
    ) -> None:
        self.protocol = protocol
        self.scale = scale
        self.hr = hr
        self.uncropped = uncropped or hr.shape[:2]
        """Height and width of HR before it was cropped to a multiple of the scale."""
        self._supplied = lr

    @cached_property
    def target(self) -> Floats:
        """The HR pixels that SR is compared with, not yet shaved."""
        return self._scored(self.hr.astype(np.float64))

    @cached_property
    def lr(self) -> NDArray[Any]:
        """LR as the protocol makes or finds it, gray (h, w) or RGB (h, w, 3): uint8, or float64 that is not rounded."""
        if self._supplied is not None:
            return self._supplied if self.protocol.lr == "uint8" else self._supplied.astype(np.float64)
        return self._shrink(self.hr)

    @cached_property
    def degraded_y(self) -> NDArray[Any]:
        """Luma made small alone, (h, w): the LR of protocols that degrade only luma. Typed as :attr:`lr` is."""
        y = luma(self.hr)
        y = round_half_up(y) if self.protocol.luma == "uint8" else y
        return self._shrink(y)

    def method_input(self, info: MethodInfo) -> NDArray[np.float32]:
        """(C, h, w) float32 in [0, 1], C and the size being what the method asks for."""
        if not self.protocol.suits(info):
            raise MethodError(
                f"{info.name} enlarges LR itself, and protocol '{self.protocol.name}' brings LR to HR's size first"
            )
        enlarged = info.input == "upsampled"
        if info.channels == "y" or (info.channels == "any" and self.protocol.degraded == "y"):
            planes = self._enlarged_y if enlarged else self._lr_y
        else:
            planes = self._up if enlarged else self.lr.astype(np.float64)
            if info.channels == "rgb" and planes.ndim == 2:
                planes = in_colour(planes)
        stacked = planes[None] if planes.ndim == 2 else planes.transpose(2, 0, 1)
        return np.ascontiguousarray(stacked / 255.0, dtype=np.float32)

    def method_target(self, info: MethodInfo) -> NDArray[np.float32]:
        """(C, H, W) float32 in [0, 1]: what a perfect method would return; what a learned one is trained towards."""
        hr = self.hr.astype(np.float64)
        if info.channels == "y" or (info.channels == "any" and self.protocol.degraded == "y"):
            y = luma(hr)
            stacked = (round_half_up(y) if self.protocol.luma == "uint8" else y)[None]
        else:
            stacked = hr[None] if hr.ndim == 2 else hr.transpose(2, 0, 1)
            if info.channels == "rgb" and hr.ndim == 2:
                stacked = np.repeat(stacked, 3, axis=0)
        return np.ascontiguousarray(stacked / 255.0, dtype=np.float32)

    def finish(self, info: MethodInfo, output: NDArray[np.float32]) -> Floats:
        """From a method's (C, H, W) in [0, 1] to the SR planes, rounded as the protocol says, that :meth:`pair` takes.

        (H, W) luma where luma alone was degraded and asked for; else the gray (H, W) or RGB (H, W, 3) picture.
        """
        sr = output.astype(np.float64) * 255.0
        picture: Floats = sr[0] if sr.shape[0] == 1 else sr.transpose(1, 2, 0)
        if info.channels == "y" and self.protocol.degraded != "y" and self.hr.ndim == 3:
            picture = self._with_chroma(picture)
        if picture.ndim == 3 and self.hr.ndim == 2:
            picture = gray_of(picture)
        return self._rounded(picture)

    def pair(self, sr: Floats) -> tuple[Floats, Floats]:
        """SR and target as they are scored: luma or RGB, shaved."""
        width = self.protocol.shave(self.scale)
        pair = shave(self._scored(sr), width), shave(self.target, width)
        for pixels in pair:
            pixels.setflags(write=False)  # every metric sees the same, and the target is kept for other methods
        return pair

    def picture(self, sr: Floats) -> NDArray[np.uint8]:
        """The SR image to look at: uint8 gray or RGB; a lone luma gets its chroma from the enlarged LR."""
        if sr.ndim == 2 and self.hr.ndim == 3:
            sr = self._with_chroma(sr)
        return round_half_up(sr).astype(np.uint8)

    # planes, each on the scale 0..255 -----------------------------------------------------------------------------

    def _scored(self, image: Floats) -> Floats:
        """An RGB or gray picture to the planes that are scored."""
        if self.protocol.scored == "rgb":
            return image
        y = luma(image)
        return round_half_up(y) if self.protocol.luma == "uint8" else y

    def _rounded(self, sr: Floats) -> Floats:
        return round_half_up(sr) if self.protocol.sr == "uint8" else np.clip(sr, 0.0, 255.0)

    def _shrink(self, image: NDArray[Any]) -> NDArray[Any]:
        p = self.protocol
        size = (self.hr.shape[0] // self.scale, self.hr.shape[1] // self.scale)
        image = round_half_up(image).astype(np.uint8) if p.lr == "uint8" else image.astype(np.float64)
        lr = imresize(image, size=size, kernel=p.kernel, antialias=p.antialias, border=p.border)
        return round_half_up(lr) if p.lr == "rounded" else lr

    def _enlarge(self, image: NDArray[Any]) -> Floats:
        p = self.protocol
        return imresize(
            image, size=(self.hr.shape[0], self.hr.shape[1]), kernel=p.kernel, antialias=p.antialias, border=p.border
        ).astype(np.float64)

    @cached_property
    def _up(self) -> Floats:
        return self._enlarge(self.lr)

    @cached_property
    def _enlarged_y(self) -> Floats:
        if self.protocol.degraded != "y":
            return luma(self._up)
        up = self._enlarge(self.degraded_y)
        return up if self.protocol.enlarged_range is None else np.clip(up, *self.protocol.enlarged_range)

    @property
    def _lr_y(self) -> Floats:
        return self.degraded_y.astype(np.float64) if self.protocol.degraded == "y" else luma(self.lr)

    def _with_chroma(self, y: Floats) -> Floats:
        ycbcr = rgb_to_ycbcr(self._up).astype(np.float64)
        ycbcr[..., 0] = y
        return ycbcr_to_rgb(ycbcr).astype(np.float64)


def prepare(protocol: Protocol, name: str, hr: NDArray[Any], scale: int, lr: NDArray[Any] | None = None) -> Case:
    """Make an image ready.

    Args:
        protocol: by which.
        name: of the image, for messages.
        hr: uint8 (H, W) or (H, W, 3).
        scale: the integer factor.
        lr: uint8, for protocols that do not degrade.

    Raises:
        DataError: the image is too small, LR does not fit HR, or LR is missing or was not asked for.
    """
    uncropped = hr.shape[:2]
    if protocol.gray == "rgb" and (lr is None or lr.ndim == hr.ndim or (is_gray(lr) and is_gray(hr))):
        hr, lr = in_colour(hr), None if lr is None else in_colour(lr)
    if protocol.degraded == "none":
        if lr is None:
            raise DataError(
                f"{name}: protocol '{protocol.name}' scores supplied LR images and this data set has none; "
                "choose another protocol or give hr=DIR,lr=DIR"
            )
        hr = _fit(name, hr, lr, scale)
    else:
        lr = None
    if protocol.canvas is not None and lr is not None:
        hr, lr = squash(hr, protocol.canvas), squash(lr, protocol.canvas)
        uncropped = hr.shape[:2]
    else:
        hr = mod_crop(hr, scale)
    cut = 2 * protocol.shave(scale)
    if min(hr.shape[:2]) <= cut or min(hr.shape[:2]) < scale:
        made = "on the protocol's canvas" if protocol.canvas else f"after cropping to a multiple of {scale}"
        raise DataError(
            f"{name} is {hr.shape[1]}x{hr.shape[0]} {made}: nothing is left "
            f"once {cut // 2} pixels are shaved from every side; leave it out or use a smaller scale"
        )
    return Case(protocol, scale, np.ascontiguousarray(hr), lr, uncropped)
