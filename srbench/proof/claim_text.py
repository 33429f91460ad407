"""A checked claim in words, and as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from srbench.bench.results import SCHEMA_VERSION
from srbench.proof.check_claim import Checked, ClaimCheck, Together
from srbench.report.text.explanation import answer_data, chance_words, joint_chance_words, joint_data, joint_words
from srbench.system.plain import json_number
from srbench.system.text import counted

FEW = 3
"""Variants that are named of a figure, or of several together."""
MOST = 20
"""Variants of several figures together, in JSON."""


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
    for several in found.together:
        yield together_headline(several)
        yield from (f"  {line}" for line in together_lines(several))
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
    if one.is_together:
        yield f"explain: {len(hits)} of {tried:,} variants {'gives' if len(hits) == 1 else 'give'} it alone"
        return
    for hit in hits[:FEW]:
        yield f"explain: {hit.candidate.words}: {hit.figure:.5f}"
    if len(hits) > FEW:
        yield f"explain: and {len(hits) - FEW} more of {tried:,} variants"
    yield chance_words(one.answer)


def together_headline(several: Together) -> str:
    """How many variants give all of several figures."""
    answer, under = several.answer, f" under {several.protocol}" if several.protocol else ""
    return f"the {len(answer.figures)} figures of {several.method}{under} together: {joint_words(answer)}"


def together_lines(several: Together) -> Iterator[str]:
    """The variants that give most of several figures, and what that is worth."""
    answer = several.answer
    count = len(answer.figures)
    for joint in answer.found[:FEW]:
        if any(joint.given):
            yield f"explain: {sum(joint.given)} of {count} by {joint.words}"
    if (more := len(answer.give_all) - FEW) > 0:
        yield f"explain: and {more} more give all"
    if not all(answer.found[0].given):
        missed = [str(figure) for figure, given in zip(answer.figures, answer.found[0].given, strict=True) if not given]
        yield f"explain: the first of them does not give {', '.join(missed[:FEW])}{', …' * (len(missed) > FEW)}"
    if chance := joint_chance_words(answer):
        yield chance


def claim_document(found: ClaimCheck) -> str:
    """The document of ``--json``."""
    plain = {
        "schema_version": SCHEMA_VERSION,
        "title": found.claim.title,
        "source": found.claim.source,
        "figures": [_row(one) for one in found.figures],
        "together": [
            {"method": one.method, "protocol": one.protocol, **joint_data(one.answer, MOST)} for one in found.together
        ],
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
