"""Computes one cell: a method on every image of a data set at a scale, under a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.bench.part import Part, Span
from srbench.bench.plan import PlannedJob
from srbench.bench.reads import examine, with_reads
from srbench.bench.results import CellResult, Computed, ImageResult
from srbench.bench.runner import Account, Runner
from srbench.bench.samples import case_of
from srbench.data.catalog import Dataset, Sample
from srbench.data.images import LrSample, ensure_fetched, read_lr, read_samples
from srbench.data.sr_images import Matched, match_by_name, read_sr
from srbench.errors import DataError, MethodError
from srbench.inference import Output
from srbench.isolation.host import HostError, RemoteError
from srbench.isolation.watch import Reads
from srbench.metrics.blocks import Extent, blocks, notes_on_blocks
from srbench.metrics.hosted import read_by
from srbench.metrics.scoring import Scored, Scoring
from srbench.models.model import SrImages
from srbench.protocols.case import Case, LrCase
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import digest
from srbench.system.machine import device_name, versions
from srbench.system.text import first_line

KEEP_PIXELS = 20_000_000
"""Prepared images are kept between cells if a data set has no more HR pixels than this."""

T = TypeVar("T")

OnImage = Callable[[int, str, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]], None]
"""Called with the index and name of an image, SR and HR (enlarged LR where there is none) to look at, and the SR planes
that are scored."""


class CaseSource:
    """The images of a data set as a protocol prepares them; the last set's are kept, for cells that share them.

    A data set that could not be fetched is not tried again: its error is raised at once.
    """

    def __init__(self) -> None:
        self._key: tuple[str, str, str] | None = None
        self._cases: dict[int, Case | LrCase] = {}
        self._pixels = 0
        self._failed: dict[tuple[object, ...], DataError] = {}

    def cases(
        self, dataset: Dataset, scale: float, protocol: Protocol, span: Span | None = None
    ) -> Iterator[tuple[int, str, Case | LrCase]]:
        """Each image's index, its name and its case.

        Raises:
            DataError: an image is missing, corrupt or too small.
        """
        key = (dataset.content_hash, str(scale), protocol.hash)
        if key != self._key:
            self._key, self._cases, self._pixels = key, {}, 0
        for index in range(*(span or (0, len(dataset.items)))):
            for number, turn in enumerate(protocol.turns):
                place = index * len(protocol.turns) + number
                name = dataset.items[index].name if turn is None else f"{dataset.items[index].name}-{turn + 1}"
                case = self._cases.get(place)
                if case is None:
                    case = self._prepared(key, dataset, index, scale, protocol, turn)
                    self._keep(place, case)
                yield place, name, case

    def ensure(self, dataset: Dataset) -> None:
        """Fetch a data set.

        Raises:
            DataError: it cannot be fetched.
        """
        self._once((dataset.content_hash,), lambda: ensure_fetched(dataset))

    def _prepared(
        self,
        key: tuple[str, str, str],
        dataset: Dataset,
        index: int,
        scale: float,
        protocol: Protocol,
        turn: int | None,
    ) -> Case | LrCase:
        """An image's case."""
        alone = replace(dataset, items=dataset.items[index : index + 1])

        def read() -> Sample | LrSample:
            return next(read_samples(alone)) if dataset.has_hr else next(read_lr(alone))

        sample = self._once((dataset.content_hash, index), read)
        return self._once((*key, index), lambda: case_of(sample, scale, protocol, turn))

    def _keep(self, place: int, case: Case | LrCase) -> None:
        """Keep a case where there is room."""
        height, width = _beside(case).shape[:2]
        self._pixels += height * width
        if self._pixels <= KEEP_PIXELS:
            self._cases[place] = case

    def _once(self, what: tuple[object, ...], make: Callable[[], T]) -> T:
        """What ``make`` returns; where it failed before, its error at once."""
        if what in self._failed:
            raise self._failed[what]
        try:
            return make()
        except DataError as error:
            self._failed[what] = error
            raise


def _beside(case: Case | LrCase) -> NDArray[np.uint8]:
    """What there is to look at beside SR, in its size: HR, or enlarged LR."""
    return case.hr if isinstance(case, Case) else case.enlarged


UNREAD = "its source or weights cannot be read, so other runs do not reuse its values"


def compute_part(
    scoring: Scoring,
    job: PlannedJob,
    runner: Runner | SrImages,
    cases: CaseSource,
    device: str,
    image_done: OnImage = lambda index, name, sr, hr, planes: None,
    span: Span | None = None,
) -> Part:
    """Run a method over images of a data set and score the results; existing SR images are only scored.

    The first image of the data set is run again at the end by third-party methods, to detect state and randomness.

    Args:
        scoring: protocol and metrics.
        job: the cell.
        runner: the method.
        cases: the images.
        device: where networks of metrics run.
        image_done: called after each image.
        span: which images; all by default.

    Raises:
        MethodError: the method raised or broke its contract.
        DataError: an image is missing, corrupt or too small to be scored.
    """
    scoring = job.scored_by(scoring)
    images: list[ImageResult] = []
    scored: list[Scored] = []
    extents: list[Extent] = []
    first: tuple[Case | LrCase, Output] | None = None
    supplied = _supplied(runner, job)
    if isinstance(runner, SrImages) and len(scoring.protocol.turns) > 1:
        name, count = scoring.protocol.name, len(scoring.protocol.turns)
        raise DataError(
            f"Protocol '{name}' makes {count} LR images of each HR image, and the folder has one SR image of each: "
            "write its LR by `srbench degrade`, and score SR of that as it says."
        )
    same = 0
    for index, name, case in cases.cases(job.dataset, job.id.scale, scoring.protocol, span):
        compared = case if isinstance(case, Case) else None
        beside = _beside(case)
        whole = compared.uncropped if compared else beside.shape[:2]
        if isinstance(runner, SrImages):
            sr = read_sr(supplied.files[index], name, beside, whole, has_hr=compared is not None).astype(np.float64)
            tile = None
            image = case.image(sr)
            same += compared is not None and np.array_equal(image, compared.hr)
        else:
            output = _super_resolve(runner, case, name)
            if job.watched and index == 0:
                first = case, output
            sr, tile = case.finish(runner.info, output.planes), output.tile
            image = case.image(sr)
        pair, original = (compared.pair(sr), compared.hr) if compared else (None, None)
        found = scoring.score_what_can_be(name, pair, (image, original), device)
        if not found.values and not found.parts:
            raise DataError(next(iter(found.reasons.values())))
        scored.append(found)
        extents.append(Extent(name, beside.shape[:2], whole))
        height, width = beside.shape[:2]
        counts = blocks(scoring.metrics, beside.shape)
        images.append(
            ImageResult(
                name=name,
                width=width,
                height=height,
                values=found.values,
                tile=tile,
                blocks=counts,
                drawn=compared.drawn if compared else (),
            )
        )
        image_done(index, name, image, beside, sr)
    unsteady = (
        "" if first is None or isinstance(runner, SrImages) else _run_again(runner, *first, images[0].name, device)
    )
    account = Account() if isinstance(runner, SrImages) else runner.close()
    reads = account.reads or Reads()
    reads.add(read_by(scoring.metrics))
    return Part(
        images=tuple(images),
        scored=tuple(scored),
        extents=tuple(extents),
        reads=reads,
        notes=account.notes,
        unsteady=unsteady,
        pairing=supplied.note,
        same=same,
        environment=versions() | {"device": device_name(device)},
    )


def join_parts(
    scoring: Scoring, job: PlannedJob, weights_sha256: str | None, parts: Sequence[Part], cases: CaseSource
) -> Computed:
    """A cell from its parts, in the data set's order: the same however it was cut.

    Raises:
        MethodError: a metric cannot pool.
        DataError: the set is too small for every metric.
    """
    scoring = job.scored_by(scoring)
    images = tuple(image for part in parts for image in part.images)
    reads = Reads()
    lacking: dict[str, str] = {}
    for part in parts:
        reads.add(part.reads)
    scored = [image for part in parts for image in part.scored]
    whole = scoring.aggregate(scored)
    for reasons in (*(image.reasons for image in scored), whole.reasons):
        for metric, reason in reasons.items():
            lacking.setdefault(metric, reason)
    if not whole.values:
        raise DataError(next(iter(lacking.values())))
    found = examine(
        reads,
        job.card.info.files,
        job.card.folder,
        lambda: [
            case.hr for _, _, case in cases.cases(job.dataset, job.id.scale, scoring.protocol) if isinstance(case, Case)
        ],
    )
    inputs = with_reads(job.inputs(scoring, weights_sha256), found.note, job.card.folder)
    unsteady = parts[0].unsteady
    cell = CellResult(
        key=digest(inputs),
        id=job.id,
        protocol_hash=scoring.protocol.hash,
        values=whole.values,
        of_set=tuple(metric.name for metric in scoring.metrics if metric.combine and metric.name in whole.values),
        images=images,
        inputs=inputs,
        environment=parts[0].environment,
        notes=(
            *([unsteady] if unsteady else []),
            *_notes(parts[0].pairing, sum(part.same for part in parts), len(images)),
            *sorted({note for part in parts for note in part.notes}),
            *found.notes,
            *([UNREAD] if job.card.unread else []),
            *(f"has no {metric}: {reason}" for metric, reason in lacking.items()),
            *notes_on_blocks(
                [metric for metric in scoring.metrics if metric.name not in lacking],
                [extent for part in parts for extent in part.extents],
            ),
        ),
        reusable=found.reusable and not unsteady and not job.card.unread,
    )
    return Computed(cell, found.note)


def _run_again(runner: Runner, case: Case | LrCase, output: Output, name: str, device: str) -> str:
    """A sentence if a method gives another image the second time, beyond rounding on a GPU."""
    second = _super_resolve(runner, case, name).planes
    near = 0.0 if torch.device(device).type == "cpu" else 1e-3
    if np.abs(second - output.planes).max(initial=0.0) <= near:
        return ""
    return (
        f"gave another image for {name} the second time: it uses random numbers, or keeps state between images; "
        "other runs do not reuse its values"
    )


def _supplied(method: object, job: PlannedJob) -> Matched:
    """The SR images of a method that is a folder, in the order of the data set; empty for other methods."""
    if not isinstance(method, SrImages):
        return Matched(())
    scale = int(job.id.scale)
    folder = method.folder(job.dataset.name, scale, job.dataset.called)
    return match_by_name(folder, job.dataset, scale)


def _notes(pairing: str, same: int, count: int) -> Iterator[str]:
    """What is to be said of SR images that were made elsewhere, of which so many are HR."""
    if pairing:
        yield pairing
    if same:
        what = "is its HR image" if same == 1 else "are their HR images"
        yield f"{same} of {count} SR images {what} to the last pixel: the folder may hold HR"


def _super_resolve(runner: Runner, case: Case | LrCase, name: str) -> Output:
    info = runner.info
    try:
        return runner.run(case.method_input(info), case.scale)
    except HostError:
        raise
    except MethodError as error:
        raise MethodError(f"{error} ({name})") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # any exception of a method fails its cell only
        kind = error.kind if isinstance(error, RemoteError) else type(error).__name__
        message = first_line(error, "no message")
        raise MethodError(f"{info.name} raised {kind} on {name}: {message}") from error
