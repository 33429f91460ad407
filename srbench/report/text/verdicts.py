"""The result of a check on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srbench.analysis.gate import Verdict, Verdicts
from srbench.analysis.references import SPEED_PREFIX, Reference
from srbench.system.console import make_table

MAX_FAILURES = 20
"""Most failures that are listed."""


def print_verdicts(verdicts: Verdicts, console: Console) -> None:
    """Print the failures, then how many values agree, and the largest differences."""
    for problem in verdicts.problems:
        console.print(Text(problem, style="bold red"))
    if verdicts.failures:
        console.print(_failures(verdicts.failures[:MAX_FAILURES]))
        if len(verdicts.failures) > MAX_FAILURES:
            console.print(f"and {len(verdicts.failures) - MAX_FAILURES} more; --json and --junit list them all")
        for error in dict.fromkeys(verdict.error for verdict in verdicts.failures if verdict.error):
            console.print(Text(f"failed: {error}", style="red"))
    if verdicts.verdicts:
        console.print(_summary(verdicts.verdicts))
        console.print(Text("Δ: the largest difference from the expected value", style="dim"))
    answer = Text("passed" if verdicts.ok else "FAILED", style="bold green" if verdicts.ok else "bold red")
    console.print(Text.assemble(answer, f": {verdicts.words}"))


def _failures(failures: Sequence[Verdict]) -> Table:
    table = _table("value", measured="right", expected="right", difference="right", source="left")
    for verdict in failures:
        row = verdict.reference
        measured, difference = verdict.why, ""
        if verdict.measured is not None:
            measured, difference = f"{verdict.measured:.7g}", _signed(verdict.difference or 0.0)
        expected = row.expected.replace(" ±", "\n±") if row.rule == "equal" else row.expected
        table.add_row(*map(Text, (verdict.title, measured, expected, difference, row.source)), style="red")
    return table


def _summary(verdicts: Sequence[Verdict]) -> Table:
    metrics = list(dict.fromkeys(_kind(verdict.reference.metric) for verdict in verdicts))
    counts = {"values": "right", "failed": "right", "missing": "right"}
    table = _table("protocol", **{"data set": "left"}, **counts, **{f"Δ {metric}": "right" for metric in metrics})
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.reference.protocol, verdict.reference.dataset), []).append(verdict)
    for (protocol, dataset), group in groups.items():
        states = [verdict.status for verdict in group]
        largest = (_largest(group, metric) for metric in metrics)
        numbers = (str(len(group)), *(str(states.count(state)) for state in ("fail", "missing")), *largest)
        table.add_row(*map(Text, (protocol, dataset, *numbers)), style="" if set(states) == {"pass"} else "red")
    return table


def _largest(verdicts: Sequence[Verdict], metric: str) -> str:
    """The largest deviation, from the most precise reference of each value."""
    finest: dict[tuple[str, str, float, str], Verdict] = {}
    for verdict in verdicts:
        row = verdict.reference
        if _kind(row.metric) != metric or verdict.deviation is None:
            continue
        key = (verdict.run, row.method, row.scale, row.metric)
        if key not in finest or _fineness(row) < _fineness(finest[key].reference):
            finest[key] = verdict
    # an exponent of one digit where it has one: the table is to fit a terminal of 80 columns
    return f"{max(verdict.deviation or 0.0 for verdict in finest.values()):.1e}".replace("e-0", "e-") if finest else ""


def _fineness(row: Reference) -> tuple[bool, float]:
    """A sort key: the most precise reference first."""
    return row.rule != "equal", row.tolerance or 0.0


def _kind(metric: str) -> str:
    """The metric, or ``speed`` for any speed ratio."""
    return SPEED_PREFIX.rstrip("/") if metric.startswith(SPEED_PREFIX) else metric


def _signed(value: float) -> str:
    return f"{value:+.5f}" if abs(value) < 1000 else f"{value:+.3g}"


def _table(first: str, **columns: str) -> Table:
    table = make_table()
    table.add_column(first, overflow="fold", min_width=8)
    for name, justify in columns.items():
        least = 8 if name == "data set" else None  # heads of numbers do not fold, names may
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold", min_width=least)
    return table
