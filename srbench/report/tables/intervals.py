"""Tables of values with 95 % intervals, and the text of intervals, differences and p."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from srbench.analysis.bootstrap import Interval
from srbench.analysis.compare import Comparison
from srbench.analysis.sample import intervals_by_key, samples
from srbench.bench.results import MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.tables.grid import DASH, Entry, Grid, grids, main_metrics, printed


def interval_grids(run: LoadedRun, others: Sequence[MetricRecord] = ()) -> list[Grid]:
    """Tables of the main metrics and others, one metric each, of data sets that are large enough for intervals."""
    tables = []
    for metric in (*main_metrics(run), *others):
        by_place = intervals_by_key(samples(run, metric.name))
        for grid in grids(run, metrics=[metric]):
            if any(by_place.get((grid.dataset.name, scale, row.name)) for row in grid.rows for scale in row.entries):
                rows = [
                    replace(
                        row,
                        entries={
                            scale: _with_interval(entry, metric, by_place.get((grid.dataset.name, scale, row.name)))
                            for scale, entry in row.entries.items()
                        },
                    )
                    for row in grid.rows
                ]
                tables.append(replace(grid, rows=tuple(rows), intervals=True))
    return tables


def _with_interval(entry: Entry, metric: MetricRecord, interval: Interval | None) -> Entry:
    """An entry with its interval in brackets, without ranks, which the main table has."""
    if interval is None:
        return replace(entry, ranks={})
    ends = f"[{printed(interval.low, metric.digits)}, {printed(interval.high, metric.digits)}]"
    return replace(entry, texts={name: f"{text} {ends}" for name, text in entry.texts.items()}, ranks={})


def signed(value: float, digits: int) -> str:
    """A difference: ``+1.08``, ``-.07``; a dash for NaN."""
    if math.isnan(value):
        return DASH
    text = printed(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def signed_interval(interval: Interval | None, digits: int) -> str:
    """``[+.98, +1.19]``; a dash for None."""
    return DASH if interval is None else f"[{signed(interval.low, digits)}, {signed(interval.high, digits)}]"


def reach(comparison: Comparison) -> str:
    """The interval of a difference; of few images their range, ``+1.52 to +6.10``."""
    digits = comparison.metric.digits
    if comparison.interval is not None:
        return signed_interval(comparison.interval, digits)
    return " to ".join(signed(end, digits) for end in comparison.range) if comparison.of_few else DASH


def printed_p(p: float | None) -> str:
    """A p with three decimals; a dash without a test."""
    if p is None:
        return DASH
    return "<.001" if p < 0.001 else printed(p, 3)
