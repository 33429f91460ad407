"""The tables of a report in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.report.escape import markdown
from srbench.report.tables.grid import Entry, Grid, entry_text, speed_title, speed_words


def markdown_table(grid: Grid) -> str:
    """A GitHub table: best in bold, second underlined, a dash with a footnote for failed cells."""
    head = ["method", *(f"x{scale}" for scale in grid.scales), *((speed_title(grid.speed),) if grid.speed else ())]
    lines = [_pipe(head), _pipe(["---", *("---:" for _ in head[1:])])]
    for row in grid.rows:
        name = markdown(row.name + (", published" if row.published else "")) + _sup(row.notes)
        entries = [_markdown_entry(grid, row.entries.get(scale)) for scale in grid.scales]
        speed = (row.speed,) if grid.speed else ()
        lines.append(_pipe([f"*{name}*" if row.published else name, *entries, *speed]))
    notes = [f"<sup>{number}</sup> {markdown(note)}" for number, note in enumerate(grid.footnotes, 1)]
    notes += [f"{markdown(speed_words(grid.speed))}."] if grid.speed else []
    notes += [f"{markdown(_sentence(grid.without))}"] if grid.without else []
    return "\n".join(lines) + "\n" + ("\n" + "<br>\n".join(notes) + "\n" if notes else "")


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _pipe(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _sup(notes: Sequence[int]) -> str:
    return f"<sup>{', '.join(map(str, notes))}</sup>" if notes else ""


def _markdown_entry(grid: Grid, entry: Entry | None) -> str:
    marks = {0: "{}", 1: "**{}**", 2: "<ins>{}</ins>"}
    return entry_text(grid, entry, lambda text, rank, sd: marks[rank].format(text) + (f" ± {sd}" if sd else ""), _sup)
