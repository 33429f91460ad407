"""A run as the JSON document that ``--json`` prints."""

from __future__ import annotations

import json

from srbench.bench.results import SCHEMA_VERSION
from srbench.bench.store import LoadedRun


def run_document(run: LoadedRun) -> str:
    """``{"schema_version", "run", "results": [...], "failed": [...]}``: one result for each cell and metric."""
    results = []
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
    failed = [
        {**failure.id.model_dump(), "status": "failed", "kind": failure.kind, "error": failure.error}
        for failure in run.record.failed
    ]
    document = {"schema_version": SCHEMA_VERSION, "run": run.record.id, "results": results, "failed": failed}
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
