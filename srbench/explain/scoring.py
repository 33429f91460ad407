"""Images to figures: every asked-for plane, border, window and average of a set of SR images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from srbench.errors import DataError
from srbench.explain.making import Original
from srbench.explain.variant import Variant
from srbench.explain.windows import Window, windowed_ssims
from srbench.imaging.bands import bands
from srbench.imaging.resize import round_half_up
from srbench.metrics.pixel import psnr_of_mse
from srbench.protocols.planes import Floats, Plane, plane_of

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
        rows = {_row(variant): variant for variant in variants}
        once = {_measured(variant): variant for variant in rows.values()}
        measured = _squared_errors(original, image, [v for v in once.values() if v.window is None])
        measured |= _ssims(original, image, [v for v in once.values() if v.window is not None])
        for row, variant in rows.items():
            self.rows.setdefault(row, []).append(measured[_measured(variant)])

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


def _border(variant: Variant, scale: int) -> int:
    times, extra = variant.shave
    return times * scale + extra


def _squared_errors(original: Original, image: Floats, variants: Iterable[Variant]) -> dict[Key, tuple[float, int]]:
    """Rows of :class:`Scores` for PSNR. In bands, of which all that is made stays in the processor's cache."""
    views: dict[tuple[str, Plane], list[tuple[Key, int]]] = {}
    for variant in variants:
        views.setdefault((variant.sr, variant.plane), []).append((_measured(variant), _border(variant, original.scale)))
    height, width = image.shape[:2]
    found = {key: (0.0, 0) for group in views.values() for key, _ in group}
    for band in bands(height, width, 3):
        whole = {sr: _WHOLE[sr](image[band]) for sr in dict.fromkeys(sr for sr, _ in views)}
        for (sr, plane), group in views.items():
            difference = plane_of(whole[sr], plane) - original.plane(plane)[band]
            lines = difference.reshape(len(difference), -1)
            channels = lines.shape[1] // width
            for key, border in group:
                top, bottom = (min(max(row - band.start, 0), len(lines)) for row in (border, height - border))
                errors = lines[top:bottom, border * channels : (width - border) * channels]
                total, count = found[key]
                found[key] = total + float(np.einsum("ij,ij", errors, errors)), count + errors.size
    return found


def _ssims(original: Original, image: Floats, variants: Iterable[Variant]) -> dict[Key, tuple[float, int]]:
    """Rows of :class:`Scores` for SSIM.

    Raises:
        DataError: the image is too small.
    """
    views: dict[tuple[str, Plane], dict[int, dict[Window, Key]]] = {}
    for variant in variants:
        assert variant.window is not None
        borders = views.setdefault((variant.sr, variant.plane), {})
        borders.setdefault(_border(variant, original.scale), {})[variant.window] = _measured(variant)
    found: dict[Key, tuple[float, int]] = {}
    for (whole, plane), borders in views.items():
        sr, target = original.pair(_WHOLE[whole](image), plane, 0)
        try:
            values = windowed_ssims(sr, target, borders)
        except ValueError as error:
            raise DataError(f"{original.name} cannot be scored: {error}; leave it out.") from None
        found |= {key: (values[border, window], 1) for border, keys in borders.items() for window, key in keys.items()}
    return found
