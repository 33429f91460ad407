"""Kept images of a run as a report reads them."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srbench.bench.results import CellResult, DatasetRecord
from srbench.bench.store import LoadedRun
from srbench.errors import DataError
from srbench.imaging.files import read_image, to_uint8

Uint8Image = NDArray[np.uint8]
MAX_IMAGES = 24
"""Most images that are searched for the largest disagreement, evenly spaced."""
HELD = 256 << 20
"""Most bytes of decoded images that are held, to be looked at again."""
_log = logging.getLogger(__name__)


def original(dataset: DatasetRecord) -> str:
    """What is shown beside SR: ``HR``, or ``LR`` where there is none."""
    return "HR" if dataset.has_hr else "LR"


class KeptImages:
    """Reads the kept images of a run; the last ones are held."""

    def __init__(self, run: LoadedRun) -> None:
        self._run = run
        self._held: OrderedDict[Path, Uint8Image] = OrderedDict()
        self._size = 0

    def names(self, dataset: DatasetRecord, scale: float, cells: Iterable[CellResult]) -> list[str]:
        """The images of cells whose HR was kept; of many at most MAX_IMAGES, evenly spaced."""
        names = dict.fromkeys(image.name for cell in cells for image in cell.images)
        kept = [name for name in names if any(path.is_file() for path in self._hr_paths(dataset, scale, name))]
        return kept[:: math.ceil(len(kept) / MAX_IMAGES) or 1]

    def hr(self, dataset: DatasetRecord, scale: float, image: str) -> Uint8Image | None:
        """The HR image, or without HR enlarged LR; None where there is none that is whole."""
        found = (self._read(path) for path in self._hr_paths(dataset, scale, image))
        return next((hr for hr in found if hr is not None), None)

    def srs(self, image: str, cells: Iterable[CellResult], hr: Uint8Image) -> Iterator[tuple[CellResult, Uint8Image]]:
        """The SR images of cells that are whole and have the size of HR."""
        for cell in cells:
            sr = self._read(self._run.folder_of(cell.id).sr_path(cell.key, image))
            if sr is not None and sr.shape[:2] == hr.shape[:2]:
                yield cell, sr

    def _hr_paths(self, dataset: DatasetRecord, scale: float, image: str) -> list[Path]:
        """Where an HR image, or without HR enlarged LR, may have been kept: merged runs have a folder each."""
        folders = dict.fromkeys(origin.folder for origin in self._run.origins.values()) or [self._run.folder]
        place = (dataset.content_hash, scale, image)
        return [folder.hr_path(*place) if dataset.has_hr else folder.lr_path(*place) for folder in folders]

    def _read(self, path: Path) -> Uint8Image | None:
        """None where it is not there or damaged: a report does without it."""
        if path in self._held:
            self._held.move_to_end(path)
            return self._held[path]
        if not path.is_file():
            return None
        try:
            image = to_uint8(read_image(path))
        except DataError as error:
            _log.warning("Run %s: %s", self._run.record.id, error)
            return None
        if image.nbytes <= HELD // 8:
            self._held[path] = image
            self._size += image.nbytes
        while self._size > HELD:
            self._size -= self._held.popitem(last=False)[1].nbytes
        return image
