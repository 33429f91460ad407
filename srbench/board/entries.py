"""The claims and runs of a board, as rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srbench.analysis.references import is_genuine
from srbench.bench.results import CellResult, DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun, read_run, run_folders
from srbench.errors import DataError, SrbenchError
from srbench.proof.reading import Bundle, read_bundle
from srbench.proof.verdict import CellVerdict, Check, Difference, Verification
from srbench.proof.whole import contradictions
from srbench.system.hashes import digest, parse_json
from srbench.system.names import safe_name

BUNDLES = "*.srb.zip"
LARGEST_VERDICT = 32 * 2**20
RUN = "run"
"""The depth of rows of a run that is no bundle: nobody can verify it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What makes values comparable: images, scale and protocol."""

    dataset: DatasetRecord
    scale: float
    protocol: str
    protocol_hash: str
    protocol_words: str

    @property
    def slug(self) -> str:
        """The name of its page, the same wherever a board is made."""
        name = f"{safe_name(self.dataset.name)[:60]}-x{self.scale}-{safe_name(self.protocol)[:40]}"
        return f"{name}-{digest([self.dataset.name, self.dataset.content_hash, self.protocol_hash])[:8]}"

    @property
    def is_genuine(self) -> bool:
        """Whether its images are those that the data set's name stands for."""
        return is_genuine(self.dataset)


@dataclass(frozen=True, slots=True)
class Row:
    """The values of a method in a place.

    Attributes:
        place: where.
        label: the method.
        values: by metric.
        metrics: what they are.
        depth: how deep it was verified, or :data:`RUN`.
        claim: the claim's name; empty for a run.
        date: when it was computed.
    """

    place: Place
    label: str
    values: Mapping[str, float]
    metrics: tuple[MetricRecord, ...]
    depth: str
    claim: str
    date: str


@dataclass(slots=True)
class Entries:
    """All that a board shows.

    Attributes:
        claims: verifications of bundles, refuted ones too.
        rows: of claims that hold, and of runs.
        left_out: files that are none, in sentences.
    """

    claims: list[Verification] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def method_slug(label: str) -> str:
    """The name of a method's page."""
    return f"{safe_name(label)[:60]}-{digest(label)[:8]}"


def collect(folders: list[Path]) -> Entries:
    """Read bundles and runs below folders.

    A bundle ``X.srb.zip`` is marked by the depth that ``srbench verify --json`` wrote to ``X.srb.zip.json`` beside it;
    without that file it is only checked to be whole.

    Raises:
        DataError: a folder is missing.
    """
    found = Entries()
    known: set[str] = set()
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}: check the path.")
        for path in sorted(folder.rglob(BUNDLES)):
            try:
                claim = _claim(path)
            except SrbenchError as error:
                found.left_out.append(str(error))
                continue
            if claim.name not in known:
                known.add(claim.name)
                found.claims.append(claim)
                found.rows += [] if claim.is_refuted else _rows(claim.run, claim)
        for path in dict.fromkeys((*([folder] if (folder / "run.json").is_file() else []), *run_folders(folder))):
            try:
                found.rows += _rows(read_run(path), None)
            except SrbenchError as error:
                found.left_out.append(str(error))
    return found


def _rows(run: LoadedRun, claim: Verification | None) -> Iterator[Row]:
    record = run.record
    datasets = {dataset.name: dataset for dataset in record.datasets}
    metrics = tuple(metric for metric in record.metrics if not metric.unavailable)
    depths = {cell.cell.key: cell.depth for cell in claim.cells} if claim else {}
    for cell in run.cells:
        dataset = datasets.get(cell.id.dataset)
        if dataset is not None and cell.values:
            words = record.protocol_words
            place = Place(dataset, cell.id.scale, record.protocol, record.protocol_hash, words)
            depth, name = (depths[cell.key], claim.name) if claim else (RUN, "")
            yield Row(place, cell.id.method_label, cell.values, metrics, depth, name, record.started[:10])


def _claim(path: Path) -> Verification:
    """A bundle, with what was found when it was verified.

    Raises:
        DataError: it is refused.
    """
    bundle = read_bundle(path)
    cells = [CellVerdict(cell) for cell in bundle.run.cells]
    claim = Verification(path, bundle.name, bundle.sha256, bundle.manifest, bundle.run, cells=cells)
    claim.problems += contradictions(bundle)
    beside = path.with_name(f"{path.name}.json")
    try:
        verdict = _verdict(beside, bundle)
        for cell in cells:
            known = verdict.get(cell.cell.key, {})
            cell.rescored = _check(known.get("rescored"), cell.cell)
            cell.reproduced = _check(known.get("reproduced"), cell.cell)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise DataError(f"{beside} is no document of `srbench verify --json`: write it again.") from None
    return claim


def _verdict(path: Path, bundle: Bundle) -> dict[str, dict[str, Any]]:
    """The cells of a verification of this very bundle, by their keys; nothing where there is none."""
    if not path.is_file() or path.stat().st_size > LARGEST_VERDICT:
        return {}
    plain = parse_json(path.read_bytes())
    return {cell["key"]: cell for cell in plain["cells"]} if plain["sha256"] == bundle.sha256 else {}


def _check(plain: Any, cell: CellResult) -> Check | None:
    """A check as ``--json`` told it."""
    if not isinstance(plain, dict):
        return None
    largest = float(plain["largest_difference"])
    check = Check(images=int(plain["images"]), figures=int(plain["figures"]), reason=str(plain["reason"]))
    check.wrong += [
        Difference(str(one["image"]), str(one["metric"]), float(one["claimed"]), float(one["here"]))
        for one in plain["wrong"]
    ]
    if not check.wrong and largest:
        check.near.append(Difference("", next(iter(cell.values), ""), 0.0, largest))
    return check
