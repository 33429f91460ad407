"""Depth (b), rescored: SR images scored again against the HR images that are here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from srbench.bench.results import CellResult, ImageResult
from srbench.bench.samples import case_of
from srbench.data.dataset import Dataset
from srbench.data.images import LrSample, Sample, read_lr, read_samples
from srbench.errors import DataError, MethodError, SrbenchError
from srbench.imaging.files import pixels_sha256
from srbench.imaging.planes import decode_planes
from srbench.metrics.scoring import Scored, Scoring
from srbench.proof.manifest import BundleDataset
from srbench.proof.verdict import Check
from srbench.protocols.case import Case, LrCase

if TYPE_CHECKING:
    from numpy.typing import NDArray

PlanesOf = Callable[[CellResult, ImageResult, Case | LrCase], "NDArray[np.float64] | None"]
"""The SR planes of an image of a cell; None where there are none."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """An image of a cell, scored again: its figures, or why there are none."""

    cell: CellResult
    image: ImageResult
    scored: Scored | None = None
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
        DataError: an image cannot be had, or is not the one that the bundle means.
    """
    scale, turns = cells[0].id.scale, scoring.protocol.turns
    scoring = scoring if dataset.has_hr else scoring.without_hr()
    samples: Iterator[Sample | LrSample] = read_samples(dataset) if dataset.has_hr else read_lr(dataset)
    for number, sample in enumerate(samples):
        known = wanted.images[number]
        images = (sample.hr if isinstance(sample, Sample) else None, sample.lr)
        if tuple(None if one is None else pixels_sha256(one) for one in images) != (known.pixels, known.lr_pixels):
            raise DataError(f"'{known.name}' of {wanted.name} is another image in the bundle than the one that is here")
        for place, turn in enumerate(turns, number * len(turns)):
            case = case_of(sample, scale, scoring.protocol, turn)
            for cell in cells:
                yield _score(scoring, cell, cell.images[place], case, planes_of)


def beside(case: Case | LrCase) -> NDArray[np.uint8]:
    """What has the size of SR: HR, or enlarged LR where there is none."""
    return case.hr if isinstance(case, Case) else case.enlarged


def _score(
    scoring: Scoring, cell: CellResult, image: ImageResult, case: Case | LrCase, planes_of: PlanesOf
) -> Rescored:
    other = "HR" if isinstance(case, Case) else "LR"
    try:
        planes = planes_of(cell, image, case)
        if planes is None:
            return Rescored(cell, image, reason="its SR image is not there")
        if planes.ndim == 3 and beside(case).ndim == 2:
            raise DataError(f"the SR of {image.name} has colours, and {other} is gray")
        if planes.ndim == 2 and beside(case).ndim == 3 and scoring.protocol.scored == "rgb":
            raise DataError(f"the SR of {image.name} is gray, and RGB is scored")
        pair, hr = (case.pair(planes), case.hr) if isinstance(case, Case) else (None, None)
        found = scoring.score_what_can_be(image.name, pair, (case.image(planes), hr), "cpu")
    except (DataError, MethodError) as error:
        return Rescored(cell, image, reason=str(error).rstrip("."))
    return Rescored(cell, image, found, is_hr=pair is not None and np.array_equal(*pair))


def planes_in(data: bytes, name: str, case: Case | LrCase) -> NDArray[np.float64]:
    """A member's SR planes, as large as HR.

    Raises:
        DataError: it is damaged, or has another size.
    """
    height, width = beside(case).shape[:2]
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
    """What came out, by the cells' keys; what keeps all from being compared is their reason.

    Values of a whole set are compared where all its images were scored.
    """
    by_key = {cell.key: new_check(cell, scoring) for cell in cells}
    scored: dict[str, list[Scored]] = {cell.key: [] for cell in cells}
    try:
        for one in found:
            check = by_key[one.cell.key]
            if one.scored is None:
                check.reason = check.reason or one.reason
                continue
            scored[one.cell.key].append(one.scored)
            check.images += 1
            check.compare(one.image.name, one.image.values, one.scored.values)
    except SrbenchError as error:
        for check in by_key.values():
            check.reason = check.reason or str(error).rstrip(".")
    for cell in cells:
        if len(scored[cell.key]) == len(cell.images):
            _compare_set(by_key[cell.key], cell, scoring, scored[cell.key])
    return by_key


def _compare_set(check: Check, cell: CellResult, scoring: Scoring, scored: Sequence[Scored]) -> None:
    """Compare the values that do not follow from those of images, by the claim or by the metrics here."""
    of_set = {*cell.of_set, *(metric.name for metric in scoring.metrics if metric.combine)}
    claimed = {name: cell.values[name] for name in sorted(of_set & cell.values.keys())}
    if claimed:
        try:
            check.compare("", claimed, scoring.aggregate(scored).values)
        except MethodError as error:
            check.reason = check.reason or str(error).rstrip(".")
