"""Protocols: from HR to what a method is given, and from its SR to the pixels that are scored.

A PSNR has no meaning without them: bicubic on Set5 x2 scores anything from 30.37 to 34.41 dB, counting only the 93
usual ways, depending on choices that papers seldom state. Here they are frozen data with a hash. Which there are:
``protocols.py``.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from srbench.errors import UsageError
from srbench.imaging.resize import Border, Kernel
from srbench.protocols.degradations import (
    AnyStep,
    Jpeg,
    RandomStep,
    Resize,
    Subsample,
    check,
    content_of,
    resizer_words,
)
from srbench.protocols.planes import Plane
from srbench.system.factors import Factor, is_whole
from srbench.system.hashes import digest

_LATER: dict[str, Any] = {
    "gray": "y",
    "degradation": [],
    "scales": (),
    "psnr_eps": 0.0,
    "ssim_luma": "scored",
    "ssim_contrast": "signed",
}
"""Fields that came after the first hashes were published, and their values when they are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What makes two numbers comparable.

    Attributes:
        name: what it is called; not part of the hash.
        source: whose published tables it reproduces; not part of the hash.
        scored: the planes that are compared: luma or RGB.
        luma: ``uint8`` rounds luma to whole numbers before it is degraded or scored; ``double`` never does.
        degraded: the planes that are downsampled: luma, RGB, or none because the data set supplies LR.
        kernel: of the resizer, both for making LR and for enlarging it.
        antialias: widen the kernel when shrinking.
        border: of the resizer.
        lr: how LR is rounded. ``uint8``: after each pass of the resizer, and so again when it is upsampled, as MATLAB
            does with 8-bit images; ``rounded``: once, as toolboxes do that resize in floating point; ``double``: never.
        enlarged_range: limits (0..255) to which luma is clipped that was degraded alone and upsampled by the protocol,
            or none.
        sr: ``uint8`` rounds and saturates SR; ``double`` only saturates it.
        shave_per_scale: pixels cut from every side before scoring, times the scale.
        shave_extra: and this many more.
        ssim_window: ``valid`` for ``ssim_index``, ``same`` for MATLAB's ``ssim()``.
        aggregate: the mean of the images' figures, or the figure of their pooled pixels.
        gray: what a gray image is: ``y``, its own luma (0..255), as where MATLAB leaves gray images alone; ``rgb``, a
            image of three equal channels, whose Y lies in 16..235, as where a program reads every file with three
            channels. Errors are 219/255 as large there, so its PSNR of Y is 1.322 dB higher.
        degradation: the steps from HR to LR, where they are more than the resizer. With ``lr="uint8"`` every step is
            rounded, with ``rounded`` the last alone.
        scales: the only ones that it is for; empty: all.
        psnr_eps: added to the mean squared error of pixels in [0, 1] before the logarithm, as pyiqa adds 1e-8.
        ssim_luma: ``uint8`` rounds what SSIM compares to whole numbers; ``scored`` takes what PSNR compares.
        ssim_contrast: ``clipped`` takes SSIM's contrast-structure term for 0 where it is negative.
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
    gray: Literal["y", "rgb"] = "y"
    degradation: tuple[AnyStep, ...] = ()
    scales: tuple[int, ...] = ()
    psnr_eps: float = 0.0
    ssim_luma: Literal["scored", "uint8"] = "scored"
    ssim_contrast: Literal["signed", "clipped"] = "signed"

    def __post_init__(self) -> None:
        """Refuse what cannot be scored."""
        if self.scored == "rgb" and self.degraded == "y":
            raise UsageError(f"Protocol '{self.name}' degrades luma alone, so it cannot score RGB.")
        if self.enlarged_range is not None and self.degraded != "y":
            raise UsageError(
                f"Protocol '{self.name}' has an enlarged_range, which is for luma degraded alone: set degraded to y, "
                "or enlarged_range to false."
            )
        if not 0 <= self.psnr_eps < 1:
            raise UsageError(f"Protocol '{self.name}': psnr_eps must lie in [0, 1), as 1e-8 does.")
        if self.degradation:
            if self.degraded == "none":
                raise UsageError(f"Protocol '{self.name}' has a degradation, and degraded = none: LR is supplied.")
            check(self.degradation)

    def content(self) -> dict[str, Any]:
        """All that decides numbers, as plain data.

        A field that came after the first hashes were published is left out while it is off, so that they stay.
        """
        content = dataclasses.asdict(self)
        del content["name"], content["source"]
        content["degradation"] = content_of(self.degradation)
        for later, off in _LATER.items():
            if content[later] == off:
                del content[later]
        return content

    @property
    def hash(self) -> str:
        """A short hash of :meth:`content`: two protocols of one hash give one number, whatever they are called."""
        return digest(self.content())[:8]

    @property
    def steps(self) -> tuple[AnyStep, ...]:
        """From HR to LR."""
        return self.degradation or (Resize(self.kernel, self.antialias, self.border),)

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages whose versions decide what LR is."""
        return ("pillow",) if any(isinstance(step, Jpeg) or hasattr(step, "jpeg") for step in self.degradation) else ()

    @property
    def turns(self) -> tuple[int | None, ...]:
        """The LR images that are made of one HR image, each of which is scored: 0, 1 …; None where it is one."""
        count = max((step.turns for step in self.degradation if isinstance(step, RandomStep)), default=1)
        return (None,) if count == 1 else tuple(range(count))

    def refusal(self, scale: Factor) -> str:
        """Why it cannot be used at a scale, in words; empty if it can."""
        if not is_whole(scale) and (self.degraded == "none" or any(type(step) is not Resize for step in self.steps)):
            return f"protocol '{self.name}' is for whole scales, not x{scale}"
        if self.scales and scale not in self.scales:
            return f"protocol '{self.name}' is for {join_scales(self.scales)} alone, not x{scale}"
        for step in self.degradation:
            if isinstance(step, Subsample) and step.offset >= scale:
                return f"protocol '{self.name}' subsamples from pixel {step.offset} on, so it is not for x{scale}"
        return ""

    @property
    def with_lr_supplied(self) -> Protocol:
        """The protocol that scores in the same way, and takes LR as it is given."""
        return dataclasses.replace(
            self,
            name=f"{self.name}-paired",
            source=f"LR supplied, made as `{self.name}` makes it",
            degraded="none",
            degradation=(),
            enlarged_range=None,
        )

    def shave(self, scale: Factor) -> int:
        """Pixels cut from every side before scoring; of a fractional scale the next whole number."""
        return math.ceil(self.shave_per_scale * scale) + self.shave_extra

    @property
    def plane(self) -> Plane:
        """What of SR and HR is compared."""
        if self.scored == "rgb":
            return "rgb"
        return "y8" if self.luma == "uint8" else "y"

    def describe(self) -> str:
        """The protocol in words, for captions."""
        resizer = resizer_words(self.kernel, self.antialias, self.border)
        planes = "luma" if self.degraded == "y" else "RGB"
        if self.degraded == "none":
            made = f"LR supplied; upsampled by {resizer}"
        elif self.degradation:
            steps = ", ".join(step.words() for step in self.degradation)
            made = f"{planes} {steps}; upsampled by {resizer}"
        else:
            made = f"{planes} {self.steps[0].words()}"
        lr = {"uint8": "8-bit LR", "rounded": "LR rounded once", "double": "LR not rounded"}[self.lr]
        compared = "RGB" if self.scored == "rgb" else f"{'8-bit ' if self.luma == 'uint8' else ''}BT.601 Y"
        sr = "8-bit SR" if self.sr == "uint8" else "SR not rounded"
        clip = f", upsampled Y clipped to {list(self.enlarged_range)}" if self.enlarged_range else ""
        border = (
            "scale"
            if (self.shave_per_scale, self.shave_extra) == (1, 0)
            else (f"{self.shave_per_scale} x scale + {self.shave_extra}")
        )
        window = "ssim_index" if self.ssim_window == "valid" else "MATLAB ssim()"
        pooled = "; pixels pooled over images" if self.aggregate == "pooled" else ""
        gray = "; gray as RGB" if self.gray == "rgb" else ""
        eps = f"; PSNR of MSE + {self.psnr_eps:g}" if self.psnr_eps else ""
        rounded = " of rounded pixels" if self.ssim_luma == "uint8" else ""
        clipped = ", contrast term clipped at 0" if self.ssim_contrast == "clipped" else ""
        only = f"; {join_scales(self.scales)} alone" if self.scales else ""
        return (
            f"{made}, {lr}{clip}; {sr}; {compared}, {border} px shaved{eps}; SSIM by {window}{rounded}{clipped}"
            f"{pooled}{gray}{only}"
        )


def join_scales(scales: tuple[int, ...]) -> str:
    """Scales in words."""
    return ", ".join(f"x{scale}" for scale in scales)


def image_name(name: str, turn: int | None) -> str:
    """What results call an image: its name, with the turn's number where a protocol makes several LR images of it."""
    return name if turn is None else f"{name}-{turn + 1}"
