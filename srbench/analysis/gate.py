"""The gate: does a run reproduce the reference values?

It must never pass by accident: a missing value fails, and so does a check that compared nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from srbench.analysis.references import SPEED_PREFIX, Reference, is_genuine
from srbench.bench.results import CellId, RunRecord
from srbench.bench.store import LoadedRun
from srbench.errors import DataError
from srbench.system.names import method_of
from srbench.system.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of checking one reference value in one run.

    Attributes:
        reference: the expected value.
        run: the run's id; empty if no run planned the value.
        seeds: the planned seeds.
        measured: the run's value, the mean over the seeds; None if it is missing.
        status: ``missing`` if there is no value.
        why: why it is missing, in a word or two.
        error: the error of a failed cell.
        better: whether a deviation is in the metric's good direction; None if unknown.
    """

    reference: Reference
    run: str = ""
    seeds: tuple[int, ...] = ()
    measured: float | None = None
    status: Literal["pass", "fail", "missing"]
    why: str = ""
    error: str = ""
    better: bool | None = None

    @property
    def title(self) -> str:
        """What is measured, with the seeds unless there is only the usual one."""
        if len(self.seeds) > 1:
            return f"{self.reference.title} (mean of {len(self.seeds)} seeds)"
        return self.reference.title + (f" seed {self.seeds[0]}" if any(self.seeds) else "")

    @property
    def difference(self) -> float | None:
        """Measured minus expected."""
        if self.measured is None:
            return None
        return 0.0 if self.measured == self.reference.value else self.measured - self.reference.value

    @property
    def deviation(self) -> float | None:
        """How far the measured value is from the expected one, or beyond the limit."""
        difference = self.difference
        if difference is None or self.reference.rule == "equal":
            return None if difference is None else abs(difference)
        return max(0.0, -difference if self.reference.rule == "at_least" else difference)

    @property
    def message(self) -> str:
        """One sentence about the value."""
        expected = f"{_ascii(self.reference.expected)} is expected ({self.reference.source})"
        if self.measured is None:
            error = f" ({self.error.rstrip('.')})" if self.error else ""
            return f"{self.title}: {self.why}{error} where {expected}"
        text = f"{self.title}: {_as_printed(self.measured, self.reference)} where {expected}"
        if self.status == "pass":
            return text
        if self.reference.own:
            return f"{text}: {'better' if self.better else 'worse'} than the baseline"
        return f"{text}: better than published, so the protocol or the data differ" if self.better else text


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The answer of :func:`check_runs`.

    Attributes:
        verdicts: one per value in scope, failures first.
        problems: sentences about the check as a whole; any means failure.
    """

    verdicts: tuple[Verdict, ...]
    problems: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """``4 of 8 values differ, 1 is missing``, or that all are as expected."""
        missing = sum(verdict.status == "missing" for verdict in self.verdicts)
        differ = sum(verdict.status == "fail" for verdict in self.verdicts)
        every = len(self.verdicts)
        if not missing and not differ:
            return f"all {counted(every, 'value')} as expected" if every else "nothing was checked"
        parts = [f"{differ} of {every} differ"] if differ else []
        parts += [f"{missing} of {every} {'is' if missing == 1 else 'are'} missing"] if missing else []
        return ", ".join(parts)

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The verdicts that are not ``pass``."""
        return tuple(verdict for verdict in self.verdicts if verdict.status != "pass")

    @property
    def ok(self) -> bool:
        """Whether everything was checked and agrees."""
        return not self.problems and not self.failures


def check_runs(runs: Sequence[LoadedRun], references: Iterable[Reference], *, complete: bool = False) -> Verdicts:
    """Compare runs with the gate rows of the references.

    Args:
        runs: the runs.
        references: rows; only gate rows are compared.
        complete: every gate row must be in some run; otherwise the rows that a run planned are in scope, and each run
            must have some.

    Raises:
        DataError: a row limits a metric in its good direction.
    """
    gates = [row for row in references if row.use == "gate"]
    verdicts: list[Verdict] = []
    problems: list[str] = []
    for run in runs:
        found = [verdict for row in gates if (verdict := _verdict(run, row)) is not None]
        if not found and not complete:
            problems.append(
                f"Nothing was checked in run {run.record.id}: no reference value has its methods, data sets, scales, "
                f"metrics and protocol '{run.record.protocol}' ({run.record.protocol_hash}){_impostors(run.record)}."
            )
        verdicts += found
    if complete:
        covered = {id(verdict.reference) for verdict in verdicts}
        absent = "not in the run" if len(runs) == 1 else "in none of the runs"
        others = {dataset.name for run in runs for dataset in run.record.datasets if not is_genuine(dataset)}
        for row in gates:
            if id(row) not in covered:
                why = f"other images than srbench's {row.dataset}" if row.dataset in others else absent
                verdicts.append(Verdict(reference=row, status="missing", why=why))
        if not gates:
            problems.append("Nothing was checked: the references have no row whose use is gate.")
    order = {"fail": 0, "missing": 1, "pass": 2}
    return Verdicts(tuple(sorted(verdicts, key=lambda verdict: order[verdict.status])), tuple(problems))


def _verdict(run: LoadedRun, row: Reference) -> Verdict | None:
    """The verdict on one value, or None if the run did not plan it."""
    if row.metric.startswith(SPEED_PREFIX):
        return _speed_verdict(run, row)
    record = run.record
    metric = {metric.name: metric for metric in record.metrics}.get(row.metric)
    genuine = any(dataset.name == row.dataset and is_genuine(dataset) for dataset in record.datasets)
    planned = [cell.id for cell in record.cells if _same_value(cell.id, row)]
    if metric is None or not genuine or not planned or record.protocol_hash != row.protocol_hash:
        return None
    if row.rule != "equal" and (row.rule == "at_least") != metric.higher_is_better:
        side, rule = ("lower", "at_most") if row.rule == "at_least" else ("higher", "at_least")
        raise DataError(f"{row.where}: {row.metric} is better if it is {side}, so the rule must be {rule} or equal.")
    seeds = tuple(cell.seed for cell in planned)
    values: list[float] = []
    for cell_id in planned:
        cell = next((cell for cell in run.cells if cell.id == cell_id), None)
        if cell is None or row.metric not in cell.values:
            why, error = ("unavailable", metric.unavailable) if cell else _missing(record, cell_id)
            return Verdict(reference=row, run=record.id, seeds=seeds, status="missing", why=why, error=error)
        values.append(cell.values[row.metric])
    value = fmean(values)
    return Verdict(
        reference=row,
        run=record.id,
        seeds=seeds,
        measured=value,
        status="pass" if row.accepts(value) else "fail",
        better=(value > row.value) == metric.higher_is_better,
    )


def _speed_verdict(run: LoadedRun, row: Reference) -> Verdict | None:
    """The verdict on the ratio of two methods' speeds, or None if the run did not time both like that."""
    speed, record = run.speed, run.record
    if speed is None or (speed.device_type, speed.scale) != (row.dataset, row.scale):
        return None
    names = [method_of(label) for label in (row.method, row.metric.removeprefix(SPEED_PREFIX))]
    rows = [timed for timed in map(speed.of, names) if timed is not None]
    if len(rows) < 2 or record.protocol_hash != row.protocol_hash:
        return None
    own, other = (timed.megapixels_per_s for timed in rows)
    if not own or not other:
        error = next(timed.error for timed in rows if timed.error)
        return Verdict(reference=row, run=record.id, status="missing", why="not timed", error=error)
    ratio = own / other
    status: Literal["pass", "fail"] = "pass" if row.accepts(ratio) else "fail"
    return Verdict(reference=row, run=record.id, measured=ratio, status=status, better=ratio > row.value)


def _same_value(cell: CellId, row: Reference) -> bool:
    return (cell.method_label, cell.dataset, cell.scale) == (row.method, row.dataset, row.scale)


def _missing(record: RunRecord, cell: CellId) -> tuple[str, str]:
    """Why a cell has no result, and its error."""
    failed = next((failed for failed in record.failed if failed.id == cell), None)
    why, error = ("no result", "") if failed is None else ("failed", failed.error)
    return why + (f" of seed {cell.seed}" if cell.seed else ""), error


def _impostors(record: RunRecord) -> str:
    """A clause about folders that are named like a data set."""
    names = [f"'{dataset.name}'" for dataset in record.datasets if not is_genuine(dataset)]
    if not names:
        return ""
    sets, hold = ("data set", "holds") if len(names) == 1 else ("data sets", "hold")
    return f"; its {sets} {', '.join(names)} {hold} other images than srbench's"


def _ascii(text: str) -> str:
    """For logs without Unicode."""
    return text.replace("±", "+-").replace("≥", ">=").replace("≤", "<=")


def _as_printed(value: float, reference: Reference) -> str:
    """A measured value with two more decimals than the expected one."""
    decimals = len(reference.text.partition(".")[2]) if "e" not in reference.text.lower() else 6
    return f"{value:.{max(decimals, 2) + 2}f}".rstrip("0").rstrip(".")
