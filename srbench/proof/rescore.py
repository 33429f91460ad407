"""Depth (b), rescored: SR images scored again against the HR images that are here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from srbench.bench.results import CellResult, ImageResult
from srbench.bench.samples import case_of
from srbench.data.dataset import Dataset
from srbench.data.images import read_samples
from srbench.errors import DataError, MethodError, SrbenchError
from srbench.imaging.files import pixels_sha256
from srbench.imaging.planes import decode_planes
from srbench.metrics.scoring import Scoring
from srbench.proof.manifest import BundleDataset
from srbench.proof.verdict import Check
from srbench.protocols.case import Case

if TYPE_CHECKING:
    from numpy.typing import NDArray

PlanesOf = Callable[[CellResult, ImageResult, Case], "NDArray[np.float64] | None"]
"""The SR planes of an image of a cell; None where there are none."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """An image of a cell, scored again: its figures, or why there are none."""

    cell: CellResult
    image: ImageResult
    values: Mapping[str, float] | None = None
    reason: str = ""
    is_hr: bool = False
    """Whether the SR planes are HR's to the last sample."""


def rescore(
    scoring: Scoring, cells: Sequence[CellResult], wanted: BundleDataset, dataset: Dataset, planes_of: PlanesOf
) -> Iterator[Rescored]:
    """Score the SR images of cells on one data set at one scale.

    Args:
        scoring: protocol and metrics.
        cells: of one data set and scale.
        wanted: the data set as the bundle has it.
        dataset: the same, here, its images in the same order.
        planes_of: where SR planes come from.

    Raises:
        DataError: an HR image cannot be had, or is not the one that the bundle means.
    """
    scale = cells[0].id.scale
    for number, sample in enumerate(read_samples(dataset)):
        known = wanted.images[number]
        lr_pixels = None if sample.lr is None else pixels_sha256(sample.lr)
        if (pixels_sha256(sample.hr), lr_pixels) != (known.pixels, known.lr_pixels):
            raise DataError(f"'{known.name}' of {wanted.name} is another image in the bundle than the one that is here")
        case = case_of(sample, scale, scoring.protocol)
        for cell in cells:
            yield _score(scoring, cell, cell.images[number], case, planes_of)


def _score(scoring: Scoring, cell: CellResult, image: ImageResult, case: Case, planes_of: PlanesOf) -> Rescored:
    try:
        planes = planes_of(cell, image, case)
        if planes is None:
            return Rescored(cell, image, reason="its SR image is not there")
        if planes.ndim == 3 and case.hr.ndim == 2:
            raise DataError(f"the SR of {image.name} has colours, and HR is gray")
        if planes.ndim == 2 and case.hr.ndim == 3 and scoring.protocol.scored == "rgb":
            raise DataError(f"the SR of {image.name} is gray, and RGB is scored")
        pair = case.pair(planes)
        found = scoring.score_what_can_be(image.name, pair, (case.image(planes), case.hr), "cpu")
    except (DataError, MethodError) as error:
        return Rescored(cell, image, reason=str(error).rstrip("."))
    return Rescored(cell, image, found.values, is_hr=bool(np.array_equal(*pair)))


def planes_in(data: bytes, name: str, case: Case) -> NDArray[np.float64]:
    """A member's SR planes, as large as HR.

    Raises:
        DataError: it is damaged, or has another size.
    """
    height, width = case.hr.shape[:2]
    return decode_planes(data, name, (height, width))


def new_check(cell: CellResult, scoring: Scoring) -> Check:
    """A check of SR images, which are scored on the processor here; networks of metrics may have run elsewhere."""
    networks = frozenset(metric.name for metric in scoring.metrics if metric.weights)
    return Check(device=other_device(cell, "cpu"), on_device=networks)


def other_device(cell: CellResult, here: str) -> str:
    """The device that a cell was computed on; empty if it is of the kind that is used here."""
    claimed = cell.environment.get("device", "")
    return claimed if is_processor(claimed) != is_processor(here) or not is_processor(here) else ""


def is_processor(device: str) -> bool:
    """Whether a device is a processor, by its name in a cell's environment."""
    return device.partition(" ")[0] in ("", "cpu")


def checks(found: Iterator[Rescored], cells: Sequence[CellResult], scoring: Scoring) -> dict[str, Check]:
    """What came out, by the cells' keys; what keeps all from being compared is their reason."""
    by_key = {cell.key: new_check(cell, scoring) for cell in cells}
    try:
        for one in found:
            check = by_key[one.cell.key]
            if one.values is None:
                check.reason = check.reason or one.reason
                continue
            check.images += 1
            check.compare(one.image.name, one.image.values, one.values)
    except SrbenchError as error:
        for check in by_key.values():
            check.reason = check.reason or str(error).rstrip(".")
    return by_key
