"""The crops that the page's viewer shows: lossless, of the places where methods differ most, within a budget of bytes.

A window is the same at every scale and for every method: HR is cropped at its right and lower edges only.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.analysis.compare import labels_of
from srbench.bench.results import CellResult, DatasetRecord
from srbench.bench.store import LoadedRun
from srbench.report.plots.crops import MAX_IMAGES, CropBox, Picture, gray, hr_paths, read_hr, read_kept_image

BYTES = 4_400_000
"""Of all pictures of a page, as base64. With both libraries the page stays below 8 MB."""
HIGH, WIDE = 84, 112
"""Of a window, in pixels of HR; less where the image is smaller."""
MAX_WINDOWS = 12
"""Of a data set."""
_WHOLE = 320
"""The longer side of the small picture that shows where a window lies."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Album:
    """Pictures as base64 of WebP files, each once, and the crops made of them."""

    pictures: list[str] = field(default_factory=list)
    crops: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, encoded: bytes) -> int:
        """The number of a picture."""
        name = hashlib.sha256(encoded).hexdigest()
        if name not in self._known:
            self._known[name] = len(self.pictures)
            self.pictures.append(base64.b64encode(encoded).decode("ascii"))
            self.size += len(self.pictures[-1])
        return self._known[name]


@dataclass(frozen=True, slots=True)
class CropPlace:
    """A window of an image, and how far the methods are apart in it."""

    dataset: DatasetRecord
    image: str
    window: CropBox
    disagreement: float


def album(run: LoadedRun, budget: int = BYTES) -> Album:
    """The crops of a run, the data sets in turn, each from its largest disagreement on, until the budget is spent."""
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
    """Windows at the largest scale with pictures: first the widest of each image, mixed with second ones."""
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
    """For each image with pictures its two windows of the largest disagreement, which do not overlap."""
    cells = _cells(run, dataset, scale)
    names = list(dict.fromkeys(image.name for cell in cells.values() for image in cell.images))
    kept = [name for name in names if any(path.is_file() for path in hr_paths(run, dataset, scale, name))]
    for image in kept[:: math.ceil(len(kept) / MAX_IMAGES) or 1]:
        pictures = _pictures(run, dataset, scale, image, cells)
        if pictures is not None:
            hr, srs = pictures
            # a single method disagrees with HR
            stack = [gray(sr) for sr in srs.values()] + ([gray(hr)] if len(srs) == 1 else [])
            yield [CropPlace(dataset, image, *found) for found in widest(stack, 2)]


def widest(pictures: Sequence[NDArray[np.float32]], count: int) -> Iterator[tuple[CropBox, float]]:
    """Up to ``count`` windows, apart from each other, with the largest mean of the range over the pictures."""
    import cv2

    stack = np.stack(pictures)
    spread = np.ascontiguousarray(stack.max(axis=0) - stack.min(axis=0))
    # neither all of an image, where there would be nothing to choose, nor more than fits on a screen
    high, wide = (
        min(limit, max(side // 2, min(side, 24))) for side, limit in zip(spread.shape, (HIGH, WIDE), strict=True)
    )
    sums = cv2.integral(spread, sdepth=cv2.CV_64F)
    means = (sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]) / (high * wide)
    for _ in range(count):
        top, left = (int(index) for index in np.unravel_index(int(means.argmax()), means.shape))
        if means[top, left] < 0:  # all that is left overlaps
            return
        yield CropBox(top, left, high, wide), float(means[top, left])
        means[max(0, top - high + 1) : top + high, max(0, left - wide + 1) : left + wide] = -1


def _crop(run: LoadedRun, place: CropPlace, made: Album) -> dict[str, Any] | None:
    """A window as the page has it: HR and every method, at every scale of which pictures were kept."""
    labels = labels_of(run)
    scales: dict[int, dict[str, Any]] = {}
    whole: Picture | None = None
    for scale in run.record.scales:
        pictures = _pictures(run, place.dataset, scale, place.image, _cells(run, place.dataset, scale))
        if pictures is None or not _holds(pictures[0], place.window):
            continue
        hr, srs = pictures
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
    """One cell for each label: the first seed's."""
    cells: dict[str, CellResult] = {}
    for cell in run.cells:
        if (cell.id.dataset, cell.id.scale) == (dataset.name, scale):
            cells.setdefault(cell.id.method_label, cell)
    return cells


def _pictures(
    run: LoadedRun, dataset: DatasetRecord, scale: int, image: str, cells: dict[str, CellResult]
) -> tuple[Picture, dict[str, Picture]] | None:
    """HR and the SR of each label, as far as they were kept whole and in one size; None without any."""
    hr = read_hr(run, dataset, scale, image)
    if hr is None:
        return None
    found = (
        (label, read_kept_image(run, run.folder_of(cell.id).sr_path(cell.key, image))) for label, cell in cells.items()
    )
    alike = {label: sr for label, sr in found if sr is not None and sr.shape[:2] == hr.shape[:2]}
    return (hr, alike) if alike else None


def _holds(picture: Picture, window: CropBox) -> bool:
    return bool(window.top + window.height <= picture.shape[0] and window.left + window.width <= picture.shape[1])


def _lossless(picture: Picture) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "WEBP", lossless=True, quality=80, method=4)
    return buffer.getvalue()


def _small(picture: Picture) -> bytes:
    """A whole image to find one's way in: small, and lossy."""
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((_WHOLE, _WHOLE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=72, method=4)
    return buffer.getvalue()
