"""A run as tidy pandas tables: one row for each value, at full precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from srbench.analysis.compare import Comparison
from srbench.analysis.sample import CellIntervals
from srbench.bench.results import CellId
from srbench.bench.store import LoadedRun
from srbench.system.text import to_csv

if TYPE_CHECKING:
    import pandas as pd

_CELL = ["run", "method", "recipe", "dataset", "scale", "protocol", "protocol_hash", "seed"]
CELL_COLUMNS = [*_CELL, "metric", "value", "ci_low", "ci_high", "n", "status"]
COMPARISON_COLUMNS = [
    *("run", "dataset", "scale", "protocol", "protocol_hash", "metric", "a", "b", "n", "value_a", "value_b"),
    *("difference", "ci_low", "ci_high", "wins", "ties", "losses", "p", "p_holm"),
    *("seeds_a", "seeds_b", "seed_sd_a", "seed_sd_b"),
]
IMAGE_COLUMNS = [*_CELL, "image", "width", "height", "metric", "value"]
_VALUES = {"value", "value_a", "value_b", "difference", "ci_low", "ci_high", "p", "p_holm", "seed_sd_a", "seed_sd_b"}


def cells_frame(run: LoadedRun, intervals: CellIntervals) -> pd.DataFrame:
    """One row for each planned cell and metric; cells without a result have no value and a status.

    ``ci_low`` and ``ci_high`` are the ends of the 95 % interval over images, from :func:`cell_intervals`.
    """
    return _frame(CELL_COLUMNS, _cell_rows(run, intervals))


def cells_csv(run: LoadedRun, intervals: CellIntervals) -> str:
    """The same table as CSV, with the shortest text that reads back as the same number."""
    return _csv(CELL_COLUMNS, _cell_rows(run, intervals))


def images_csv(run: LoadedRun) -> str:
    """:func:`images_frame` as CSV."""
    return _csv(IMAGE_COLUMNS, _image_rows(run))


def comparisons_csv(run: LoadedRun, comparisons: Sequence[Comparison]) -> str:
    """:func:`comparisons_frame` as CSV."""
    rows = _comparison_rows(run, comparisons)  # what two infinities differ by is no number: an empty field
    return _csv(COMPARISON_COLUMNS, ({k: None if v != v else v for k, v in row.items()} for row in rows))


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    return to_csv([columns, *map(itemgetter(*columns), rows)])


def images_frame(run: LoadedRun) -> pd.DataFrame:
    """One row for each finished cell, image and metric."""
    return _frame(IMAGE_COLUMNS, _image_rows(run))


def comparisons_frame(run: LoadedRun, comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One row for each pair of methods, data set, scale and metric; differences are A - B."""
    return _frame(COMPARISON_COLUMNS, _comparison_rows(run, comparisons))


def _frame(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """A table in which a value that is not there is NaN, in a column that has no other too."""
    import pandas as pd

    return pd.DataFrame(rows, columns=columns).astype({name: float for name in columns if name in _VALUES})


def _comparison_rows(run: LoadedRun, comparisons: Sequence[Comparison]) -> Iterator[dict[str, Any]]:
    protocol = {"run": run.record.id, "protocol": run.record.protocol, "protocol_hash": run.record.protocol_hash}
    return (protocol | comparison_row(comparison) for comparison in comparisons)


def comparison_row(comparison: Comparison) -> dict[str, Any]:
    """A comparison by column; infinite values are kept."""
    a, b, interval = comparison.a, comparison.b, comparison.interval
    return {
        "a": a.label,
        "b": b.label,
        "dataset": comparison.dataset,
        "scale": comparison.scale,
        "metric": comparison.metric.name,
        "n": comparison.n,
        "value_a": a.value,
        "value_b": b.value,
        "difference": comparison.difference,
        "ci_low": interval and interval.low,
        "ci_high": interval and interval.high,
        "wins": comparison.wins,
        "ties": comparison.ties,
        "losses": comparison.losses,
        "p": comparison.p,
        "p_holm": comparison.holm,
        "seeds_a": len(a.seed_values),
        "seeds_b": len(b.seed_values),
        "seed_sd_a": a.seed_sd,
        "seed_sd_b": b.seed_sd,
    }


def _id(run: LoadedRun, cell: CellId) -> dict[str, Any]:
    return {
        "run": run.run_of(cell),
        "method": cell.method,
        "recipe": cell.recipe,
        "dataset": cell.dataset,
        "scale": cell.scale,
        "protocol": cell.protocol,
        "protocol_hash": run.record.protocol_hash,
        "seed": cell.seed,
    }


def _cell_rows(run: LoadedRun, intervals: CellIntervals) -> Iterator[dict[str, Any]]:
    results = {cell.id: cell for cell in run.cells}
    datasets = {dataset.name: dataset for dataset in run.record.datasets}
    for planned in run.record.cells:
        cell = results.get(planned.id)
        # a file that was lost after the run had finished
        status = "ok" if cell else "pending" if planned.status == "ok" else planned.status
        for metric in run.record.metrics:
            value = cell.values.get(metric.name) if cell else None
            lacking = cell is not None and bool(metric.lacking(datasets[planned.id.dataset]))
            n = len(cell.images) if cell and not lacking else 0
            interval = intervals.get((planned.id, metric.name))
            ends = {"ci_low": interval and interval.low, "ci_high": interval and interval.high}
            row = {"metric": metric.name, "value": value, **ends, "n": n}
            yield {**_id(run, planned.id), **row, "status": "unavailable" if lacking else status}


def _image_rows(run: LoadedRun) -> Iterator[dict[str, Any]]:
    for cell in run.cells:
        head = _id(run, cell.id)
        for image in cell.images:
            of_image = {**head, "image": image.name, "width": image.width, "height": image.height}
            for metric, value in image.values.items():
                yield {**of_image, "metric": metric, "value": value}
