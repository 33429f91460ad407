"""The crops of the page's viewer, where methods differ most on edges and texture, within a budget of bytes.

Crops are lossless. After them comes a wide view of each data set's
first image, all of it if it is small, with some loss.

A window has the same coordinates at every scale and for every method: HR is cropped at its right and lower edges only.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from srbench.analysis.compare import labels_of
from srbench.bench.results import CellResult, DatasetRecord, RunRecord
from srbench.bench.store import LoadedRun, RunFolder
from srbench.protocols.protocol import image_name
from srbench.report.kept_images import KeptImages, Uint8Image
from srbench.report.plots.crops import (
    CropBox,
    disagreements,
    gray,
    is_colourful,
    searched,
    structure,
)
from srbench.system.factors import is_whole

BYTES = 4_400_000
"""Most bytes of all images of a page in base64, so that the page stays below 8 MB."""
HIGH, WIDE = 84, 112
"""The size of a window in HR pixels; less for small images."""
MAX_WINDOWS = 12
"""Most windows per data set."""
_WIDE_SHARE, _LOSSY = 0.4, 0.45
"""The part of the budget for wide views, and the bytes a pixel that they take in base64, from above."""
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
    size: tuple[int, int] = (0, 0)
    """Of the whole image, in pixels."""
    colourful: bool = False
    wide: bool = False
    """Whether it is a wide view, which is stored with some loss."""


def album(run: LoadedRun, budget: int = BYTES) -> Album:
    """The crops of a run, alternating between data sets, largest disagreement first, until the budget is spent."""
    made = Album()
    kept = KeptImages(run)
    by_dataset = [list(_places(run, kept, dataset)) for dataset in run.record.datasets]
    for place in (place for turn in zip_longest(*by_dataset) for place in turn if place is not None):
        if made.size >= (1 - _WIDE_SHARE) * budget:
            _log.info("The page's budget of %d bytes is spent; fewer crops are shown.", budget)
            break
        crop = _crop(run, kept, place, made)
        if crop is not None:
            made.crops.append(crop)
    for first in (places[0] for places in by_dataset if places and made.size < budget):
        crop = _crop(run, kept, _wide_view(run, first, budget // len(by_dataset)), made)
        if crop is not None:
            made.crops.append(crop)
    return made


def _places(run: LoadedRun, kept: KeptImages, dataset: DatasetRecord) -> Iterator[CropPlace]:
    """Windows at the largest scale with kept images: the best of each image, mixed with the second best."""
    for scale in sorted(run.record.scales, reverse=True):
        ranked = sorted(
            _windows(run, kept, dataset, scale), key=lambda places: (not places[0].colourful, -places[0].disagreement)
        )
        if ranked:
            order = sorted(
                ((place, rank + 3 * turn) for rank, places in enumerate(ranked) for turn, place in enumerate(places)),
                key=lambda item: item[1],
            )
            yield from (place for place, _ in order[:MAX_WINDOWS])
            return


def _windows(run: LoadedRun, kept: KeptImages, dataset: DatasetRecord, scale: float) -> Iterator[list[CropPlace]]:
    """For each image with kept SR its two windows with the largest disagreement, which do not overlap."""
    cells = _cells(run, dataset, scale)
    for image in kept.names(dataset, scale, cells.values()):
        hr = kept.hr(dataset, scale, image)
        if hr is None:
            continue
        part = searched(hr)
        seen = part.cut(hr)
        stack = [gray(part.cut(sr)) for _, sr in kept.srs(image, cells.values(), hr)]
        if stack:
            if len(stack) == 1:  # a single method disagrees with HR
                stack.append(gray(seen))
            colourful = is_colourful(seen)
            yield [
                CropPlace(dataset, image, window.within(part), disagreement, hr.shape[:2], colourful)
                for window, disagreement in widest(stack, 2, structure(seen))
            ]


def _wide_view(run: LoadedRun, place: CropPlace, budget: int) -> CropPlace:
    """The part of an image around a place that a share of the budget is enough for: all of a small one."""
    height, width = (min(_covered(side, scale) for scale in run.record.scales) for side in place.size)
    pictures = len(run.record.scales) * (len(labels_of(run)) + 2)
    side = min(1.0, math.sqrt(_WIDE_SHARE * budget / (pictures * _LOSSY * height * width)))
    high, wide = max(int(height * side), place.window.height), max(int(width * side), place.window.width)
    top = min(max(place.window.top + (place.window.height - high) // 2, 0), height - high)
    left = min(max(place.window.left + (place.window.width - wide) // 2, 0), width - wide)
    return replace(place, window=CropBox(top, left, high, wide), wide=True)


def _covered(side: int, scale: float) -> int:
    """How much of a side of HR is scored."""
    return side // int(scale) * int(scale) if is_whole(scale) else side


def widest(
    images: Sequence[NDArray[np.float32]], count: int, weight: NDArray[np.float32] | None = None
) -> Iterator[tuple[CropBox, float]]:
    """Up to ``count`` windows, apart from each other, with the largest mean of the range over the images."""
    # neither all of an image, where there would be nothing to choose, nor more than fits on a screen
    high, wide = (
        min(limit, max(side // 2, min(side, 24))) for side, limit in zip(images[0].shape, (HIGH, WIDE), strict=True)
    )
    return islice(disagreements(images, high, wide, weight), count)


def _crop(run: LoadedRun, kept: KeptImages, place: CropPlace, made: Album) -> dict[str, Any] | None:
    """A window as the page needs it: HR and every method, at every scale with kept images."""
    labels = labels_of(run)
    scales: dict[float, dict[str, Any]] = {}
    whole: Uint8Image | None = None
    for scale in run.record.scales:
        cells = _cells(run, place.dataset, scale)
        hr = kept.hr(place.dataset, scale, place.image)
        if hr is None or not _holds(hr, place.window):
            continue
        encode = _lossy if place.wide else _lossless
        srs = {
            labels.index(cell.id.method_label): encode(place.window.cut(sr))
            for cell, sr in kept.srs(place.image, cells.values(), hr)
        }
        if not srs:
            continue
        whole = hr if whole is None else whole
        lr = enlarged_lr(run.record, place.image, hr, scale, place.window)
        scales[scale] = {
            "hr": made.add(encode(place.window.cut(hr))),
            "lr": None if lr is None else made.add(encode(lr)),
            "sr": {method: made.add(sr) for method, sr in srs.items()},
            "files": {
                "hr": _relative(run.folder, run.folder.hr_path(place.dataset.content_hash, scale, place.image)),
                **{
                    labels.index(label): _relative(run.folder, run.folder.sr_path(cell.key, place.image))
                    for label, cell in cells.items()
                },
            },
        }
    if whole is None:
        return None
    window = place.window
    return {
        "dataset": run.record.datasets.index(place.dataset),
        "image": place.image,
        "wide": place.wide,
        "window": [window.top, window.left, window.height, window.width],
        "size": list(whole.shape[:2]),
        "whole": made.add(_small(whole)),
        "scales": scales,
    }


def _cells(run: LoadedRun, dataset: DatasetRecord, scale: float) -> dict[str, CellResult]:
    """One cell per label, of the first seed."""
    cells: dict[str, CellResult] = {}
    for cell in run.cells:
        if (cell.id.dataset, cell.id.scale) == (dataset.name, scale):
            cells.setdefault(cell.id.method_label, cell)
    return cells


def enlarged_lr(record: RunRecord, image: str, hr: Uint8Image, scale: float, window: CropBox) -> Uint8Image | None:
    """LR as methods were given it, each pixel a block of HR's size; None where it is not one of srbench's protocols.

    Args:
        record: of the run.
        image: what the run calls the image.
        hr: all of it.
        scale: the factor.
        window: the part that is wanted.
    """
    from srbench.imaging.resize import round_half_up
    from srbench.protocols.builtin import PROTOCOLS
    from srbench.protocols.case import prepare

    protocol = PROTOCOLS.get(record.protocol)
    if protocol is None or protocol.hash != record.protocol_hash or protocol.degraded == "none":
        return None
    if not is_whole(scale):
        return None
    turn = next((turn for turn in protocol.turns if image.endswith(image_name("", turn))), None)
    lr = prepare(protocol, image, hr, scale, turn=turn).input.lr
    rows, columns = np.arange(hr.shape[0]) // int(scale), np.arange(hr.shape[1]) // int(scale)
    top, left = window.top, window.left
    shown = lr[np.ix_(rows[top : top + window.height], columns[left : left + window.width])]
    return round_half_up(shown).clip(0, 255).astype(np.uint8)


def _relative(folder: RunFolder, path: Path) -> str:
    """Where an image is, seen from the report in its run's folder."""
    return "/".join(map(quote, ("..", *path.relative_to(folder.path).parts)))


def _holds(image: Uint8Image, window: CropBox) -> bool:
    return bool(window.top + window.height <= image.shape[0] and window.left + window.width <= image.shape[1])


def _lossless(image: Uint8Image) -> bytes:
    return _webp(PIL.Image.fromarray(np.ascontiguousarray(image)), lossless=True, quality=20)


def _lossy(image: Uint8Image) -> bytes:
    return _webp(PIL.Image.fromarray(np.ascontiguousarray(image)), quality=92)


def _small(image: Uint8Image) -> bytes:
    """An overview of a whole image: small, and lossy."""
    small = PIL.Image.fromarray(image)
    small.thumbnail((_WHOLE, _WHOLE), PIL.Image.Resampling.LANCZOS)
    return _webp(small, quality=72)


def _webp(image: PIL.Image.Image, **options: Any) -> bytes:
    """As WebP. Three times the effort (``method``, and ``quality`` of what is lossless) would save 3 % of the bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=2, **options)
    return buffer.getvalue()
