"""Published values that reports show: beside our own methods, and of methods that are not in a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from srbench.analysis.references import Reference, is_genuine, load_references, shown_beside
from srbench.bench.results import DatasetRecord, RunRecord
from srbench.errors import UsageError
from srbench.system.names import method_of, split_names

ALL, NONE = "all", "none"


def published(choice: str = "") -> tuple[Reference, ...]:
    """The published values that a report is to show.

    Args:
        choice: empty for those beside our own methods; ``all`` for those of any method; ``none``; a CSV file for those
            of the file, of any method. ``all,FILE.csv`` for both.

    Raises:
        UsageError: there is no such file, it has no value to show, or ``none`` is given with others.
        DataError: it is malformed.
    """
    names = split_names(choice)
    if not names:
        return tuple(row for row in load_references() if row.shown_for)
    if NONE in names:
        if len(names) > 1:
            raise UsageError("--published none goes alone: leave out the others, or none.")
        return ()
    found: list[Reference] = []
    for name in names:
        if name != ALL and not name.endswith(".csv"):
            raise UsageError(f"--published is all, none or a CSV file such as mine.csv, not '{name}'.")
        rows = [row for row in load_references(None if name == ALL else [name]) if row.use == "show"]
        if not rows:
            raise UsageError(f"{name} has no published value: the column use of such rows is 'show'.")
        found += rows
    return tuple(replace(row, alone=True) for row in found)


def shown_alone(
    references: Sequence[Reference], record: RunRecord, dataset: DatasetRecord, labels: Collection[str]
) -> list[Reference]:
    """The published values to show of methods that a run has not, of the same images: of its protocol, then of others.

    Of a method that has values by the run's protocol others are left out, and so are those of a method of the run's:
    its own are of the run's protocol.

    Args:
        references: rows of any kind.
        record: the run.
        dataset: a data set of the run.
        labels: of the run's methods.
    """
    if not is_genuine(dataset):
        return []
    methods = {*labels, *map(method_of, labels)}
    beside = {id(row) for row in shown_beside(references, record, dataset, methods)}
    rows = [row for row in references if row.alone and row.dataset == dataset.name and id(row) not in beside]
    same = [row for row in rows if row.protocol_hash == record.protocol_hash]
    known = {row.method for row in same}
    others = [row for row in rows if row.protocol_hash != record.protocol_hash]
    return same + [row for row in others if row.method not in known and row.shown_for not in methods]


def full_name(row: Reference, record: RunRecord) -> str:
    """A published method's name, with its protocol in brackets where that is not the run's."""
    return row.method if row.protocol_hash == record.protocol_hash else f"{row.method} [{row.protocol}]"


def other_protocol(row: Reference, record: RunRecord) -> str:
    """What must be said of a value of another protocol; empty for one of the run's."""
    if row.protocol_hash == record.protocol_hash:
        return ""
    return f"[{row.protocol}]: of protocol {row.protocol}, so not comparable with values of {record.protocol}"
