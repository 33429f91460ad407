"""A verification as one self-contained page without a script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from srbench.proof.text import headline, paragraphs, worst_first
from srbench.proof.verdict import DEPTHS, Verification, count_depths
from srbench.report.html.assets import style
from srbench.report.tables.grid import metric_title, printed
from srbench.version import __version__

MOST_DIFFERENCES = 200
_WHAT = {
    "whole": ("whole", "hashes hold, and figures agree with one another"),
    "rescored": ("rescored", "SR images scored again against the HR images here"),
    "reproduced": ("reproduced", "methods run again here"),
}


def verification_page(found: Verification) -> str:
    """The page. Every name in it is text, whatever it holds."""
    environment = Environment(
        loader=PackageLoader("srbench.proof"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    metrics = [metric for metric in found.run.record.metrics if not metric.unavailable]
    rows = [
        {
            "method": cell.id.method_label,
            "dataset": cell.id.dataset,
            "scale": cell.id.scale,
            "values": [
                printed(cell.cell.values[m.name], m.digits) if m.name in cell.cell.values else "" for m in metrics
            ],
            "depth": cell.depth,
            "refuted": cell.is_refuted or bool(found.problems),
            "differs": _differs(max((check.largest for check in cell.checks if check.figures), default=None)),
        }
        for cell in found.cells
    ]
    return environment.get_template("verification.html.j2").render(
        found=found,
        record=found.run.record,
        verdict=headline(found).partition(": ")[2],
        tiles=list(_tiles(found)),
        titles=[metric_title(metric) for metric in metrics],
        rows=rows,
        differences=list(_differences(found))[:MOST_DIFFERENCES],
        text="\n".join(paragraphs(found)),
        notes=[*found.manifest.left_out, *found.notes],
        version=__version__,
        style=Markup(style()),  # our own file
    )


def _differs(largest: float | None) -> str:
    if largest is None:
        return ""
    return f"{largest:.1e}" if largest else "nothing"


def _tiles(found: Verification) -> Iterator[dict[str, str]]:
    counts = dict.fromkeys(DEPTHS, 0) if found.problems else count_depths(found.cells)
    for depth in DEPTHS:
        what, who = _WHAT[depth]
        yield {"what": what, "big": f"{counts[depth]} of {len(found.cells)}", "who": who}


def _differences(found: Verification) -> Iterator[dict[str, Any]]:
    for cell in found.cells:
        for one in worst_first(cell):
            claimed, here = f"{one.claimed:.6f}", f"{one.here:.6f}"
            yield {"cell": cell.id, "image": one.image, "metric": one.metric, "claimed": claimed, "here": here}
