"""A run as the JSON document that ``--json`` prints."""

from __future__ import annotations

import json
from typing import Any

from srbench.bench.results import SCHEMA_VERSION, MetricRecord
from srbench.bench.store import LoadedRun


def run_document(run: LoadedRun) -> str:
    """``{"schema_version", "run", "results": [...], "failed": [...]}``: one result for each cell and metric.

    A metric that could not be computed has ``status`` "unavailable", ``value`` null and the reason as ``error``.
    """
    results = []
    lacking = [metric for metric in run.record.metrics if metric.unavailable]
    for cell in run.cells:
        plain = cell.model_dump(mode="json")
        for metric, value in plain["values"].items():
            results.append(
                {
                    **plain["id"],
                    "protocol_hash": cell.protocol_hash,
                    "metric": metric,
                    "value": value,
                    "n": len(cell.images),
                    "status": "ok",
                    "per_image": [
                        {"image": image["name"], "value": image["values"][metric]} for image in plain["images"]
                    ],
                }
            )
        results += [_unavailable(plain["id"], cell.protocol_hash, metric) for metric in lacking]
    failed = [
        {**failure.id.model_dump(), "status": "failed", "kind": failure.kind, "error": failure.error}
        for failure in run.record.failed
    ]
    document = {"schema_version": SCHEMA_VERSION, "run": run.record.id, "results": results, "failed": failed}
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _unavailable(cell: dict[str, Any], protocol_hash: str, metric: MetricRecord) -> dict[str, Any]:
    return {
        **cell,
        "protocol_hash": protocol_hash,
        "metric": metric.name,
        "value": None,
        "n": 0,
        "status": "unavailable",
        "error": metric.unavailable,
        "per_image": [],
    }
