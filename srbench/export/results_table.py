"""A run's results as rows that a leaderboard takes: model, set, scale, metric, value, protocol, proof."""

from __future__ import annotations

import json
from typing import Any, Final

from srbench.bench.store import LoadedRun
from srbench.export.values import table_row
from srbench.report.escape import markdown
from srbench.report.tables.grid import printed
from srbench.system.plain import json_number

SCHEMA_VERSION: Final = 1
TASK: Final = "Image Super-Resolution"


def result_rows(run: LoadedRun, proof: str = "") -> list[dict[str, Any]]:
    """One row for each cell and metric; ``proof`` is the name of the bundle."""
    return [
        {
            "task": TASK,
            "model": cell.id.method_label,
            "dataset": cell.id.dataset,
            "scale": cell.id.scale,
            "metric": metric.name,
            "unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "value": json_number(cell.values[metric.name]),
            "printed": printed(cell.values[metric.name], metric.digits),
            "protocol": cell.id.protocol,
            "protocol_hash": cell.protocol_hash,
            "seed": cell.id.seed,
            "proof": proof,
        }
        for cell in run.cells
        for metric in run.record.metrics
        if metric.name in cell.values
    ]


def results_json(run: LoadedRun, proof: str = "") -> str:
    """The rows as a JSON document, with the protocol in words."""
    record = run.record
    document = {
        "schema_version": SCHEMA_VERSION,
        "proof": proof,
        "protocol": record.protocol,
        "protocol_hash": record.protocol_hash,
        "protocol_words": record.protocol_words,
        "results": result_rows(run, proof),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def results_markdown(run: LoadedRun, proof: str = "") -> str:
    """The rows as a Markdown table, with the protocol below."""
    heads = ("model", "data set", "scale", "metric", "value", "protocol", "proof")
    lines = [table_row(*heads), table_row("---", "---", "--:", "---", "--:", "---", "---")]
    for row in result_rows(run, proof):
        value = f"{row['printed']} {row['unit']}".strip()
        protocol = f"{row['protocol']} {row['protocol_hash']}"
        texts = (row["model"], row["dataset"], f"x{row['scale']}", row["metric"], value, protocol, row["proof"])
        lines.append(table_row(*map(markdown, texts)))
    record = run.record
    return "\n".join([*lines, "", f"Protocol {record.protocol}: {markdown(record.protocol_words)}.", ""])
