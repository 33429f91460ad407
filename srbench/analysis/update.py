"""`srbench check --update`: rewrites values of our own baselines that runs no longer reproduce.

Published values and limits (``at_least``, ``at_most``) are never rewritten: a person sets limits. A value within its
tolerance stays, so that the diff shows only real changes.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.analysis.baseline import require_whole, value_text
from srbench.analysis.gate import Verdict, check_runs
from srbench.analysis.references import OWN_SOURCE, Reference, read_references, reference_paths
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError

_PACKAGE = Path(__file__).resolve().parents[1]
"""srbench's own folder: files of the installed package are never changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One rewritten value: the verdict on its row, and the new text."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class FileUpdate:
    """The update of one file of reference values.

    Attributes:
        path: the file.
        before: its text.
        after: its text with the new values.
        changes: the rewritten values.
        limits: rows whose limit the runs pass; only a person changes limits.
        checked: how many of its values the runs have.
    """

    path: Path
    before: str
    after: str
    changes: tuple[Change, ...]
    limits: tuple[Verdict, ...]
    checked: int

    def diff(self) -> list[str]:
        """The unified diff, without line ends."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(before, after, str(self.path), str(self.path), lineterm=""))


@dataclass(frozen=True, slots=True)
class Update:
    """The update of baselines: their files, and how many values of the runs are in none of them."""

    files: tuple[FileUpdate, ...]
    new: int


def plan_update(runs: Sequence[LoadedRun], names: Sequence[str] | None = None) -> Update:
    """Compute an update; nothing is written.

    Args:
        runs: finished runs.
        names: files as :func:`srbench.analysis.references.load_references` takes them; all built-in files with values
            of ours if None.

    Raises:
        UsageError: a run cannot be a baseline, two runs have the same value, or a named file has no value of ours, or
            none that the runs have.
        DataError: a file is malformed.
    """
    for run in runs:
        require_whole(run)
    files: list[FileUpdate] = []
    verdicts: list[Verdict] = []
    for path in reference_paths(names):
        rows = [row for row in read_references(path) if row.use == "gate" and row.own]
        if not rows and names is None:
            continue
        _require_ours(path, rows)
        found = [verdict for run in runs for verdict in check_runs([run], rows).verdicts]
        if len({verdict.reference.line for verdict in found}) < len(found):
            raise UsageError("Two of the runs hold the same value; update a baseline from one of them.")
        files.append(_file_update(path, found))
        verdicts += found
    if not verdicts:
        raise UsageError("The runs hold no value of a baseline of your own; write one with --write.")
    known = {(verdict.run, verdict.reference.title) for verdict in verdicts}
    return Update(tuple(files), len(set(_titles(runs)) - known))


def _require_ours(path: Path, rows: Sequence[Reference]) -> None:
    if not rows:
        raise UsageError(
            f"{path.name} holds published values, which are never changed; --update is for a baseline of srbench's "
            f"own (made by --write, with a source that begins with '{OWN_SOURCE}')."
        )
    if path.resolve().is_relative_to(_PACKAGE):
        raise UsageError(f"{path.name} is part of the installed srbench; name a baseline of your own with --reference.")


def _titles(runs: Sequence[LoadedRun]) -> Iterator[tuple[str, str]]:
    """Run and value, in a reference's words."""
    for run in runs:
        for cell in run.cells:
            title = f"{cell.id.method_label} {cell.id.dataset} x{cell.id.scale} {run.record.protocol}"
            yield from ((run.record.id, f"{title} {metric.name}") for metric in run.record.metrics)


def _file_update(path: Path, verdicts: Sequence[Verdict]) -> FileUpdate:
    beyond = [verdict for verdict in verdicts if verdict.status == "fail"]
    changes = tuple(Change(verdict, _text(verdict)) for verdict in beyond if verdict.reference.rule == "equal")
    before = path.read_bytes().decode("utf-8")
    return FileUpdate(
        path=path,
        before=before,
        after=_rewritten(before, {change.verdict.reference.line: change.text for change in changes}),
        changes=changes,
        limits=tuple(verdict for verdict in beyond if verdict.reference.rule != "equal"),
        checked=len(verdicts),
    )


def _text(verdict: Verdict) -> str:
    """The new value as text, with as many digits as its tolerance needs."""
    row, value = verdict.reference, verdict.measured
    assert value is not None  # it would be missing
    text = value_text(row.metric, value)
    return text if value == float(text) or abs(value - float(text)) <= (row.tolerance or 0.0) else repr(value)


def _rewritten(text: str, values: Mapping[int, str]) -> str:
    """A CSV file with new values in the records that end in the given lines; all other records as they were."""
    lines = list(io.StringIO(text, newline=""))
    records = csv.reader(lines, strict=True)
    column = [name.removeprefix("\ufeff") for name in next(records)].index("value")
    done, start = lines[: records.line_num], records.line_num
    for record in records:
        raw = "".join(lines[start : records.line_num])
        start = records.line_num
        if records.line_num in values:
            record[column] = values[records.line_num]
            row = io.StringIO(newline="")
            csv.writer(row).writerow(record)  # its own end of line is \r\n: only then does it quote both characters
            raw = row.getvalue().removesuffix("\r\n") + raw[len(raw.rstrip("\r\n")) :]
        done.append(raw)
    return "".join(done)
