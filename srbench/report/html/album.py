"""The lossless crops of the page's viewer, where the methods differ most, within a budget of bytes.

A window has the same coordinates at every scale and for every method: HR is cropped at its right and lower edges only.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from srbench.analysis.compare import labels_of
from srbench.bench.results import CellResult, DatasetRecord
from srbench.bench.store import LoadedRun
from srbench.report.plots.crops import (
    MAX_IMAGES,
    CropBox,
    Uint8Image,
    disagreements,
    gray,
    hr_paths,
    kept_srs,
    read_hr,
)

BYTES = 4_400_000
"""Most bytes of all images of a page in base64, so that the page stays below 8 MB."""
HIGH, WIDE = 84, 112
"""The size of a window in HR pixels; less for small images."""
MAX_WINDOWS = 12
"""Most windows per data set."""
_WHOLE = 320
"""The longer side of the overview image."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Album:
    """Images as base64 of WebP files, each once, and the crops made of them."""

    images: list[str] = field(default_factory=list)
    crops: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, encoded: bytes) -> int:
        """Add an image; returns its number."""
        name = hashlib.sha256(encoded).hexdigest()
        if name not in self._known:
            self._known[name] = len(self.images)
            self.images.append(base64.b64encode(encoded).decode("ascii"))
            self.size += len(self.images[-1])
        return self._known[name]


@dataclass(frozen=True, slots=True)
class CropPlace:
    """A window of an image, and the disagreement of the methods in it."""

    dataset: DatasetRecord
    image: str
    window: CropBox
    disagreement: float


def album(run: LoadedRun, budget: int = BYTES) -> Album:
    """The crops of a run, alternating between data sets, largest disagreement first, until the budget is spent."""
    made = Album()
    by_dataset = [list(_places(run, dataset)) for dataset in run.record.datasets]
    for place in (place for turn in zip_longest(*by_dataset) for place in turn if place is not None):
        if made.size >= budget:
            _log.info("The page's budget of %d bytes is spent; fewer crops are shown.", budget)
            break
        crop = _crop(run, place, made)
        if crop is not None:
            made.crops.append(crop)
    return made


def _places(run: LoadedRun, dataset: DatasetRecord) -> Iterator[CropPlace]:
    """Windows at the largest scale with kept images: the best of each image, mixed with the second best."""
    for scale in sorted(run.record.scales, reverse=True):
        ranked = sorted(_windows(run, dataset, scale), key=lambda places: -places[0].disagreement)
        if ranked:
            order = sorted(
                ((place, rank + 3 * turn) for rank, places in enumerate(ranked) for turn, place in enumerate(places)),
                key=lambda item: item[1],
            )
            yield from (place for place, _ in order[:MAX_WINDOWS])
            return


def _windows(run: LoadedRun, dataset: DatasetRecord, scale: int) -> Iterator[list[CropPlace]]:
    """For each image with kept SR its two windows with the largest disagreement, which do not overlap."""
    cells = _cells(run, dataset, scale)
    names = list(dict.fromkeys(image.name for cell in cells.values() for image in cell.images))
    kept = [name for name in names if any(path.is_file() for path in hr_paths(run, dataset, scale, name))]
    for image in kept[:: math.ceil(len(kept) / MAX_IMAGES) or 1]:
        images = _images(run, dataset, scale, image, cells)
        if images is not None:
            hr, srs = images
            # a single method disagrees with HR
            stack = [gray(sr) for sr in srs.values()] + ([gray(hr)] if len(srs) == 1 else [])
            yield [CropPlace(dataset, image, *found) for found in widest(stack, 2)]


def widest(images: Sequence[NDArray[np.float32]], count: int) -> Iterator[tuple[CropBox, float]]:
    """Up to ``count`` windows, apart from each other, with the largest mean of the range over the images."""
    # neither all of an image, where there would be nothing to choose, nor more than fits on a screen
    high, wide = (
        min(limit, max(side // 2, min(side, 24))) for side, limit in zip(images[0].shape, (HIGH, WIDE), strict=True)
    )
    return islice(disagreements(images, high, wide), count)


def _crop(run: LoadedRun, place: CropPlace, made: Album) -> dict[str, Any] | None:
    """A window as the page needs it: HR and every method, at every scale with kept images."""
    labels = labels_of(run)
    scales: dict[int, dict[str, Any]] = {}
    whole: Uint8Image | None = None
    for scale in run.record.scales:
        images = _images(run, place.dataset, scale, place.image, _cells(run, place.dataset, scale))
        if images is None or not _holds(images[0], place.window):
            continue
        hr, srs = images
        whole = hr if whole is None else whole
        scales[scale] = {
            "hr": made.add(_lossless(place.window.cut(hr))),
            "sr": {labels.index(label): made.add(_lossless(place.window.cut(sr))) for label, sr in srs.items()},
        }
    if whole is None:
        return None
    window = place.window
    return {
        "dataset": run.record.datasets.index(place.dataset),
        "image": place.image,
        "window": [window.top, window.left, window.height, window.width],
        "size": list(whole.shape[:2]),
        "whole": made.add(_small(whole)),
        "scales": scales,
    }


def _cells(run: LoadedRun, dataset: DatasetRecord, scale: int) -> dict[str, CellResult]:
    """One cell per label, of the first seed."""
    cells: dict[str, CellResult] = {}
    for cell in run.cells:
        if (cell.id.dataset, cell.id.scale) == (dataset.name, scale):
            cells.setdefault(cell.id.method_label, cell)
    return cells


def _images(
    run: LoadedRun, dataset: DatasetRecord, scale: int, image: str, cells: dict[str, CellResult]
) -> tuple[Uint8Image, dict[str, Uint8Image]] | None:
    """HR and the SR of each label, as far as they were kept intact and have one size; None without any."""
    hr = read_hr(run, dataset, scale, image)
    if hr is None:
        return None
    srs = {cell.id.method_label: sr for cell, sr in kept_srs(run, image, cells.values(), hr)}
    return (hr, srs) if srs else None


def _holds(image: Uint8Image, window: CropBox) -> bool:
    return bool(window.top + window.height <= image.shape[0] and window.left + window.width <= image.shape[1])


def _lossless(image: Uint8Image) -> bytes:
    return _webp(PIL.Image.fromarray(np.ascontiguousarray(image)), lossless=True, quality=80)


def _small(image: Uint8Image) -> bytes:
    """An overview of a whole image: small, and lossy."""
    small = PIL.Image.fromarray(image)
    small.thumbnail((_WHOLE, _WHOLE), PIL.Image.Resampling.LANCZOS)
    return _webp(small, quality=72)


def _webp(image: PIL.Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=4, **options)
    return buffer.getvalue()
