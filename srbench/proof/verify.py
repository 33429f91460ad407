"""Verifies a bundle as deep as it can be, or as is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srbench.bench.availability import scoring_of
from srbench.bench.results import CellId, CellResult, ImageResult
from srbench.bench.workbench import Workbench
from srbench.data.dataset import Dataset
from srbench.data.images import ensure_fetched
from srbench.data.sr_images import match_by_name, read_sr
from srbench.errors import DataError, SrbenchError
from srbench.metrics.scoring import Scoring
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.proof.bundle import grouped, metrics_here
from srbench.proof.code import foreign_code, unpack
from srbench.proof.datasets import known_sets, local, resolved
from srbench.proof.reading import Bundle
from srbench.proof.reproduce import Again, reproduce
from srbench.proof.rescore import beside, checks, planes_in, rescore
from srbench.proof.verdict import CellVerdict, Check, Depth, Verification
from srbench.proof.whole import contradictions
from srbench.protocols.case import Case, LrCase
from srbench.protocols.content import protocol_of
from srbench.system.files import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

Read = Callable[[str], bytes]
"""Reads a member of the bundle."""
Step = Callable[[str], None]
"""Told what is done: a cell, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the verifier brings.

    Attributes:
        depth: how deep to go; None for as deep as possible.
        datasets: data sets as on the command line, beside those that are known by name.
        images: a folder of SR images, in place of those in the bundle; {method}, {dataset} and {scale} stand for a
            cell's.
        methods: models and recipes of one's own, as on the command line.
        plugins: files with methods and metrics.
        run_code: whether code from the bundle may run, where a method is not here.
        device: where methods run.
        threads: of torch; 0 for one.
        step: told of each cell that is begun.
    """

    depth: Depth | None = None
    datasets: tuple[str, ...] = ()
    images: str = ""
    methods: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    run_code: bool = False
    device: str = "cpu"
    threads: int = 0
    step: Step = field(default=lambda what: None)


def verify(bundle: Bundle, means: Means) -> Verification:
    """Verify a bundle that was read.

    Raises:
        UsageError: a plugin, a method or a device that the user names is not here.
        DataError: likewise of a file; or the bundle was changed since it was read.
    """
    cells = [CellVerdict(cell) for cell in bundle.run.cells]
    found = Verification(bundle.path, bundle.name, bundle.sha256, bundle.manifest, bundle.run, cells=cells)
    found.asked = means.depth
    found.problems += contradictions(bundle)
    if found.problems or means.depth == "whole":
        return found
    with ExitStack() as stack:
        registry = _registry(bundle, found, means, stack)
        given = {choice.label: choice for choice in registry.select(means.methods)}
        try:
            protocol = protocol_of(bundle.run.record.protocol, bundle.run.record.protocol_content)
            scoring = scoring_of(protocol, list(metrics_here(bundle.run.record, registry)), registry)[0]
        except SrbenchError as error:
            for cell in cells:
                cell.rescored = Check(reason=str(error).rstrip("."))
            return found
        found.notes += _not_compared(bundle, scoring)
        sets = [*resolved(means.datasets), *known_sets(dataset.name for dataset in bundle.manifest.datasets)]
        here = {dataset.name: _Local(dataset.name, bundle, sets) for dataset in bundle.manifest.datasets}
        _rescore(bundle, found, means, scoring, here, stack.enter_context(bundle.opened()))
        if means.depth in (None, "reproduced"):
            bench = Workbench(scoring, registry, means.device, means.threads)
            files = _weights(bundle, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srbench-"))))
            _reproduce(found, means, bench, here, files, given)
    return found


@dataclass(slots=True)
class _Local:
    """A data set of the bundle, looked for here once."""

    name: str
    bundle: Bundle
    sets: Sequence[Dataset]
    _found: Dataset | None = None
    _error: DataError | None = None

    def get(self) -> Dataset:
        """The data set, its images fetched.

        Raises:
            DataError: it is not here, and cannot be had.
        """
        if self._error is not None:
            raise self._error
        if self._found is None:
            wanted = next(known for known in self.bundle.manifest.datasets if known.name == self.name)
            try:
                self._found = local(wanted, self.sets)
                ensure_fetched(self._found)
            except DataError as error:
                self._error = error
                raise
        return self._found


def _registry(bundle: Bundle, found: Verification, means: Means, stack: ExitStack) -> Registry:
    """The methods that are here, and with ``run_code`` those whose code is in the bundle alone."""
    registry = Registry(means.plugins)
    stack.callback(registry.hosts.close)
    code = foreign_code(bundle, registry.method_names)
    words = [each.words(bundle) for each in code]
    if not code or means.depth == "rescored":
        return registry
    if not means.run_code:
        found.code += words
        return registry
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srbench-")))
    unpacked = tuple(unpack(bundle, code, folder))
    whole = list(means.plugins)
    for path, name in zip(unpacked, words, strict=True):
        try:
            whole, registry = [*whole, path], Registry((*whole, path))
            stack.callback(registry.hosts.close)
            found.ran.append(name)
        except SrbenchError as error:
            whole.remove(path)
            found.notes.append(f"{name} cannot be run: {str(error).rstrip('.')}")
    return registry


def _not_compared(bundle: Bundle, scoring: Scoring) -> list[str]:
    wanted = [metric.name for metric in bundle.run.record.metrics if not metric.unavailable]
    here = {metric.name for metric in scoring.metrics}
    lacking = [name for name in wanted if name not in here]
    return [f"not compared, for they cannot be computed here: {', '.join(lacking)}"] if lacking else []


def _rescore(
    bundle: Bundle, found: Verification, means: Means, scoring: Scoring, here: Mapping[str, _Local], read: Read
) -> None:
    members = {(sr.cell, sr.image): sr.member for sr in bundle.manifest.sr_images}
    sets = {dataset.name: dataset for dataset in bundle.manifest.datasets}

    def planes_of(cell: CellResult, image: ImageResult, case: Case | LrCase) -> NDArray[np.float64] | None:
        if means.images:
            return _planes_from_folder(means.images, cell.id, image, case, here[cell.id.dataset].get())
        member = members.get((cell.key, image.name))
        if member is None:
            return None
        return planes_in(read(member), member, case)

    with_images = {sr.cell for sr in bundle.manifest.sr_images}
    by_key: dict[str, Check] = {}
    for (dataset, scale), cells in grouped(bundle.run.cells).items():
        means.step(f"scoring {dataset} x{scale}")
        wanted = [cell for cell in cells if means.images or cell.key in with_images]
        by_key |= {cell.key: Check(reason="no SR images are in the bundle") for cell in cells if cell not in wanted}
        if not wanted:
            continue
        try:
            scored = rescore(scoring, wanted, sets[dataset], here[dataset].get(), planes_of)
        except DataError as error:
            by_key |= {cell.key: Check(reason=str(error).rstrip(".")) for cell in wanted}
            continue
        by_key |= checks(scored, wanted, scoring)
    for verdict in found.cells:
        verdict.rescored = by_key[verdict.cell.key]


def _planes_from_folder(
    template: str, cell: CellId, image: ImageResult, case: Case | LrCase, dataset: Dataset
) -> NDArray[np.float64]:
    """An SR image of a folder, as ``images:DIR`` reads it.

    The names in the path come from the bundle, so they may be part of a name and nothing else.
    """
    path = template
    for name, value in (("method", cell.method_label), ("dataset", cell.dataset), ("scale", str(cell.scale))):
        if f"{{{name}}}" in path:
            if value.strip(".") == "" or any(sign in value for sign in "/\\\0"):
                raise DataError(f"'{value}' cannot be part of a folder's name")
            path = path.replace(f"{{{name}}}", value)
    names = [item.name for item in dataset.items]
    if image.name not in names:
        raise DataError(f"'{image.name}' is one of several SR images of an HR image, which no folder has")
    file = match_by_name(Path(path), dataset, int(cell.scale)).files[names.index(image.name)]
    has_hr = isinstance(case, Case)
    most = case.uncropped if isinstance(case, Case) else case.enlarged.shape[:2]
    return read_sr(file, image.name, beside(case), most, has_hr=has_hr).astype(np.float64)


def _weights(bundle: Bundle, folder: Path) -> dict[str, Path]:
    """The weights in the bundle, in a folder of their own, by the sha256 of their tensors."""
    found = {}
    with bundle.opened() as read:
        for weights in (weights for method in bundle.manifest.methods for weights in method.weights):
            if weights.member is not None and weights.sha256 not in found:
                path = folder / f"{weights.sha256}.safetensors"
                write_atomically(path, read(weights.member))
                found[weights.sha256] = path
    return found


def _reproduce(
    found: Verification,
    means: Means,
    bench: Workbench,
    here: Mapping[str, _Local],
    files: Mapping[str, Path],
    given: Mapping[str, Choice],
) -> None:
    by_key: dict[str, Check] = {}
    for verdict in found.cells:
        cell = verdict.cell
        if cell.key not in by_key:
            means.step(f"computing {cell.id}")
            weights = cell.inputs.get("weights")
            try:
                dataset = here[cell.id.dataset].get()
            except DataError as error:
                by_key[cell.key] = Check(reason=str(error).rstrip("."))
            else:
                sha256 = weights if isinstance(weights, str) else None
                by_key[cell.key] = reproduce(bench, cell, Again(cell.id, sha256, dataset, files, given))
        verdict.reproduced = by_key[cell.key]
        found.notes += [note for note in by_key[cell.key].notes if note not in found.notes]
