"""Images to figures: every asked-for plane, border, window and average of a set of SR images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import numpy as np

from srbench.errors import DataError
from srbench.explain.making import Original
from srbench.explain.variant import Variant
from srbench.explain.windows import windowed_ssim
from srbench.imaging.resize import round_half_up, shave
from srbench.metrics.pixel import psnr_of_mse
from srbench.protocols.planes import Floats, Plane

Key = tuple[object, ...]
_WHOLE: dict[str, Callable[[Floats], Floats]] = {
    "uint8": round_half_up,
    "truncated": np.floor,
    "double": lambda image: image,
}


@dataclass(slots=True)
class Scores:
    """What was measured, image by image, for variants that may share it.

    A row is one image's: (squared error summed, values counted) for PSNR, (SSIM, 1) for SSIM.
    """

    rows: dict[Key, list[tuple[float, int]]] = field(default_factory=dict)

    def add(self, original: Original, image: Floats, variants: Iterable[Variant]) -> None:
        """Score one SR image by variants of one making.

        Args:
            original: its HR image.
            image: (H, W) or (H, W, 3) on the scale 0..255, saturated and not rounded.
            variants: how to score it.

        Raises:
            DataError: the image is too small.
        """
        views: dict[tuple[str, Plane], _View] = {}
        measured: dict[Key, tuple[float, int]] = {}
        done: set[Key] = set()
        for variant in variants:
            row, key = _row(variant), _measured(variant)
            if row in done:
                continue
            done.add(row)
            if key not in measured:
                pixels = (variant.sr, variant.plane)
                if pixels not in views:
                    sr = _WHOLE[variant.sr](image)
                    views[pixels] = _View(original, *original.pair(sr, variant.plane, 0))
                measured[key] = views[pixels].measure(variant)
            self.rows.setdefault(row, []).append(measured[key])

    def figure(self, variant: Variant) -> float:
        """A variant's figure over the images that were added: PSNR in dB, or SSIM."""
        rows = self.rows[_row(variant)]
        if variant.window is not None:
            return fmean(value for value, _ in rows)
        if variant.average == "pixels":
            return psnr_of_mse(sum(total for total, _ in rows) / sum(count for _, count in rows))
        errors = [total / count for total, count in rows]
        if variant.average == "images":
            return psnr_of_mse(fmean(errors))
        return fmean(map(psnr_of_mse, errors))


def _row(variant: Variant) -> Key:
    """What is measured of a set: variants that only average otherwise share it."""
    return (variant.gray, *_measured(variant))


def _measured(variant: Variant) -> Key:
    """What is measured of one image, read in one way."""
    return (variant.making, variant.sr, variant.plane, variant.shave, variant.window)


@dataclass
class _View:
    """SR and target as one plane of them, not shaved."""

    original: Original
    sr: Floats
    target: Floats

    @cached_property
    def difference(self) -> Floats:
        return self.sr - self.target

    def measure(self, variant: Variant) -> tuple[float, int]:
        """A row of :class:`Scores`."""
        times, extra = variant.shave
        width = times * self.original.scale + extra
        if variant.window is None:
            errors = shave(self.difference, width).ravel()
            return float(errors @ errors), errors.size
        try:
            return windowed_ssim(shave(self.sr, width), shave(self.target, width), variant.window), 1
        except ValueError as error:
            raise DataError(f"{self.original.name} cannot be scored: {error}; leave it out.") from None
