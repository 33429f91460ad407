"""Tables for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srbench.analysis.compare import compare_all, report_pairs
from srbench.analysis.published import published
from srbench.analysis.references import Reference
from srbench.bench.results import MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import one_line
from srbench.report.tables.differences import difference_grids
from srbench.report.tables.grid import DASH, Entry, Grid, Row, grids, main_metrics, speed_title, speed_words
from srbench.report.tables.intervals import interval_grids
from srbench.system.console import make_console, make_table

_SCALES_ABREAST = 4
_NAME = 10
"""Least columns of a method's name."""
_STYLES = {0: "", 1: "bold", 2: "underline"}


def print_tables(
    run: LoadedRun,
    console: Console | None = None,
    references: Sequence[Reference] | None = None,
    others: Sequence[MetricRecord] = (),
    intervals: bool = False,
    baseline: str = "",
) -> None:
    """Print a table per data set, methods by scales; that of the main metrics last, where it stays in view.

    Args:
        run: the run.
        console: where to print; stdout if None.
        references: published values to print; if None, those beside our own methods.
        others: further metrics, two per table.
        intervals: print the values again with their 95 % intervals.
        baseline: a label; differences to it are printed too.
    """
    console = console or make_console(highlight=False)
    references = published() if references is None else references
    record = run.record
    words = f" ({record.protocol_hash}): {record.protocol_words}"
    console.print(Text.assemble("protocol ", (one_line(record.protocol), "bold"), words))
    for start in range(0, len(others), 2):
        for grid in grids(run, references, others[start : start + 2]):
            _print_grid(console, grid)
    for grid in interval_grids(run, others) if intervals else ():
        _print_grid(console, grid)
    for grid in _differences(run, baseline, others) if baseline else ():
        _print_grid(console, grid)
    for grid in grids(run, references):
        _print_grid(console, grid)


def _differences(run: LoadedRun, baseline: str, others: Sequence[MetricRecord]) -> list[Grid]:
    pairs = report_pairs(run, baseline)
    found = [c for metric in (*main_metrics(run), *others) for c in compare_all(run, metric, pairs)]
    return difference_grids(run, found, baseline)


def _print_grid(console: Console, grid: Grid) -> None:
    abreast = _abreast(grid, console.width)
    for start in range(0, len(grid.scales), abreast):
        console.print()
        console.print(_title(grid))
        console.print(_table(grid, grid.scales[start : start + abreast]))
    if grid.speed is not None:
        console.print(Text(one_line(speed_words(grid.speed)), style="dim"))
    if grid.without:
        console.print(Text(one_line(grid.without), style="dim"))
    for number, note in enumerate(grid.footnotes, 1):
        console.print(Text(f"[{number}] {one_line(note)}", style="dim"))


def _title(grid: Grid) -> Text:
    seeds = f", learned: mean of {grid.seeds} seeds" if grid.seeds > 1 else ""
    heading = grid.heading + (", 95 % interval over images" if grid.intervals else "")
    return Text.assemble((one_line(grid.dataset.name), "bold"), f" ({grid.dataset.images_words}): {heading}{seeds}")


def _abreast(grid: Grid, width: int) -> int:
    """How many scales fit beside the methods' names, with two blanks between columns."""
    widest = max((_entry(grid, entry).cell_len for row in grid.rows for entry in row.entries.values()), default=0)
    beside = _NAME + 2 + (len(speed_title(grid.speed)) + 2 if grid.speed is not None else 0)
    return min(max((width - beside) // (widest + 2), 1), _SCALES_ABREAST)


def _table(grid: Grid, scales: Sequence[float]) -> Table:
    table = make_table()
    table.add_column("method", overflow="fold", min_width=_NAME)
    for scale in scales:
        table.add_column(f"x{scale}", justify="right", no_wrap=True)
    if grid.speed is not None:
        table.add_column(speed_title(grid.speed), justify="right", no_wrap=True)
    shown = [row for row in grid.rows if any(scale in row.entries for scale in scales)]
    for before, row in zip((None, *shown), shown, strict=False):
        if row.alone and not (before and before.alone):
            table.add_row("published, not run here:", style="dim")
        cells = [_entry(grid, row.entries.get(scale)) for scale in scales]
        speed = (row.speed,) if grid.speed is not None else ()
        table.add_row(_name(row), *cells, *speed, style="dim" if row.published else "")
    return table


def _name(row: Row) -> Text:
    return Text(f"{'  ' if row.published and not row.alone else ''}{one_line(row.name)}{_marks(row.notes)}")


def _marks(notes: Sequence[int]) -> str:
    return "".join(f" [{note}]" for note in notes)


def _entry(grid: Grid, entry: Entry | None) -> Text:
    text = Text()
    if entry is None:
        return text
    for index, metric in enumerate(grid.metrics if entry.texts else ()):
        text.append(" / " if index else "")
        text.append(entry.texts.get(metric.name, DASH), style=_STYLES[entry.ranks.get(metric.name, 0)])
    text.append("" if entry.texts else DASH)
    return text.append(_marks(entry.notes))
