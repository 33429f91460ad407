"""A checked claim in words, and as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from srbench.bench.results import SCHEMA_VERSION
from srbench.explain.search import Answer
from srbench.proof.check_claim import Checked, ClaimCheck
from srbench.report.text.explanation import answer_data
from srbench.system.plain import json_number
from srbench.system.text import counted

FEW = 3
"""Variants that are named of a figure."""


def claim_headline(found: ClaimCheck) -> str:
    """The verdict in one line."""
    counts = {status: sum(one.status == status for one in found.figures) for status in _WORDS}
    told = ", ".join(f"{count} {_WORDS[status]}" for status, count in counts.items() if count)
    return f"{found.claim.title or found.path.name}: {counted(len(found.figures), 'figure')}: {told or 'none'}"


_WORDS = {
    "confirmed": "confirmed to the printed digit",
    "off": "off",
    "explained": "without a protocol, given by some variant",
    "unexplained": "without a protocol, given by no variant",
    "unchecked": "not checked",
}


def claim_paragraphs(found: ClaimCheck) -> Iterator[str]:
    """The whole text, a line each."""
    yield claim_headline(found)
    if found.claim.source:
        yield f"printed in {found.claim.source}"
    for one in found.figures:
        yield f"- {one.figure}: {verdict(one)}"
        yield from (f"  {line}" for line in explanation(one))
    notes = dict.fromkeys(note for one in found.figures for note in one.notes)
    yield from (f"note: {note}" for note in notes)


def verdict(one: Checked) -> str:
    """What came of a figure."""
    if one.status == "unchecked":
        return f"not checked: {one.reason}"
    if one.here is None:
        return _WORDS[one.status].removeprefix("without a protocol, ")
    digits = max(one.figure.digits + 2, 4)
    if one.status == "confirmed":
        return f"confirmed ({one.here:.{digits}f} here)"
    return f"off by {one.difference:+.{digits}f} ({one.here:.{digits}f} here)"


def explanation(one: Checked) -> Iterator[str]:
    """What ``explain`` finds, and what that is worth."""
    if one.answer is None:
        return
    hits = one.answer.within_reach
    tried = len(one.answer.found)
    if not hits:
        near = one.answer.found[0]
        yield f"explain: none of {tried:,} variants gives it; the nearest, {near.candidate.words}: {near.figure:.4f}"
        return
    for hit in hits[:FEW]:
        yield f"explain: {hit.candidate.words}: {hit.figure:.5f}"
    if len(hits) > FEW:
        yield f"explain: and {len(hits) - FEW} more of {tried:,} variants"
    if likely := chance(one.answer):
        yield likely


def chance(answer: Answer) -> str:
    """A sentence where a match could well be chance; else nothing."""
    found = answer.chance
    if found is None or found.by_plausible is None or found.by_plausible * 10 < found.numbers:
        return ""
    return (
        f"which may be chance: variants as plausible give {found.by_plausible} of the {found.numbers} such numbers "
        f"from {found.low:.4g} to {found.high:.4g}"
    )


def claim_document(found: ClaimCheck) -> str:
    """The document of ``--json``."""
    plain = {
        "schema_version": SCHEMA_VERSION,
        "title": found.claim.title,
        "source": found.claim.source,
        "figures": [_row(one) for one in found.figures],
    }
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)


def _row(one: Checked) -> dict[str, Any]:
    return {
        **one.figure.model_dump(),
        "status": one.status,
        "here": json_number(one.here),
        "difference": json_number(one.difference),
        "reason": one.reason,
        "explain": None if one.answer is None else answer_data(one.answer, everything=False),
        "notes": one.notes,
    }
