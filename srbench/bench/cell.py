"""Computes one cell: a method on every image of a data set at a scale, under a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.bench.cases import CaseSource, beside
from srbench.bench.overlap import in_turn
from srbench.bench.part import Part, Span
from srbench.bench.plan import PlannedJob
from srbench.bench.reads import examine, with_reads
from srbench.bench.results import CellResult, Computed, ImageResult
from srbench.bench.runner import Account, Runner
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
from srbench.protocols.planes import is_large
from srbench.system.factors import Factor
from srbench.system.hashes import digest
from srbench.system.machine import device_name, versions
from srbench.system.memory import keep_freed_memory
from srbench.system.text import first_line

Then = Callable[[], None]
OnImage = Callable[[int, str, NDArray[np.uint8], NDArray[np.uint8], NDArray[Any]], Then]
"""Called with the index and name of an image, SR and HR (enlarged LR where there is none) to look at, and the SR planes
that are scored. What it returns is called in the thread of the cell, in the images' order."""


UNREAD = "its source or weights cannot be read, so other runs do not reuse its values"


@dataclass(slots=True)
class _Given:
    """An image, prepared; ``planes`` is what the method gets, None if it has had it, or if SR was made elsewhere."""

    index: int
    name: str
    case: Case | LrCase
    planes: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class _Done:
    """What a part keeps of an image; ``is_hr``: SR is HR, to the last pixel."""

    image: ImageResult
    scored: Scored
    extent: Extent
    is_hr: bool


def compute_part(
    scoring: Scoring,
    job: PlannedJob,
    runner: Runner | SrImages,
    cases: CaseSource,
    device: str,
    image_done: OnImage = lambda index, name, sr, hr, planes: lambda: None,
    span: Span | None = None,
    *,
    overlap: bool = False,
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
        overlap: prepare the next image, and score the last one, while the method runs.

    Raises:
        MethodError: the method raised or broke its contract.
        DataError: an image is missing, corrupt or too small to be scored.
    """
    scoring = job.scored_by(scoring)
    first: tuple[Case | LrCase, Output] | None = None
    supplied = _supplied(runner, job)
    if isinstance(runner, SrImages) and len(scoring.protocol.turns) > 1:
        name, count = scoring.protocol.name, len(scoring.protocol.turns)
        raise DataError(
            f"Protocol '{name}' makes {count} LR images of each HR image, and the folder has one SR image of each: "
            "write its LR by `srbench degrade`, and score SR of that as it says."
        )

    def prepared() -> Iterator[_Given]:
        for index, name, case in cases.cases(job.dataset, job.id.scale, scoring.protocol, span):
            keep_freed_memory(large=is_large(beside(case)))
            yield _Given(index, name, case, None if isinstance(runner, SrImages) else case.method_input(runner.info))
            del case  # before the next one is read

    def super_resolved(given: _Given) -> tuple[_Given, Output | None]:
        nonlocal first
        if isinstance(runner, SrImages) or given.planes is None:
            return given, None
        output = _super_resolve(runner, given.planes, given.case.scale, given.name)
        given.planes = None  # its memory may be needed for what follows
        if job.watched and given.index == 0:
            first = given.case, output
        return given, output

    def scored(made: tuple[_Given, Output | None]) -> tuple[_Done, Then]:
        given, output = made
        del made
        case, other, tile = given.case, beside(given.case), output.tile if output else None
        compared = case if isinstance(case, Case) else None
        whole = compared.uncropped if compared else other.shape[:2]
        if output is None or isinstance(runner, SrImages):
            file = supplied.files[given.index]
            sr: NDArray[Any] = read_sr(file, given.name, other, whole, has_hr=compared is not None)
        else:
            sr = case.finish(runner.info, output.planes)
        supplied_here, output = output is None, None  # as above
        image = case.image(sr)
        pair, original = (compared.pair(sr), compared.hr) if compared else (None, None)
        found = scoring.score_what_can_be(given.name, pair, (image, original), device)
        if not found.values and not found.parts:
            raise DataError(next(iter(found.reasons.values())))
        height, width = other.shape[:2]
        result = ImageResult(
            name=given.name,
            width=width,
            height=height,
            values=found.values,
            tile=tile,
            blocks=blocks(scoring.metrics, other.shape),
            drawn=compared.drawn if compared else (),
        )
        is_hr = supplied_here and compared is not None and np.array_equal(image, compared.hr)
        then = image_done(given.index, given.name, image, other, sr)
        return _Done(result, found, Extent(given.name, other.shape[:2], whole), is_hr), then

    done: list[_Done] = []
    with closing(in_turn(prepared(), super_resolved, scored, overlap=overlap)) as images:
        for image, then in images:
            done.append(image)
            then()
            del then
    unsteady = (
        "" if first is None or isinstance(runner, SrImages) else _run_again(runner, *first, done[0].image.name, device)
    )
    account = Account() if isinstance(runner, SrImages) else runner.close()
    reads = account.reads or Reads()
    reads.add(read_by(scoring.metrics))
    return Part(
        images=tuple(image.image for image in done),
        scored=tuple(image.scored for image in done),
        extents=tuple(image.extent for image in done),
        reads=reads,
        notes=account.notes,
        unsteady=unsteady,
        pairing=supplied.note,
        same=sum(image.is_hr for image in done),
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
    second = _super_resolve(runner, case.method_input(runner.info), case.scale, name).planes
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


def _super_resolve(runner: Runner, planes: NDArray[np.float32], scale: Factor, name: str) -> Output:
    info = runner.info
    try:
        return runner.run(planes, scale)
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
