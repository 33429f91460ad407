"""A variant: one way, out of the many in use, to get from HR to one figure. And its choices in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from srbench.explain.resizers import RESIZERS
from srbench.explain.windows import Window
from srbench.protocols.planes import Plane
from srbench.protocols.protocol import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a method's input is made.

    Attributes:
        planes: what is downsampled: all of ``rgb``, or ``y``, the luma that is scored, alone.
        resizers: names in :data:`~srbench.explain.resizers.RESIZERS`: the one that makes LR, and the one that
            upsamples it for methods that start from an upsampled image (and upsamples chroma for all).
        lr: ``uint8``: made of 8-bit pixels by the resizer's own rounding; ``rounded`` once; ``double``: never.
        clip: whether luma is clipped to 16..235 once it is upsampled.
    """

    planes: Literal["y", "rgb"]
    resizers: tuple[str, str]
    lr: Literal["uint8", "rounded", "double"]
    clip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """All that decides a figure, the method and the images apart.

    Attributes:
        making: None where SR images are given.
        sr: whether SR is rounded, or its fractions cut off, as NumPy's and torch's conversion to uint8 does.
        plane: what is compared.
        shave: pixels cut from every side: times the scale, and more.
        average: over the images: of their figures (``mean``); of their squared errors, images weighing alike
            (``images``) or by their size (``pixels``).
        window: of SSIM; None for PSNR.
        gray: what a gray image is, as :class:`~srbench.protocols.protocol.Protocol` has it; None where there is none.
    """

    making: Making | None
    sr: Literal["uint8", "double", "truncated"] = "uint8"
    plane: Plane
    shave: tuple[int, int] = (1, 0)
    average: Literal["mean", "images", "pixels"] = "mean"
    window: Window | None = None
    gray: Literal["y", "rgb"] | None = None

    @property
    def degraded_luma(self) -> Plane | None:
        """The luma that is downsampled alone, if one is."""
        return self.plane if self.making is not None and self.making.planes == "y" else None

    def is_sound(self, from_lr: bool = False) -> bool:
        """Whether these choices go together, and are not those of another variant in disguise.

        Args:
            from_lr: for a method that starts from LR, whose SR no resizer has rounded.
        """
        if self.window is not None and (self.average != "mean" or self.shave == (1, 6)):
            return False  # nobody is known to
        if self.making is None:
            return self.sr == "uint8"
        if self.window in _OF_TORCH and self.making.planes == "y":
            return False  # nor to mix MATLAB's ways with these
        return _can_be_made(self.making) and self._can_be_scored(self.making, from_lr)

    def _can_be_scored(self, making: Making, from_lr: bool) -> bool:
        luma_alone = making.planes == "y"
        if luma_alone and self.plane in ("rgb", "full"):  # nobody makes an unrounded full-range luma small
            return False
        if luma_alone and making.lr == "uint8" and self.plane not in _WHOLE:
            return False
        if making.clip and self.plane in ("full8", "pil8"):  # the limits are those of studio swing
            return False
        whole = not from_lr and (RESIZERS[making.resizers[1]].whole or making.lr == "uint8")
        rounded_later = self.sr == "double" and not luma_alone and self.plane in _WHOLE
        return self.sr == "uint8" or not (whole or rounded_later)

    def replaced(self, choice: str, value: Any) -> Variant:
        """With another value of one choice: a field of its own or of its making."""
        if self.making is not None and choice in _MAKING:
            return dataclasses.replace(self, making=dataclasses.replace(self.making, **{choice: value}))
        changed = dataclasses.replace(self, **{choice: value})
        # a gray image has the same values in full range, read either way: one variant and not two
        same = changed.gray == "y" and changed.plane in ("rgb", "full", "full8")
        return dataclasses.replace(changed, gray="rgb") if same else changed

    def as_dict(self) -> dict[str, Any]:
        """Its choices as plain data."""
        return dataclasses.asdict(self)


_WHOLE = ("y8", "full8", "pil8")
"""Lumas of whole numbers."""
_OF_TORCH = ("reflect", "range", "halved", "zero", "uniform-2")
"""Windows of libraries that score RGB images, or Y of them."""
_MAKING = frozenset(field.name for field in dataclasses.fields(Making))


def _can_be_made(making: Making) -> bool:
    small, large = (RESIZERS[name] for name in making.resizers)
    if making.clip and making.planes != "y":
        return False
    if small.whole or making.resizers[0].startswith("torch"):
        return making.lr == ("uint8" if small.whole else "rounded")
    return not (large.whole and making.lr == "double")


def scoring_of(protocol: Protocol, window: bool) -> Variant:
    """How a named protocol scores SR images; but for what it adds to squared errors, 1e-8 of the range where it does.

    Args:
        protocol: the protocol.
        window: whether SSIM is meant and not PSNR.
    """
    whole_luma = protocol.luma == "uint8" or (window and protocol.ssim_luma == "uint8")
    valid: Window = "clipped" if protocol.ssim_contrast == "clipped" else "valid"
    return Variant(
        making=None,
        sr=protocol.sr,
        plane="rgb" if protocol.scored == "rgb" else "y8" if whole_luma else "y",
        shave=(protocol.shave_per_scale, protocol.shave_extra),
        average="mean" if protocol.aggregate == "mean" or window else "images",
        window=None if not window else "same" if protocol.ssim_window == "same" else valid,
        gray=protocol.gray,
    )


def variant_of(protocol: Protocol, window: bool) -> Variant | None:
    """A named protocol as a variant; None if it takes LR that is supplied, or makes it by more than a resizer.

    Args:
        protocol: the protocol.
        window: whether SSIM is meant and not PSNR.
    """
    if protocol.degraded == "none" or protocol.degradation:
        return None
    resizer = {
        ("bicubic", True, "symmetric"): "matlab",
        ("bicubic", True, "replicate"): "matlab-replicate",
        ("bilinear", False, "symmetric"): "matlab-bilinear",
    }[protocol.kernel, protocol.antialias, protocol.border]
    making = Making(
        planes=protocol.degraded,
        resizers=(resizer, resizer),
        lr=protocol.lr,
        clip=protocol.enlarged_range is not None,
    )
    return scoring_of(protocol, window).replaced("making", making)


WORDS: Mapping[str, Mapping[Any, str]] = {
    "planes": {"y": "luma downsampled alone", "rgb": "RGB downsampled and upsampled"},
    "lr": {
        "uint8": "LR rounded after each pass of the resizer",
        "rounded": "LR rounded to 8 bits",
        "double": "LR not rounded",
    },
    "clip": {True: "upsampled Y clipped to 16..235", False: "upsampled Y not clipped"},
    "sr": {"uint8": "SR rounded", "double": "SR not rounded", "truncated": "SR cut to whole numbers, not rounded"},
    "plane": {
        "y8": "8-bit Y",
        "y": "Y not rounded",
        "full8": "full-range 8-bit luma (OpenCV's YCrCb)",
        "pil8": "full-range 8-bit luma (Pillow's YCbCr)",
        "full": "full-range luma (piq, pyiqa)",
        "slip": "Y by code that has 64.738 for red where 65.738 is right",
        "rgb": "RGB over all channels",
    },
    "shave": {
        (0, 0): "nothing shaved",
        (1, 0): "scale pixels shaved",
        (1, 6): "scale + 6 pixels shaved",
    },
    "average": {
        "mean": "mean over the images",
        "images": "MSE averaged over the images before the log",
        "pixels": "squared errors pooled over all pixels",
    },
    "window": {
        "valid": "SSIM by ssim_index",
        "same": "SSIM by MATLAB's ssim()",
        "clipped": "SSIM with the contrast term clipped at 0 (pyiqa)",
        "uniform": "SSIM with scikit-image's defaults (7x7 uniform)",
        "uniform-2": "SSIM with scikit-image's defaults and a data range of 2",
        "sample": "SSIM by scikit-image's gaussian_weights (sample covariance)",
        "zero": "SSIM by pytorch-ssim (zero border, whole image)",
        "halved": "SSIM by piq (pixels averaged first)",
        "reflect": "SSIM by torchmetrics (mirrored border, whole image)",
        "range": "SSIM by torchmetrics without a data range",
    },
    "gray": {"y": "gray images as their own Y", "rgb": "gray images as RGB (Y in 16..235)"},
}
"""What a choice is called where it differs from the variant that a sentence starts from; ``resizers`` apart."""


def words_of(choice: str, value: Any) -> str:
    """One choice in words."""
    if choice != "resizers":
        return WORDS[choice][value]
    small, large = (RESIZERS[name].words for name in value)
    if value == ("matlab-replicate", "matlab-replicate"):
        return "replicate border"
    if value == ("matlab", "matlab"):
        return "symmetric border"
    return f"{small} down and up" if small == large else f"{small} down, {large} up"
