"""A verification in words: what a reviewer can paste, and one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from srbench.bench.results import SCHEMA_VERSION
from srbench.proof.verdict import CellVerdict, Check, Difference, Verification, count_depths
from srbench.report.tables.grid import printed
from srbench.system.plain import json_number
from srbench.system.text import counted
from srbench.version import __version__

MOST = 10
"""Differences, problems or reasons that are told one by one."""


def headline(found: Verification) -> str:
    """The verdict in one line."""
    if found.is_refuted:
        return f"{found.name}: REFUTED"
    words = {
        "whole": "whole, and not recomputed",
        "rescored": "every SR image scores as claimed",
        "reproduced": "every figure was reproduced",
    }
    return f"{found.name}: verified, {words[found.depth or 'whole']}{_exactness(found)}"


def _exactness(found: Verification) -> str:
    checks = [check for cell in found.cells for check in cell.checks if check.is_done]
    if found.depth in (None, "whole") or not checks:
        return ""
    largest = max(check.largest for check in checks)
    return f" (to {largest:.1e})" if largest else ", bit for bit"


def paragraphs(found: Verification) -> Iterator[str]:
    """The whole text, a line each."""
    record, manifest = found.run.record, found.manifest
    yield headline(found)
    methods = counted(len({cell.id.method_label for cell in found.cells}), "method")
    datasets = ", ".join(dataset.name for dataset in record.datasets)
    scales = ", ".join(f"x{scale}" for scale in record.scales)
    yield (
        f"{counted(len(found.cells), 'cell')}: {methods} on {datasets} at {scales}, protocol {record.protocol} "
        f"{record.protocol_hash} ({record.protocol_words})"
    )
    yield f"bundle sha256 {found.sha256}, made by srbench {manifest.made_by}; verified by srbench {__version__}"
    if found.problems:
        yield "It contradicts itself:"
        yield from _some([f"- {problem}" for problem in found.problems])
    else:
        yield f"(a) whole: {_figures(found)} agree with one another, and every file with its hash."
        counts = count_depths(found.cells)
        for letter, depth, field in (("b", "rescored", "rescored"), ("c", "reproduced", "reproduced")):
            checks = [check for cell in found.cells if (check := getattr(cell, field)) is not None]
            if checks:
                done = sum(check.is_done for check in checks)
                yield f"({letter}) {depth}: {done} of {counted(len(checks), 'cell')}{_spread(checks)}."
        if counts["reproduced"] < len(found.cells):
            yield from _some([f"- {reason}" for reason in found.reasons()])
    differences = [f"- {cell.id}: {_difference(one)}" for cell in found.cells for one in worst_first(cell)]
    if differences:
        yield "Figures that are others here:"
        yield from _some(differences)
    if found.code:
        yield "Code in the bundle, which was not run (--run-code runs it, with your rights):"
        yield from _some([f"- {code}" for code in found.code])
    if found.ran:
        yield "Code of the bundle that was run:"
        yield from _some([f"- {code}" for code in found.ran])
    for note in (*manifest.left_out, *found.notes):
        yield f"note: {note}"
    yield ""
    yield from _table(found)


def _some(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST]
    if len(lines) > MOST:
        yield f"- and {len(lines) - MOST} more"


def _figures(found: Verification) -> str:
    count = sum(len(image.values) for cell in found.cells for image in cell.cell.images)
    return counted(count + sum(len(cell.cell.values) for cell in found.cells), "figure")


def _spread(checks: list[Check]) -> str:
    """How near the figures came."""
    figures, images = sum(check.figures for check in checks), sum(check.images for check in checks)
    if not figures:
        return ""
    largest = max(check.largest for check in checks)
    devices = sorted({check.device for check in checks if check.device})
    here = f"; they were made on {', '.join(devices)}" if devices else ""
    near = f"equal to {largest:.1e}" if largest else "equal bit for bit"
    if wrong := sum(len(check.wrong) for check in checks):
        near = f"of which {wrong:,} differ, by up to {largest:.1e}"
    return f", {figures:,} figures of {images:,} images {near}{here}"


def worst_first(cell: CellVerdict) -> list[Difference]:
    """The figures of a cell that are others here, the largest difference first."""
    wrong = {(one.image, one.metric): one for check in cell.checks for one in check.wrong}
    return sorted(wrong.values(), key=lambda one: -one.size)


def _difference(one: Difference) -> str:
    where = f" of {one.image}" if one.image else ""
    return f"{one.metric}{where} is {one.here:.6f} here and {one.claimed:.6f} in the claim"


def _table(found: Verification) -> Iterator[str]:
    """The claim, a line for each cell, with how deep it was verified."""
    metrics = found.metrics[:2]
    rows = [
        (
            *(cell.id.method_label, cell.id.dataset, f"x{cell.id.scale}"),
            *(_value(cell, metric.name, metric.digits) for metric in metrics),
            "REFUTED" if cell.is_refuted or found.problems else cell.depth,
        )
        for cell in found.cells
    ]
    heads = ("method", "data set", "scale", *(metric.name for metric in metrics), "verified")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _value(cell: CellVerdict, metric: str, digits: int) -> str:
    return printed(cell.cell.values[metric], digits) if metric in cell.cell.values else ""


def document(found: Verification) -> str:
    """The document of ``--json``."""
    cells = [
        {
            **cell.id.model_dump(),
            "key": cell.cell.key,
            "depth": None if cell.is_refuted or found.problems else cell.depth,
            "values": cell.cell.model_dump(mode="json", include={"values"})["values"],
            "rescored": _check(cell.rescored),
            "reproduced": _check(cell.reproduced),
        }
        for cell in found.cells
    ]
    plain = {
        "schema_version": SCHEMA_VERSION,
        "claim": found.name,
        "sha256": found.sha256,
        "results": found.manifest.results,
        "depth": found.depth,
        "problems": found.problems,
        "code": found.code,
        "ran": found.ran,
        "notes": [*found.manifest.left_out, *found.notes],
        "protocol": found.run.record.protocol,
        "protocol_hash": found.run.record.protocol_hash,
        "cells": cells,
    }
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)


def _check(check: Check | None) -> dict[str, Any] | None:
    if check is None:
        return None
    return {
        "done": check.is_done,
        "images": check.images,
        "figures": check.figures,
        "largest_difference": json_number(check.largest),
        "reason": check.reason,
        "wrong": [
            {
                "image": one.image,
                "metric": one.metric,
                "claimed": json_number(one.claimed),
                "here": json_number(one.here),
            }
            for one in check.wrong
        ],
    }
