"""Runs as tidy pandas tables: one row for each figure, at full precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from srbench.bench.results import CellId
from srbench.bench.store import LoadedRun

if TYPE_CHECKING:
    import pandas as pd

_CELL = ["run", "method", "recipe", "dataset", "scale", "protocol", "protocol_hash", "seed"]
CELL_COLUMNS = [*_CELL, "metric", "value", "n", "status"]
IMAGE_COLUMNS = [*_CELL, "image", "width", "height", "metric", "value"]


def cells_frame(runs: Sequence[LoadedRun]) -> pd.DataFrame:
    """One row for each planned cell and metric; cells without a result have a status that says so and no value."""
    import pandas as pd

    return pd.DataFrame([row for run in runs for row in _cell_rows(run)], columns=CELL_COLUMNS)


def images_frame(runs: Sequence[LoadedRun]) -> pd.DataFrame:
    """One row for each finished cell, image and metric."""
    import pandas as pd

    return pd.DataFrame([row for run in runs for row in _image_rows(run)], columns=IMAGE_COLUMNS)


def _id(run: LoadedRun, cell: CellId) -> dict[str, Any]:
    return {
        "run": run.record.id,
        "method": cell.method,
        "recipe": cell.recipe,
        "dataset": cell.dataset,
        "scale": cell.scale,
        "protocol": cell.protocol,
        "protocol_hash": run.record.protocol_hash,
        "seed": cell.seed,
    }


def _cell_rows(run: LoadedRun) -> Iterator[dict[str, Any]]:
    results = {cell.id: cell for cell in run.cells}
    for planned in run.record.cells:
        cell = results.get(planned.id)
        # a file that was lost after the run had finished
        status = "ok" if cell else "pending" if planned.status == "ok" else planned.status
        for metric in run.record.metrics:
            value = cell.values.get(metric.name) if cell else None
            lacking = cell is not None and bool(metric.unavailable)
            n = len(cell.images) if cell and not lacking else 0
            row = {"metric": metric.name, "value": value, "n": n, "status": "unavailable" if lacking else status}
            yield {**_id(run, planned.id), **row}


def _image_rows(run: LoadedRun) -> Iterator[dict[str, Any]]:
    for cell in run.cells:
        head = _id(run, cell.id)
        for image in cell.images:
            size = {"image": image.name, "width": image.width, "height": image.height}
            for metric, value in image.values.items():
                yield {**head, **size, "metric": metric, "value": value}
