"""Makes a bundle of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srbench.bench.availability import scoring_of
from srbench.bench.results import CellResult, ImageResult, RunRecord
from srbench.bench.store import LoadedRun
from srbench.data.dataset import Dataset
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.metrics.metric import Metric
from srbench.plugins.registry import Registry
from srbench.proof.archive import write_archive
from srbench.proof.asked import datasets_of
from srbench.proof.datasets import by_content, described, known_sets, resolved
from srbench.proof.manifest import (
    MANIFEST,
    RUN,
    BundleDataset,
    BundleSr,
    Manifest,
    Member,
    Sr,
    cell_member,
    claim_name,
    results_digest,
)
from srbench.proof.reading import json_member
from srbench.proof.rescore import Rescored, checks, planes_in, rescore
from srbench.proof.sources import collect
from srbench.protocols.case import Case, LrCase
from srbench.protocols.content import protocol_of
from srbench.system.files import writing
from srbench.system.hashes import file_sha256
from srbench.version import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = 5
"""SR images of each cell in a sample, from the first on."""


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle that was written."""

    path: Path
    sha256: str
    manifest: Manifest

    @property
    def name(self) -> str:
        """The claim's name."""
        return claim_name(self.sha256)


def make_bundle(
    run: LoadedRun, out: Path, *, sr: Sr, with_weights: bool, plugins: Sequence[Path] = (), datasets: Sequence[str] = ()
) -> Made:
    """Write the bundle of a run: the same bytes for the same run.

    SR images are those that the run kept, and each is scored before it is put in.

    Args:
        run: the run.
        out: the file.
        sr: which SR images.
        with_weights: whether to put in weights, where their terms allow it.
        plugins: files with methods and metrics, whose source is put in.
        datasets: data sets that are no longer where the run's command names them.

    Raises:
        UsageError: it has no finished cell, or is too large.
        DataError: a data set is not here, an SR image is missing, or is not the one whose figures the run has.
    """
    if not run.cells:
        raise UsageError(f"The run {run.record.id} has no finished cell: there is nothing to put into a bundle.")
    if gone := sum(cell.status == "ok" for cell in run.record.cells) - len(run.cells):
        raise DataError(f"{gone} finished cells of the run {run.record.id} are missing or damaged: run it again.")
    registry = Registry(plugins)
    try:
        names = [dataset.name for dataset in run.record.datasets]
        here = [*resolved([*datasets, *datasets_of(run.record.command)]), *known_sets(names)]
        known = {record.name: by_content(record, here) for record in run.record.datasets}
        sets = {name: described(dataset, name) for name, dataset in known.items()}
        sources = collect(run.cells, registry, with_weights=with_weights)
        chosen, left_out = ([], []) if sr == "none" else _choose(run, known, here, sr)
        _require_scored(run, registry, sets, known, chosen)
    finally:
        registry.hosts.close()
    members: dict[str, bytes | Path] = dict(sources.members)
    members[RUN] = json_member(_public(run.record))
    members |= {cell_member(cell.key): json_member(cell) for cell in run.cells}
    members |= {name: path for _, name, path in chosen}
    manifest = Manifest(
        made_by=__version__,
        results=results_digest(run.cells),
        members={name: _member(content) for name, content in sorted(members.items())},
        datasets=tuple(sets.values()),
        methods=tuple(sources.methods),
        sr=sr,
        sr_images=tuple(BundleSr(cell=cell.key, image=image.name, member=n) for (cell, image), n, _ in chosen),
        left_out=tuple(dict.fromkeys((*sources.left_out, *left_out))),
    )
    content = json_member(manifest)
    with writing(f"{out} cannot be written", ": name another file."):
        write_archive(out, members | {MANIFEST: content})
    return Made(out, hashlib.sha256(content).hexdigest(), manifest)


def _public(record: RunRecord) -> RunRecord:
    """The record without tracebacks, which name folders of the machine."""
    failed = tuple(one.model_copy(update={"traceback": ""}) for one in record.failed)
    return record.model_copy(update={"failed": failed})


def _member(content: bytes | Path) -> Member:
    if isinstance(content, Path):
        return Member(sha256=file_sha256(content), bytes=content.stat().st_size)
    return Member(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


Chosen = tuple[tuple[CellResult, ImageResult], str, Path]
"""An SR image: whose it is, its member, and its file in the run's folder."""


def _choose(
    run: LoadedRun, known: Mapping[str, Dataset], here: Sequence[Dataset], sr: Sr
) -> tuple[list[Chosen], list[str]]:
    """The SR images to put in, and what is left out.

    Raises:
        DataError: the run did not keep them.
    """
    chosen: list[Chosen] = []
    left_out = []
    for cell in {cell.key: cell for cell in run.cells}.values():
        content = known[cell.id.dataset].content_hash
        if not all(dataset.share_sr for dataset in here if dataset.content_hash == content):
            left_out.append(f"SR images of {cell.id.dataset}: its owners do not let them be passed on")
            continue
        for number, image in enumerate(cell.images[: SAMPLE if sr == "sample" else None]):
            path = _kept(run, cell, image)
            if path is None:
                remedy = "--sr sample or none" if sr == "all" and number >= SAMPLE else "--sr none"
                raise DataError(
                    f"The run did not keep the SR image {image.name} of {cell.id}: run it again with --keep-images "
                    f"{len(cell.images)} --force, or use {remedy}."
                )
            suffix = "npy" if path.read_bytes()[:1] == b"\x93" else "png"
            chosen.append(((cell, image), f"sr/{cell.key}/{number:05}.{suffix}", path))
    return chosen, left_out


def _kept(run: LoadedRun, cell: CellResult, image: ImageResult) -> Path | None:
    folder = run.folder_of(cell.id)
    places = (folder.planes_path(cell.key, image.name), folder.sr_path(cell.key, image.name))
    return next((path for path in places if path.is_file()), None)


def _require_scored(
    run: LoadedRun,
    registry: Registry,
    sets: Mapping[str, BundleDataset],
    known: Mapping[str, Dataset],
    chosen: Sequence[Chosen],
) -> None:
    """Refuse SR images that do not give the run's figures, and any that is HR itself.

    Raises:
        DataError: says which.
    """
    paths = {(cell.key, image.name): path for (cell, image), _, path in chosen}

    def planes_of(cell: CellResult, image: ImageResult, case: Case | LrCase) -> NDArray[np.float64] | None:
        path = paths.get((cell.key, image.name))
        return None if path is None else planes_in(path.read_bytes(), f"the SR of {image.name}", case)

    protocol = protocol_of(run.record.protocol, run.record.protocol_content)
    scoring = scoring_of(protocol, list(metrics_here(run.record, registry)), registry)[0]

    def of_chosen(found: Iterator[Rescored]) -> Iterator[Rescored]:
        for one in found:
            if (one.cell.key, one.image.name) in paths:
                if one.is_hr:
                    raise DataError(
                        f"The SR image {one.image.name} of {one.cell.id} is its HR image, which no bundle holds: use "
                        "--sr none."
                    )
                yield one

    for (dataset, _), cells in grouped([cell for (cell, _), _, _ in chosen]).items():
        found = list(of_chosen(rescore(scoring, cells, sets[dataset], known[dataset], planes_of)))
        by_key = checks(iter(found), cells, scoring)
        for cell in cells:
            check = by_key[cell.key]
            if check.wrong or check.reason:
                image = check.wrong[0].image if check.wrong else ""
                which = f"image {image} that the run kept of {cell.id} does" if image else f"images of {cell.id} do"
                why = f" ({check.reason})" if check.reason else ""
                raise DataError(
                    f"The SR {which} not give the run's figures{why}: run it again with --force, or use --sr none."
                )


def grouped(cells: Sequence[CellResult]) -> dict[tuple[str, float], list[CellResult]]:
    """Cells by data set and scale, each once."""
    groups: dict[tuple[str, float], dict[str, CellResult]] = {}
    for cell in cells:
        groups.setdefault((cell.id.dataset, cell.id.scale), {}).setdefault(cell.key, cell)
    return {place: list(found.values()) for place, found in groups.items()}


def metrics_here(record: RunRecord, registry: Registry) -> Iterator[Metric]:
    """The metrics of a run that are known here."""
    for metric in record.metrics:
        if not metric.unavailable:
            try:
                yield registry.metric(metric.name)
            except SrbenchError:
                continue
