"""A verification, of a bundle or of printed figures, as one self-contained page without a script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from srbench.proof.check_claim import ClaimCheck
from srbench.proof.claim_text import (
    claim_headline,
    claim_paragraphs,
    explanation,
    together_headline,
    together_lines,
)
from srbench.proof.claim_text import verdict as figure_verdict
from srbench.proof.text import headline, paragraphs, worst_first
from srbench.proof.verdict import DEPTHS, Verification, count_depths
from srbench.report.html.assets import style
from srbench.report.html.template import template_of
from srbench.report.tables.grid import metric_titles, printed
from srbench.version import __version__

MOST_DIFFERENCES = 200
_WHAT = {
    "whole": ("whole", "hashes hold, and figures agree with one another"),
    "rescored": ("rescored", "SR images scored again against the HR images here"),
    "reproduced": ("reproduced", "methods run again here"),
}


def verification_page(found: Verification, home: str = "") -> str:
    """The page. Every name in it is text, whatever it holds.

    Args:
        found: what it shows.
        home: a page that it belongs to, for a link.
    """
    metrics = found.metrics
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
    verdict = headline(found).partition(": ")[2]
    return _rendered(
        "verification.html.j2",
        found=found,
        home=home,
        title=f"{found.name}, {verdict}",
        subject=found.sha256,
        made_from="the bundle",
        record=found.run.record,
        verdict=verdict,
        tiles=list(_tiles(found)),
        titles=metric_titles(metrics),
        rows=rows,
        differences=list(_differences(found))[:MOST_DIFFERENCES],
        text="\n".join(paragraphs(found)),
        notes=[*found.manifest.left_out, *found.notes],
    )


def claim_page(found: ClaimCheck) -> str:
    """The page of a claim that is figures alone."""
    rows = [
        {"figure": one.figure, "verdict": figure_verdict(one), "explanation": list(explanation(one))}
        for one in found.figures
    ]
    title = claim_headline(found)
    return _rendered(
        "claim.html.j2",
        found=found,
        home="",
        title=title,
        subject=found.path.name,
        made_from="the printed figures",
        verdict=title.rpartition(": ")[2],
        rows=rows,
        together=[(together_headline(one), list(together_lines(one))) for one in found.together],
        text="\n".join(claim_paragraphs(found)),
    )


def _rendered(template: str, **values: object) -> str:
    own = Markup(style())  # our own file
    return template_of("srbench.proof", template).render(values, version=__version__, style=own)


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
