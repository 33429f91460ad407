"""A run's values as reference rows, for `srbench check --write`: a baseline for later runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from srbench.analysis.references import OPTIONAL_COLUMNS, OWN_SOURCE, REFERENCE_COLUMNS, is_genuine
from srbench.bench.results import CellResult, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.protocols.builtin import PROTOCOLS
from srbench.system.files import write_atomically
from srbench.system.text import to_csv

# Differences between machines: of floating point if nothing is trained or the weights come with the method, else of
# the training. For other metrics: units of the last printed digit, or the share of the distance from a perfect score,
# whichever is more.
_TOLERANCES = {"psnr": (0.001, 0.15), "ssim": (0.00005, 0.003)}
_LAST_DIGITS = (0.5, 30.0)
_SHARES = (1e-4, 5e-2)


def write_baseline(runs: list[LoadedRun], path: Path) -> int:
    """Write all values of the runs as gate rows; returns their number.

    Raises:
        UsageError: a run is incomplete or has a folder named like a data set, or two runs hold the same value.
    """
    rows = [row for run in runs for row in _rows(run)]
    seen = {tuple(row[column] for column in (*REFERENCE_COLUMNS[:5], *OPTIONAL_COLUMNS)) for row in rows}
    if len(seen) < len(rows):
        raise UsageError("Two of the runs hold the same value; write a baseline from one of them.")
    columns = REFERENCE_COLUMNS + OPTIONAL_COLUMNS
    write_atomically(path, to_csv([columns, *([row[column] for column in columns] for row in rows)]))
    return len(rows)


def require_whole(run: LoadedRun) -> None:
    """Reject runs that cannot be a baseline.

    Raises:
        UsageError: a metric or a cell is missing, or a folder is named like a data set.
    """
    record = run.record
    unavailable = [metric.name for metric in record.metrics if metric.unavailable]
    if unavailable:
        raise UsageError(f"Run {record.id} could not compute {', '.join(unavailable)}; run it without.")
    datasets = {dataset.name: dataset for dataset in record.datasets}
    whole = [
        cell
        for cell in run.cells
        if all(metric.name in cell.values or metric.lacking(datasets[cell.id.dataset]) for metric in record.metrics)
    ]
    lacking = len(record.cells) - len(whole)
    if lacking or not run.cells:
        raise UsageError(
            f"Run {record.id} has {lacking} cells without a result, so it is no baseline; finish it or leave them out."
        )
    for dataset in record.datasets:
        if not is_genuine(dataset):
            raise UsageError(
                f"'{dataset.name}' of run {record.id} holds other images than srbench's; give its folder another name."
            )


def value_text(metric: str, value: float) -> str:
    """A value as baselines have it: with more digits than any tolerance needs."""
    return f"{value:.{7 if metric in _TOLERANCES else 9}g}"


def _rows(run: LoadedRun) -> Iterator[dict[str, str]]:
    require_whole(run)
    record = run.record
    protocol_hash = "" if _is_builtin(record.protocol, record.protocol_hash) else record.protocol_hash
    for cells in _by_label(run.cells):
        first = cells[0].id
        for metric in (metric for metric in record.metrics if metric.name in cells[0].values):
            value = fmean(cell.values[metric.name] for cell in cells)
            yield {
                "method": first.method_label,
                "dataset": first.dataset,
                "scale": str(first.scale),
                "protocol": record.protocol,
                "metric": metric.name,
                "value": value_text(metric.name, value),
                "tolerance": f"{_tolerance(metric, value, not all(_is_fixed(run, cell) for cell in cells)):.3g}",
                "use": "gate",
                "shown_for": "",
                "source": f"{OWN_SOURCE} baseline",
                "note": "" if len(cells) == 1 else f"mean of {len(cells)} seeds",
                "protocol_hash": protocol_hash,
                "rule": "equal",
            }


def _by_label(cells: tuple[CellResult, ...]) -> list[list[CellResult]]:
    """Cells grouped by everything but the seed."""
    groups: dict[tuple[str, str, float], list[CellResult]] = {}
    for cell in cells:
        groups.setdefault((cell.id.method_label, cell.id.dataset, cell.id.scale), []).append(cell)
    return list(groups.values())


def _is_fixed(run: LoadedRun, cell: CellResult) -> bool:
    """Whether a cell's weights are the same on every machine: none, or weights that come with the method."""
    training = run.trainings.get(str(cell.inputs.get("weights")))
    return not cell.id.recipe or (training is not None and training.shipped)


def _tolerance(metric: MetricRecord, value: float, trained: bool) -> float:
    if abs(value) == float("inf"):
        return 0.0
    if metric.name in _TOLERANCES:
        return _TOLERANCES[metric.name][trained]
    distance = abs(1.0 - value) if metric.higher_is_better else abs(value)  # equal images have 1, or 0
    return max(_LAST_DIGITS[trained] * 10.0**-metric.digits, _SHARES[trained] * distance)


def _is_builtin(name: str, protocol_hash: str) -> bool:
    return name in PROTOCOLS and PROTOCOLS[name].hash == protocol_hash
