"""What the page of comparisons needs: of each method the best proven values in each place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srbench.board.entries import RUN, Row, method_slug
from srbench.proof.verdict import DEPTHS
from srbench.report.tables.grid import printed
from srbench.system.plain import json_number

_ORDER = {depth: rank for rank, depth in enumerate((RUN, *DEPTHS))}


def comparable(places: Mapping[str, Sequence[Row]], names: Mapping[str, str]) -> dict[str, Any]:
    """Plain data: methods, places, and of each method in a place one row.

    Of several rows of a method in a place that one counts which is verified deepest, and of these the newest.

    Args:
        places: rows by the places' pages.
        names: what the places are called.
    """
    labels = sorted({row.label for rows in places.values() for row in rows})
    found = []
    for slug, rows in sorted(places.items()):
        chosen: dict[str, Row] = {}
        for row in sorted(rows, key=lambda row: (_ORDER[row.depth], row.date, row.claim)):
            chosen[row.label] = row
        metrics = {metric.name: metric for row in rows for metric in row.metrics if metric.name in row.values}
        first = rows[0].place
        found.append(
            {
                "name": names[slug],
                "page": f"places/{slug}.html",
                "scale": first.scale,
                "protocol": f"{first.protocol} {first.protocol_hash}",
                "metrics": [
                    {"name": metric.name, "digits": metric.digits, "higher": metric.higher_is_better}
                    for metric in metrics.values()
                ],
                "rows": {
                    method_slug(label): {
                        "depth": row.depth,
                        "values": [json_number(row.values.get(name)) for name in metrics],
                        "texts": [
                            printed(row.values[name], metric.digits) if name in row.values else ""
                            for name, metric in metrics.items()
                        ],
                    }
                    for label, row in chosen.items()
                },
            }
        )
    return {"methods": [{"label": label, "slug": method_slug(label)} for label in labels], "places": found}
