"""A run's results of an exported method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from srbench.bench.results import CellResult, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.errors import DataError, UsageError
from srbench.export.subject import ExportSubject
from srbench.report.escape import markdown
from srbench.report.tables.grid import metric_title, metric_titles, printed


def values_of(run: LoadedRun, subjects: Sequence[ExportSubject]) -> tuple[CellResult, ...]:
    """The cells of an exported method at its scales, in the order of the plan.

    Raises:
        UsageError: the run has none at a scale.
        DataError: some are of other weights or another version of the method.
    """
    found: list[CellResult] = []
    for subject in subjects:
        label = subject.choice.label
        cells = [
            cell
            for cell in run.cells
            if (cell.id.method_label, cell.id.scale, cell.id.seed) == (label, subject.scale, subject.seed)
        ]
        if not cells:
            raise UsageError(
                f"Run {run.record.id} has no values of {subject}: run `srbench run --methods {label} --scales "
                f"{subject.scale}` with the data sets for the card, or name another --run."
            )
        now = (subject.sha256 or None, subject.card.source_hash)
        if any((cell.inputs.get("weights"), cell.inputs.get("source")) != now for cell in cells):
            raise DataError(
                f"Run {run.record.id} has values of {subject} with other weights, or of another version of its code, "
                "than what is exported; run it again."
            )
        found += cells
    return tuple(sorted(found, key=run.cells.index))


def model_index(name: str, run: LoadedRun, cells: Sequence[CellResult]) -> list[dict[str, Any]]:
    """The ``model-index`` of a model card: a result for each data set and scale, with its metrics.

    Infinite values are left out, which the format does not have.
    """
    titles = {dataset.name: (dataset.title, dataset.content_hash) for dataset in run.record.datasets}
    results = []
    for cell in cells:
        title, content = titles[cell.id.dataset]
        metrics = [
            {
                "type": metric.name,
                "value": cell.values[metric.name],
                "name": metric_title(metric),
            }
            for metric in run.record.metrics
            if math.isfinite(cell.values.get(metric.name, math.inf))
        ]
        if metrics:
            dataset = {
                "name": title,
                "type": cell.id.dataset,
                "config": f"x{cell.id.scale}, protocol {cell.id.protocol}",
                "revision": content,
                "args": {"scale": cell.id.scale, "protocol": cell.id.protocol, "protocol_hash": cell.protocol_hash},
            }
            task = {"type": "image-to-image", "name": f"Image super-resolution x{cell.id.scale}"}
            results.append({"task": task, "dataset": dataset, "metrics": metrics})
    return [{"name": name, "results": results}]


def values_table(run: LoadedRun, cells: Sequence[CellResult], others: Sequence[str]) -> list[str]:
    """The values as a Markdown table, beside those of other methods of the run.

    Args:
        run: the run.
        cells: of the exported method.
        others: labels of methods to compare with.
    """
    metrics = [metric for metric in run.record.metrics if not metric.unavailable]
    heads = [f"{title}{f', {label}' if label else ''}" for label in ("", *others) for title in metric_titles(metrics)]
    lines = [table_row("data set", "images", "scale", *heads), table_row("---", *["--:"] * (2 + len(heads)))]
    by_id = {(c.id.dataset, c.id.scale, c.id.method_label): c for c in run.cells if not c.id.seed}
    for cell in cells:
        shown = [cell, *(by_id.get((cell.id.dataset, cell.id.scale, label)) for label in others)]
        values = [_value(other, metric) for other in shown for metric in metrics]
        lines.append(table_row(markdown(cell.id.dataset), str(len(cell.images)), f"x{cell.id.scale}", *values))
    return lines


def table_row(*texts: str) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(texts)} |"


def _value(cell: CellResult | None, metric: MetricRecord) -> str:
    return printed(cell.values[metric.name], metric.digits) if cell and metric.name in cell.values else ""
