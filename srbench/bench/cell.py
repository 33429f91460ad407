"""Computes one cell: a method on every image of a data set at a scale, under a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.bench.plan import PlannedJob
from srbench.bench.reads import examine, with_reads
from srbench.bench.results import CellResult, Computed, ImageResult
from srbench.bench.runner import Account, Runner
from srbench.data.catalog import Dataset, Sample
from srbench.data.images import ensure_fetched, read_samples
from srbench.data.sr_images import Matched, match_by_name, read_sr
from srbench.errors import DataError, MethodError
from srbench.imaging.files import to_uint8
from srbench.inference import Output
from srbench.isolation.host import HostError, RemoteError
from srbench.isolation.watch import Reads
from srbench.metrics.blocks import Extent, blocks, notes_on_blocks
from srbench.metrics.hosted import read_by
from srbench.metrics.scoring import Scoring
from srbench.models.model import SrImages
from srbench.protocols.case import Case, prepare
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import digest
from srbench.system.machine import device_name, versions
from srbench.system.text import first_line

KEEP_PIXELS = 20_000_000
"""Prepared images are kept between cells if a data set has no more HR pixels than this."""

OnImage = Callable[[int, str, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]], None]
"""Called with the index and name of an image, SR and HR to look at, and the SR planes that are scored."""


class CaseSource:
    """The images of a data set as a protocol prepares them; the last set's are kept, for cells that share them.

    A data set that could not be fetched is not tried again: its error is raised at once.
    """

    def __init__(self) -> None:
        self._key: tuple[str, ...] | None = None
        self._cases: list[tuple[str, Case]] = []
        self._failed: dict[tuple[str, ...], DataError] = {}

    def cases(self, dataset: Dataset, scale: int, protocol: Protocol) -> Iterator[tuple[str, Case]]:
        """Each image's name and its case.

        Raises:
            DataError: an image is missing, corrupt or too small.
        """
        key = (dataset.content_hash, str(scale), protocol.hash)
        if key == self._key:
            yield from self._cases
            return
        for known in (key[:1], key):
            if known in self._failed:
                raise self._failed[known]
        self._key, self._cases = None, []
        kept: list[tuple[str, Case]] = []
        pixels = 0
        for sample in self._samples(dataset):
            case = self._case(key, protocol, sample, scale)
            pixels += case.hr.shape[0] * case.hr.shape[1]
            if pixels <= KEEP_PIXELS:
                kept.append((sample.name, case))
            yield sample.name, case
        if pixels <= KEEP_PIXELS:
            self._key, self._cases = key, kept

    def ensure(self, dataset: Dataset) -> None:
        """Fetch a data set.

        Raises:
            DataError: it cannot be fetched.
        """
        if (known := self._failed.get((dataset.content_hash,))) is not None:
            raise known
        try:
            ensure_fetched(dataset)
        except DataError as error:
            self._failed[(dataset.content_hash,)] = error
            raise

    def _samples(self, dataset: Dataset) -> Iterator[Sample]:
        try:
            yield from read_samples(dataset)
        except DataError as error:
            self._failed[(dataset.content_hash,)] = error
            raise

    def _case(self, key: tuple[str, ...], protocol: Protocol, sample: Sample, scale: int) -> Case:
        try:
            lr = None if sample.lr is None else to_uint8(sample.lr)
            return prepare(protocol, sample.name, to_uint8(sample.hr), scale, lr)
        except DataError as error:
            self._failed[key] = error
            raise


UNREAD = "its source or weights cannot be read, so other runs do not reuse its values"


def compute_cell(
    scoring: Scoring,
    job: PlannedJob,
    runner: Runner | SrImages,
    weights_sha256: str | None,
    cases: CaseSource,
    device: str,
    image_done: OnImage = lambda index, name, sr, hr, planes: None,
) -> Computed:
    """Run a method over a data set and score the results; existing SR images are only scored.

    For third-party methods the first image is run again after the last, to detect state and randomness.

    Raises:
        MethodError: the method raised or broke its contract.
        DataError: an image is missing, corrupt or too small to be scored.
    """
    images: list[ImageResult] = []
    extents: list[Extent] = []
    hr: list[NDArray[np.uint8]] = []
    first: tuple[Case, Output] | None = None
    supplied = _supplied(runner, job)
    same = 0
    lacking: dict[str, str] = {}
    for index, (name, case) in enumerate(cases.cases(job.dataset, job.id.scale, scoring.protocol)):
        if isinstance(runner, SrImages):
            sr, tile = read_sr(supplied.files[index], name, case.hr, case.uncropped).astype(np.float64), None
        else:
            output = _super_resolve(runner, case, name)
            if job.watched:
                hr.append(case.hr)
                first = first or (case, output)
            sr, tile = case.finish(runner.info, output.planes), output.tile
        image = case.image(sr)
        same += np.array_equal(image, case.hr)
        values, reasons = scoring.score_what_can_be(name, case.pair(sr), (image, case.hr), device)
        if not values:
            raise DataError(next(iter(reasons.values())))
        lacking |= {metric: reason for metric, reason in reasons.items() if metric not in lacking}
        extents.append(Extent(name, case.hr.shape[:2], case.uncropped))
        height, width = case.hr.shape[:2]
        counts = blocks(scoring.metrics, case.hr.shape)
        images.append(ImageResult(name=name, width=width, height=height, values=values, tile=tile, blocks=counts))
        image_done(index, name, image, case.hr, sr)
    again = () if first is None or isinstance(runner, SrImages) else _run_again(runner, *first, images[0].name, device)
    account = Account() if isinstance(runner, SrImages) else runner.close()
    reads = account.reads or Reads()
    reads.add(read_by(scoring.metrics))
    info = job.card.info
    found = examine(reads, info.files, job.card.folder, hr)
    inputs = with_reads(job.inputs(scoring, weights_sha256), found.note, job.card.folder)
    cell = CellResult(
        key=digest(inputs),
        id=job.id,
        protocol_hash=scoring.protocol.hash,
        values=scoring.aggregate([image.values for image in images]),
        images=tuple(images),
        inputs=inputs,
        environment=versions() | {"device": device_name(device)},
        notes=(
            *again,
            *_notes(supplied, same),
            *account.notes,
            *found.notes,
            *([UNREAD] if job.card.unread else []),
            *(f"has no {metric}: {reason}" for metric, reason in lacking.items()),
            *notes_on_blocks([metric for metric in scoring.metrics if metric.name not in lacking], extents),
        ),
        reusable=found.reusable and not again and not job.card.unread,
    )
    return Computed(cell, found.note)


def _run_again(runner: Runner, case: Case, output: Output, name: str, device: str) -> tuple[str, ...]:
    """A note if a method gives another image the second time, beyond rounding on a GPU."""
    second = _super_resolve(runner, case, name).planes
    near = 0.0 if torch.device(device).type == "cpu" else 1e-3
    if np.abs(second - output.planes).max(initial=0.0) <= near:
        return ()
    return (
        f"gave another image for {name} the second time: it uses random numbers, or keeps state between images; "
        "other runs do not reuse its values",
    )


def _supplied(method: object, job: PlannedJob) -> Matched:
    """The SR images of a method that is a folder, in the order of the data set; empty for other methods."""
    if not isinstance(method, SrImages):
        return Matched(())
    folder = method.folder(job.dataset.name, job.id.scale, job.dataset.called)
    return match_by_name(folder, job.dataset, job.id.scale)


def _notes(supplied: Matched, same: int) -> Iterator[str]:
    """What is to be said of SR images that were made elsewhere, of which so many are HR."""
    if supplied.note:
        yield supplied.note
    if same and (count := len(supplied.files)):
        what = "is its HR image" if same == 1 else "are their HR images"
        yield f"{same} of {count} SR images {what} to the last pixel: the folder may hold HR"


def _super_resolve(runner: Runner, case: Case, name: str) -> Output:
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
