"""Computes one cell: a method on every image of a data set at a scale, under a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.bench.plan import Plan, PlannedJob
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
from srbench.metrics.hosted import read_by
from srbench.metrics.metric import Pair
from srbench.models.model import SrImages
from srbench.protocols.case import Case, prepare
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import digest
from srbench.system.machine import device_name, versions

KEEP_PIXELS = 20_000_000
"""Prepared images are kept from cell to cell while a data set has no more HR pixels than this."""

Picture = NDArray[np.uint8]
ImageDone = Callable[[int, str, Picture, Picture], None]
"""Called with an image's index, its name, its SR picture and its HR picture."""


class CaseSource:
    """The images of a data set as a protocol prepares them; the last set's are kept, for cells that share them.

    A data set that could not be had is not asked for again: its error is raised at once.
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
        """Have a data set fetched.

        Raises:
            DataError: it cannot be had.
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


def compute_cell(
    plan: Plan,
    job: PlannedJob,
    runner: Runner | SrImages,
    weights_sha256: str | None,
    cases: CaseSource,
    device: str,
    image_done: ImageDone = lambda index, name, sr, hr: None,
) -> Computed:
    """Run a method over a data set and score it; SR images that were made elsewhere are scored as they are.

    Of a method that is not srbench's own the first image is run again after the last.

    Raises:
        MethodError: the method raised or broke its contract.
        DataError: an image is missing, corrupt or too small to be scored.
    """
    images: list[ImageResult] = []
    hr: list[Picture] = []
    first: tuple[Case, Output] | None = None
    supplied = _supplied(runner, job)
    same = 0
    for index, (name, case) in enumerate(cases.cases(job.dataset, job.id.scale, plan.protocol)):
        if isinstance(runner, SrImages):
            sr, tile = read_sr(supplied.files[index], name, case.hr, case.uncropped).astype(np.float64), None
        else:
            output = _super_resolve(runner, case, name)
            if job.watched:
                hr.append(case.hr)
                first = first or (case, output)
            sr, tile = case.finish(runner.info, output.planes), output.tile
        picture = case.picture(sr)
        same += np.array_equal(picture, case.hr)
        values = score(plan, name, case.pair(sr), (picture, case.hr), device)
        height, width = case.hr.shape[:2]
        images.append(ImageResult(name=name, width=width, height=height, values=values, tile=tile))
        image_done(index, name, picture, case.hr)
    again = () if first is None or isinstance(runner, SrImages) else _run_again(runner, *first, images[0].name, device)
    account = Account() if isinstance(runner, SrImages) else runner.close()
    reads = account.reads or Reads()
    reads.add(read_by(plan.scored))
    info = job.card.info
    found = examine(reads, info.files, job.card.folder, hr)
    inputs = with_reads(plan.inputs(job, weights_sha256), found.note, job.card.folder)
    how = plan.protocol.aggregate
    cell = CellResult(
        key=digest(inputs),
        id=job.id,
        protocol_hash=plan.protocol.hash,
        values={m.name: m.aggregate([image.values[m.name] for image in images], how) for m in plan.scored},
        images=tuple(images),
        inputs=inputs,
        environment=versions() | {"device": device_name(device)},
        notes=(*again, *_notes(supplied, same), *account.notes, *found.notes),
        reusable=found.reusable and not again,
    )
    return Computed(cell, found.note)


def _run_again(runner: Runner, case: Case, output: Output, name: str, device: str) -> tuple[str, ...]:
    """What is to be said if a method gives another image the second time; a GPU may add in another order."""
    second = _super_resolve(runner, case, name).planes
    near = 0.0 if torch.device(device).type == "cpu" else 1e-3
    if np.abs(second - output.planes).max(initial=0.0) <= near:
        return ()
    return (
        f"gave another image for {name} the second time: it draws random numbers, or keeps state from image to image; "
        "its figures are not kept for other runs",
    )


def score(
    plan: Plan,
    name: str,
    scored: tuple[NDArray[np.float64], NDArray[np.float64]],
    pictures: tuple[Picture, Picture],
    device: str,
) -> dict[str, float]:
    """Every metric of one image that can be computed here.

    Args:
        plan: the metrics, and the files that they need.
        name: of the image, for messages.
        scored: SR and target, as :meth:`srbench.protocols.case.Case.pair` gives them.
        pictures: SR and HR to look at, (H, W) or (H, W, 3).
        device: where networks run.

    Raises:
        DataError: the image is too small for a metric.
        MethodError: a metric gave no number.
    """
    values: dict[str, float] = {}
    for metric in plan.scored:
        images = scored if metric.input == "scored" else pictures
        pair = Pair(images[0], images[1], plan.protocol, device, plan.weights)
        try:
            values[metric.name] = float(metric.function(pair))
        except ValueError as error:
            raise DataError(f"{name} cannot be scored: {error}; leave it out or use a smaller scale") from None
        if values[metric.name] != values[metric.name]:
            raise MethodError(f"metric {metric.name} gave NaN on {name}")
    return values


def _supplied(method: object, job: PlannedJob) -> Matched:
    """The SR images of a method that is a folder of them, in the order of the data set's; none of any other."""
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
    except BaseException as error:  # whatever a method raises fails its cell and no other
        kind = error.kind if isinstance(error, RemoteError) else type(error).__name__
        message = str(error).splitlines()[0] if str(error) else "no message"
        raise MethodError(f"{info.name} raised {kind} on {name}: {message}") from error
