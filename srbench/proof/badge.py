"""A badge, of a verification or of other words: shields.io's endpoint JSON, or an SVG."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape, quoteattr

from srbench.proof.verdict import Verification

LABEL = "srbench"
_COLOURS = {None: "#b32d00", "whole": "#5d626a", "rescored": "#0072b2", "reproduced": "#007a5a"}
"""Dark enough for white text: 4.5 to 1."""
_WIDTH = 6.6
"""Pixels of a letter of 11 px, on average."""


def badge_text(found: Verification) -> str:
    """What a badge says."""
    return f"{found.depth or 'refuted'} {found.name}"


def badge_json(found: Verification) -> str:
    """For shields.io's endpoint badge: https://shields.io/badges/endpoint-badge."""
    colour = _COLOURS[found.depth].removeprefix("#")
    badge = {"schemaVersion": 1, "label": LABEL, "message": badge_text(found), "color": colour}
    return json.dumps(badge | {"isError": found.is_refuted}) + "\n"


def badge_svg(found: Verification) -> str:
    """The same as an image."""
    return drawn_badge(LABEL, badge_text(found), _COLOURS[found.depth])


def drawn_badge(label: str, text: str, colour: str = _COLOURS["reproduced"]) -> str:
    """An SVG of two words on a dark and on a coloured ground."""
    left, right = (round(len(part) * _WIDTH + 14) for part in (label, text))
    title = quoteattr(f"{label}: {text}")
    style = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" fill="#fff" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label={title}>\n'
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>\n'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#191b1e"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>\n'
        f'<g {style}><text x="{left / 2}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2}" y="14">{escape(text)}</text></g>\n</svg>\n'
    )
