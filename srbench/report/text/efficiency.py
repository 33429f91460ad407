"""The table in which efficient networks are compared, for a terminal."""

from __future__ import annotations

from rich.console import Console

from srbench.report.escape import one_line
from srbench.report.tables.efficiency import EfficiencyTable, name_of
from srbench.system.console import make_table


def print_efficiency(table: EfficiencyTable, console: Console) -> None:
    """Print the table, why rows have no figures, and what is counted."""
    shown = make_table()
    shown.add_column("method", overflow="fold", min_width=10)
    for column in table.columns:
        shown.add_column(column.title.replace(" [", "\n["), justify="right", overflow="fold")
    for row in table.rows:
        shown.add_row(one_line(name_of(row)), *(column.text(row) for column in table.columns))
    console.print(shown)
    for row in table.rows:
        if row.error:
            console.print(f"{row.method}: {one_line(row.error)}", style="red", markup=False)
    for note in table.notes:
        console.print(note, style="dim", markup=False)
