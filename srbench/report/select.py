"""Selects methods of a run, in a given order."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace

from srbench.analysis.compare import labels_of
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.system.names import method_of, unknown


def find_methods(labels: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The labels that match patterns, in their order: labels, names with all their recipes, globs.

    Args:
        labels: all labels.
        patterns: as on the command line.

    Raises:
        UsageError: a pattern matches nothing.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        own = [label for label in labels if pattern in (label, method_of(label))]
        matching = own or [label for label in labels if fnmatch.fnmatchcase(label, pattern)]
        if not matching:
            raise unknown("method in the report called", pattern, labels)
        found |= dict.fromkeys(matching)
    return list(found)


def find_baseline(labels: Sequence[str], pattern: str) -> str:
    """The one label that matches a pattern.

    Raises:
        UsageError: nothing matches, or several.
    """
    found = find_methods(labels, [pattern])
    if len(found) > 1:
        raise UsageError(f"--baseline takes one method, and '{pattern}' is {', '.join(found)}; name one of them.")
    return found[0]


def only(run: LoadedRun, labels: Sequence[str]) -> LoadedRun:
    """A run with only these methods, in this order. Its notes say how many are not shown."""
    every = labels_of(run)
    if list(labels) == every:
        return run
    order = {label: place for place, label in enumerate(labels)}
    names = {method_of(label): place for label, place in reversed(order.items())}
    record = run.record
    notes = record.notes
    if len(labels) < len(every):
        notes += (f"{len(labels)} of the run's {len(every)} methods are shown",)
    datasets = list(dict.fromkeys(cell.id.dataset for cell in record.cells))
    planned = [cell for cell in record.cells if cell.id.method_label in order]
    # the order of the plan, data sets first, with the methods of each in the new order
    planned.sort(key=lambda cell: (datasets.index(cell.id.dataset), order[cell.id.method_label]))
    place = {cell.id: number for number, cell in enumerate(planned)}
    cells = sorted((cell for cell in run.cells if cell.id in place), key=lambda cell: place[cell.id])
    methods = sorted((m for m in record.methods if m.name in names), key=lambda method: names[method.name])
    failed = tuple(failure for failure in record.failed if failure.id.method_label in order)
    shown = record.model_copy(
        update={"cells": tuple(planned), "methods": tuple(methods), "failed": failed, "notes": notes}
    )
    return replace(run, record=shown, cells=tuple(cells))
