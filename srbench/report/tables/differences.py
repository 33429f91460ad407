"""Tables of differences to a baseline, on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srbench.analysis.compare import Comparison
from srbench.bench.results import MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.tables.grid import Entry, Grid, Row, grids
from srbench.report.tables.intervals import reach, signed


def difference_grids(run: LoadedRun, comparisons: Sequence[Comparison], baseline: str) -> list[Grid]:
    """Tables of differences to the baseline with 95 % intervals, one metric each; the baseline's row has its values.

    Args:
        run: the run.
        comparisons: of its methods with the baseline, as B.
        baseline: a label.
    """
    places: dict[str, dict[tuple[str, float, str], Comparison]] = {}
    metrics: dict[str, MetricRecord] = {}
    for c in comparisons:
        if c.b.label == baseline:
            places.setdefault(c.metric.name, {})[c.dataset, c.scale, c.a.label] = c
            metrics[c.metric.name] = c.metric
    tables = []
    for name, by_place in places.items():
        for grid in grids(run, metrics=[metrics[name]]):
            if any(dataset == grid.dataset.name for dataset, _, _ in by_place):
                rows = tuple(_row(grid, row, by_place, baseline) for row in grid.rows)
                tables.append(replace(grid, rows=rows, baseline=baseline))
    return tables


def _row(grid: Grid, row: Row, by_place: Mapping[tuple[str, float, str], Comparison], baseline: str) -> Row:
    entries = {}
    for scale, entry in row.entries.items():
        comparison = by_place.get((grid.dataset.name, scale, row.name))
        if row.name == baseline or not entry.texts:
            entries[scale] = replace(entry, ranks={})
        elif comparison is None:  # the baseline has no result here
            entries[scale] = Entry({}, notes=entry.notes)
        else:
            digits = comparison.metric.digits
            beside = reach(comparison) if comparison.interval else f"({reach(comparison)})"
            text = f"{signed(comparison.difference, digits)} {beside}"
            entries[scale] = Entry({comparison.metric.name: text}, notes=entry.notes)
    return replace(row, entries=entries)
