"""The main tables of a run in HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from srbench.bench.store import LoadedRun
from srbench.report.tables.grid import Entry, Grid, entry_text, grids

_MARKS = {0: "{}", 1: "<b>{}</b>", 2: "<u>{}</u>"}


def html_tables(run: LoadedRun) -> str:
    """A table per data set: best in bold, second underlined; then protocol and footnotes."""
    record = run.record
    tables = "".join(_table(grid) for grid in grids(run))
    notes = "".join(f"<br>note: {escape(note)}" for note in record.notes)
    protocol = f"protocol <b>{escape(record.protocol)}</b> ({record.protocol_hash}): {escape(record.protocol_words)}"
    return f"<div>{tables}<small>{protocol}{notes}</small></div>"


def _table(grid: Grid) -> str:
    caption = f"<b>{escape(grid.dataset.name)}</b> ({grid.dataset.images_words}): {escape(grid.heading)}"
    head = "".join(f"<th>x{scale}</th>" for scale in grid.scales)
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(row.name)}{_sup(row.notes)}</th>"
        + "".join(f"<td>{_entry(grid, row.entries.get(scale))}</td>" for scale in grid.scales)
        + "</tr>"
        for row in grid.rows
    )
    notes = "".join(f"<br><sup>{number}</sup> {escape(note)}" for number, note in enumerate(grid.footnotes, 1))
    return (
        f"<table><caption>{caption}</caption><thead><tr><th>method</th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        + (f"<small>{notes.removeprefix('<br>')}</small><br>" if notes else "")
    )


def _entry(grid: Grid, entry: Entry | None) -> str:
    return entry_text(grid, entry, lambda text, rank, _: _MARKS[rank].format(escape(text)), _sup)


def _sup(notes: Sequence[int]) -> str:
    return f"<sup>{', '.join(map(str, notes))}</sup>" if notes else ""
