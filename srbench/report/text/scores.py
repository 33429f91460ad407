"""Values of a folder of images: a table for the terminal, CSV with a row an image, and plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.analysis.bootstrap import FEW_IMAGES, Interval, intervals, pseudo_values
from srbench.report.escape import one_line
from srbench.report.tables.grid import DASH, printed
from srbench.system.plain import json_number
from srbench.system.text import to_csv

if TYPE_CHECKING:
    from rich.console import Console

    from srbench.bench.image_scores import FolderScores
    from srbench.metrics.metric import Metric

MOST_ROWS = 30
"""Images up to which the terminal shows a row each."""


def summary(scores: FolderScores) -> dict[str, tuple[float, Interval | None]]:
    """The value of the folder and its 95 % interval over the images, by metric.

    A metric of sets has no interval, nor have few images.
    """
    how = scores.scoring.protocol.aggregate
    found: dict[str, tuple[float, Interval | None]] = {}
    for metric in scores.scoring.metrics:
        if (value := scores.whole.values.get(metric.name)) is None:
            continue
        parts = np.array([] if metric.combine else [image.values[metric.name] for image in scores.images])
        if how == "pooled" and metric.pool is not None:
            parts = pseudo_values(parts, metric.pool)
        found[metric.name] = (value, intervals([value], [parts], FEW_IMAGES)[0])
    return found


def print_scores(scores: FolderScores, console: Console) -> None:
    """The protocol of values with HR, a row an image, of few images, and one of the means."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    metrics = scores.scoring.metrics
    table = Table("image", *(escape(_title(metric)) for metric in metrics), box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    if len(scores.images) <= MOST_ROWS:
        for image in scores.images:
            table.add_row(escape(image.name), *(_printed(image.values.get(m.name), m.digits) for m in metrics))
    found = summary(scores)
    if scores.scale:
        protocol = scores.scoring.protocol
        console.print(
            Text.assemble("protocol ", (one_line(protocol.name), "bold"), f" ({protocol.hash}), x{scores.scale}")
        )
    if len(scores.images) != 1:
        what = "mean" if all(metric.combine is None for metric in metrics) else "value"
        values = (found.get(metric.name, (None, None)) for metric in metrics)
        texts = (_printed(value, metric.digits) for (value, _), metric in zip(values, metrics, strict=True))
        table.add_row(f"{what} of {len(scores.images)}", *texts, style="bold")
    if any(interval for _, interval in found.values()):
        ends = (escape(_ends(metric, found.get(metric.name, (0.0, None))[1])) for metric in metrics)
        table.add_row("95 % interval", *ends, style="dim")
    console.print(table)


def rows_of_images(scores: FolderScores) -> str:
    """CSV: image, width, height, each metric, and the blocks of those that count blocks."""
    metrics = scores.scoring.metrics
    counted = [metric.name for metric in metrics if metric.blocks is not None]
    head = ["image", "width", "height", *(metric.name for metric in metrics), *(f"{name}_blocks" for name in counted)]
    return to_csv([head, *_rows(scores, metrics, counted)])


def _rows(scores: FolderScores, metrics: Sequence[Metric], counted: Iterable[str]) -> Iterator[list[object]]:
    for image in scores.images:
        values = [image.values.get(metric.name, "") for metric in metrics]
        yield [image.name, image.width, image.height, *values, *(image.blocks[name] for name in counted)]


def scores_data(scores: FolderScores, asked: Sequence[Metric], unavailable: Mapping[str, str]) -> dict[str, Any]:
    """What ``srbench score --json`` prints, below the names of its folders.

    Args:
        scores: the values.
        asked: the metrics that were asked for.
        unavailable: why some of them cannot be computed here, by name.
    """
    found = summary(scores)
    protocol = scores.scoring.protocol
    return {
        "protocol": protocol.name if scores.scale else None,
        "protocol_hash": protocol.hash if scores.scale else None,
        "scale": scores.scale,
        "metrics": [
            _metric(metric, *found.get(metric.name, (None, None)))
            | {"n": len(scores.images) if metric.name in found else 0}
            | {"unavailable": unavailable.get(metric.name, "")}
            for metric in asked
        ],
        "images": [
            {
                "name": image.name,
                "width": image.width,
                "height": image.height,
                "values": {name: json_number(value) for name, value in image.values.items()},
                "blocks": image.blocks,
            }
            for image in scores.images
        ],
        "failed": [{"name": name, "exit_code": e.exit_code, "error": str(e)} for name, e in scores.failed],
        "notes": scores.notes,
    }


def _metric(metric: Metric, value: float | None, interval: Interval | None) -> dict[str, Any]:
    return {
        "name": metric.name,
        "higher_is_better": metric.higher_is_better,
        "unit": metric.unit,
        "needs_hr": metric.needs_hr,
        "of_set": metric.combine is not None,
        "value": None if value is None else json_number(value),
        "ci_low": interval.low if interval else None,
        "ci_high": interval.high if interval else None,
    }


def _printed(value: float | None, digits: int) -> str:
    """A value; a dash where an image has none, of a metric of sets."""
    return DASH if value is None else printed(value, digits)


def _title(metric: Metric) -> str:
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.name}{unit} {'↑' if metric.higher_is_better else '↓'}"


def _ends(metric: Metric, interval: Interval | None) -> str:
    return f"[{printed(interval.low, metric.digits)}, {printed(interval.high, metric.digits)}]" if interval else ""
