"""Protocols: from HR to what a method is given, and from its SR to the pixels that are scored.

A PSNR has no meaning without them: bicubic on Set5 x2 scores anything from 30.37 to 34.41 dB, counting only the 84
usual ways, depending on choices that papers seldom state. Here they are frozen data with a hash. Which there are:
``protocols.py``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srbench.canonical import digest
from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.border import mod_crop, shave
from srbench.imaging.color import gray_of, in_colour, is_gray, luma, rgb_to_ycbcr, ycbcr_to_rgb
from srbench.imaging.resize import Border, Kernel, imresize, round_half_up
from srbench.imaging.squash import squash
from srbench.method import MethodInfo

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What makes two numbers comparable.

    Attributes:
        name: what it is called; not part of the hash.
        source: whose published tables it reproduces; not part of the hash.
        scored: the planes that are compared: luma or RGB.
        luma: ``uint8`` rounds luma to whole numbers before it is degraded or scored; ``double`` never does.
        degraded: the planes that are made small: luma, RGB, or none because the data set supplies LR.
        kernel: of the resizer, both for making LR and for enlarging it.
        antialias: widen the kernel when shrinking.
        border: of the resizer.
        lr: how LR is rounded. ``uint8``: after each pass of the resizer, and so again when it is enlarged, as MATLAB
            does with 8-bit images; ``rounded``: once, as toolboxes do that resize in floating point; ``double``: never.
        enlarged_range: limits (0..255) to which luma is clipped that was degraded alone and enlarged by the protocol,
            or none.
        sr: ``uint8`` rounds and saturates SR; ``double`` only saturates it.
        shave_per_scale: pixels cut from every side before scoring, times the scale.
        shave_extra: and this many more.
        ssim_window: ``valid`` for ``ssim_index``, ``same`` for MATLAB's ``ssim()``.
        aggregate: the mean of the images' figures, or the figure of their pooled pixels.
        canvas: (height, width) in pixels that HR and supplied LR are both squashed to, whatever their shapes. The
            factor then means nothing any more, and only methods for the enlarged image can be scored.
        gray: what a gray image is: ``y``, its own luma (0..255), as where MATLAB leaves gray images alone; ``rgb``, a
            picture of three equal channels, whose Y lies in 16..235, as where a program reads every file with three
            channels. Errors are 219/255 as large there, so its PSNR of Y is 1.322 dB higher.
    """

    name: str
    source: str = ""
    scored: Literal["y", "rgb"] = "y"
    luma: Literal["uint8", "double"] = "double"
    degraded: Literal["y", "rgb", "none"] = "rgb"
    kernel: Kernel = "bicubic"
    antialias: bool = True
    border: Border = "symmetric"
    lr: Literal["uint8", "rounded", "double"] = "double"
    enlarged_range: tuple[float, float] | None = None
    sr: Literal["uint8", "double"] = "uint8"
    shave_per_scale: int = 1
    shave_extra: int = 0
    ssim_window: Literal["valid", "same"] = "valid"
    aggregate: Literal["mean", "pooled"] = "mean"
    canvas: tuple[int, int] | None = None
    gray: Literal["y", "rgb"] = "y"

    def __post_init__(self) -> None:
        """Refuse what cannot be scored."""
        if self.scored == "rgb" and self.degraded == "y":
            raise UsageError(f"Protocol '{self.name}' degrades luma alone, so it cannot score RGB.")
        if self.canvas is not None and self.degraded != "none":
            raise UsageError(f"Protocol '{self.name}' has a canvas, which is for supplied LR: set degraded to none.")
        if self.enlarged_range is not None and self.degraded != "y":
            raise UsageError(
                f"Protocol '{self.name}' has an enlarged_range, which is for luma degraded alone: set degraded to y, "
                "or enlarged_range to false."
            )

    def content(self) -> dict[str, Any]:
        """All that decides numbers, as plain data.

        A field that came after the first hashes were published is left out while it is off, so that they stay.
        """
        content = dataclasses.asdict(self)
        del content["name"], content["source"]
        if self.canvas is None:
            del content["canvas"]
        if self.gray == "y":
            del content["gray"]
        return content

    @property
    def hash(self) -> str:
        """A short hash of :meth:`content`: two protocols of one hash give one number, whatever they are called."""
        return digest(self.content())[:8]

    def shave(self, scale: int) -> int:
        """Pixels cut from every side before scoring."""
        return self.shave_per_scale * scale + self.shave_extra

    def suits(self, info: MethodInfo) -> bool:
        """Whether a method can be scored: on a canvas only one that does not enlarge the image itself."""
        return self.canvas is None or info.input == "upsampled"

    def describe(self) -> str:
        """The protocol in words, for captions."""
        made = {
            "y": "luma made small by",
            "rgb": "RGB made small by",
            "none": "LR supplied; enlarged by",
        }[self.degraded]
        resizer = f"MATLAB {self.kernel} ({self.border} border{'' if self.antialias else ', no antialias'})"
        if self.canvas is not None:
            made = "LR supplied; HR and LR both squashed to"
            resizer = f"{self.canvas[1]}x{self.canvas[0]} (Pillow bilinear)"
        lr = {"uint8": "8-bit LR", "rounded": "LR rounded once", "double": "LR not rounded"}[self.lr]
        planes = "RGB" if self.scored == "rgb" else f"{'8-bit ' if self.luma == 'uint8' else ''}BT.601 Y"
        sr = "8-bit SR" if self.sr == "uint8" else "SR not rounded"
        clip = f", enlarged Y clipped to {list(self.enlarged_range)}" if self.enlarged_range else ""
        border = (
            "scale"
            if (self.shave_per_scale, self.shave_extra) == (1, 0)
            else (f"{self.shave_per_scale} x scale + {self.shave_extra}")
        )
        window = "ssim_index" if self.ssim_window == "valid" else "MATLAB ssim()"
        pooled = "; pixels pooled over images" if self.aggregate == "pooled" else ""
        gray = "; gray as RGB" if self.gray == "rgb" else ""
        return f"{made} {resizer}, {lr}{clip}; {sr}; {planes}, {border} px shaved; SSIM by {window}{pooled}{gray}"

    def prepare(self, name: str, hr: NDArray[Any], scale: int, lr: NDArray[Any] | None = None) -> Case:
        """Make an image ready.

        Args:
            name: of the image, for messages.
            hr: uint8 (H, W) or (H, W, 3).
            scale: the integer factor.
            lr: uint8, for protocols that do not degrade.

        Raises:
            DataError: the image is too small, LR does not fit HR, or LR is missing or was not asked for.
        """
        if self.gray == "rgb" and (lr is None or lr.ndim == hr.ndim or (is_gray(lr) and is_gray(hr))):
            hr, lr = in_colour(hr), None if lr is None else in_colour(lr)
        if self.degraded == "none":
            if lr is None:
                raise DataError(
                    f"{name}: protocol '{self.name}' scores supplied LR images and this data set has none; "
                    "choose another protocol or give hr=DIR,lr=DIR"
                )
            hr = _fit(name, hr, lr, scale)
        else:
            lr = None
        if self.canvas is not None and lr is not None:
            hr, lr = squash(hr, self.canvas), squash(lr, self.canvas)
        else:
            hr = mod_crop(hr, scale)
        cut = 2 * self.shave(scale)
        if min(hr.shape[:2]) <= cut or min(hr.shape[:2]) < scale:
            made = "on the protocol's canvas" if self.canvas else f"after cropping to a multiple of {scale}"
            raise DataError(
                f"{name} is {hr.shape[1]}x{hr.shape[0]} {made}: nothing is left "
                f"once {cut // 2} pixels are shaved from every side; leave it out or use a smaller scale"
            )
        return Case(self, scale, np.ascontiguousarray(hr), lr)


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

    def __init__(self, protocol: Protocol, scale: int, hr: NDArray[np.uint8], lr: NDArray[np.uint8] | None) -> None:
        self.protocol = protocol
        self.scale = scale
        self.hr = hr
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
