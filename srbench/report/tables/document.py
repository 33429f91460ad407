"""A run as the JSON document that ``--json`` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from srbench.analysis.bootstrap import LEVEL
from srbench.analysis.compare import Comparison
from srbench.analysis.sample import CellIntervals
from srbench.bench.results import SCHEMA_VERSION, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.tables.frame import comparison_row
from srbench.system.plain import json_number


def run_document(run: LoadedRun, intervals: CellIntervals) -> str:
    """``{"schema_version", "run", "results": [...], "failed": [...]}``: one result for each cell and metric.

    ``ci_low`` and ``ci_high`` are the ends of the 95 % interval over images, from :func:`cell_intervals`, or null. A
    metric that could not be computed has ``status`` "unavailable", ``value`` null and the reason as ``error``. If
    methods were timed, ``speed`` has the results.
    """
    results = []
    datasets = {dataset.name: dataset for dataset in run.record.datasets}
    for cell in run.cells:
        cell_id = cell.id.model_dump()
        for name, value in cell.values.items():
            interval = intervals.get((cell.id, name))
            results.append(
                {
                    **cell_id,
                    **({"run": run.run_of(cell.id)} if run.origins else {}),
                    "protocol_hash": cell.protocol_hash,
                    "metric": name,
                    "value": json_number(value),
                    "ci_low": interval and interval.low,
                    "ci_high": interval and interval.high,
                    "n": len(cell.images),
                    "status": "ok",
                    "per_image": [
                        {"image": image, "value": json_number(of_image)} for image, of_image in cell.of_images(name)
                    ],
                }
            )
        results += [
            _unavailable(cell_id, cell.protocol_hash, metric, reason)
            for metric in run.record.metrics
            if (reason := metric.lacking(datasets[cell.id.dataset]))
        ]
    failed = [
        {**failure.id.model_dump(), "status": "failed", "kind": failure.kind, "error": failure.error}
        for failure in run.record.failed
    ]
    document = {"schema_version": SCHEMA_VERSION, "run": run.record.id, "results": results, "failed": failed}
    if run.speed is not None:
        document["speed"] = run.speed.model_dump(mode="json")
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _unavailable(cell: dict[str, Any], protocol_hash: str, metric: MetricRecord, reason: str) -> dict[str, Any]:
    return {
        **cell,
        "protocol_hash": protocol_hash,
        "metric": metric.name,
        "value": None,
        "n": 0,
        "status": "unavailable",
        "error": reason,
        "per_image": [],
    }


def comparison_document(runs: Sequence[LoadedRun], comparisons: Sequence[Comparison], top: int) -> str:
    """Comparisons of the methods of one run, or of the first run's with the second's.

    ``{"schema_version", "runs", "protocol", "protocol_hash", "higher_is_better", "interval", "test",
    "comparisons": [...]}``, each with the ``top`` images of the largest differences.
    """
    rows = []
    for comparison in comparisons:
        images = comparison.images()[:top]
        listed = [{"image": name, "a": json_number(a), "b": json_number(b)} for name, a, b in images]
        plain = {key: json_number(value) for key, value in comparison_row(comparison).items()}
        sds = {"image_sd_a": comparison.a.image_sd, "image_sd_b": comparison.b.image_sd}
        rows.append(plain | sds | {"images": listed})
    record = runs[0].record
    document = {
        "schema_version": SCHEMA_VERSION,
        "runs": [run.record.id for run in runs],
        "protocol": record.protocol,
        "protocol_hash": record.protocol_hash,
        "higher_is_better": comparisons[0].metric.higher_is_better if comparisons else None,
        "interval": {"level": LEVEL, "kind": "studentised bootstrap over images"},
        "test": {"kind": "Wilcoxon signed-rank, two-sided", "correction": "Holm"},
        "comparisons": rows,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
