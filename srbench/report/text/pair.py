"""Two methods compared, on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srbench.analysis.bootstrap import FEW_IMAGES
from srbench.analysis.compare import Comparison, minus
from srbench.analysis.sample import NO_INTERVAL
from srbench.analysis.significance import ALPHA
from srbench.bench.store import LoadedRun
from srbench.report.escape import one_line
from srbench.report.tables.grid import DASH, metric_title, printed
from srbench.report.tables.intervals import printed_p, reach, signed
from srbench.report.tables.matrix import no_test
from srbench.system.console import make_table


def print_pair(runs: Sequence[LoadedRun], comparisons: Sequence[Comparison], top: int, console: Console) -> None:
    """Print values and differences, the spread over seeds if there are several, and the images that differ most.

    Args:
        runs: the run of both methods, or A's and B's.
        comparisons: of one A and one B with one metric.
        top: how many images to list per data set and scale.
        console: where to print.
    """
    _print_head(runs, comparisons[0], console)
    console.print(_values(comparisons))
    for note in _notes(comparisons):
        console.print(Text(note, style="dim"))
    if any(len(sample.seed_values) > 1 for c in comparisons for sample in (c.a, c.b)):
        console.print("\nStandard deviations: over images, and over seeds")
        console.print(_spreads(comparisons))
    if top and any(c.n for c in comparisons):
        console.print("\nImages of the largest differences")
        console.print(_images(comparisons, top))


def _print_head(runs: Sequence[LoadedRun], first: Comparison, console: Console) -> None:
    record = runs[0].record
    where = [f" of run {one_line(run.record.id)}" for run in runs] if len(runs) > 1 else ["", ""]
    if len(runs) == 1:
        console.print(Text(f"run {one_line(record.id)}"))
    console.print(Text.assemble("protocol ", (one_line(record.protocol), "bold"), f" ({record.protocol_hash})"))
    for name, sample, of_run in (("A", first.a, where[0]), ("B", first.b, where[1])):
        console.print(Text.assemble(f"{name} = ", (one_line(sample.label), "bold"), of_run))
    console.print()
    console.print(Text(metric_title(first.metric)))


def _values(comparisons: Sequence[Comparison]) -> Table:
    table = _table("n", "A", "B", "A - B", "interval or range", "wins", "p")
    for c in comparisons:
        digits = c.metric.digits
        values = (str(c.n), printed(c.a.value, digits), printed(c.b.value, digits), signed(c.difference, digits))
        p = "too few" if c.holm is None else printed_p(c.holm) + ("*" if c.significant else "")
        wins = f"{c.wins}/{c.ties}/{c.losses}"
        table.add_row(*_place(c), *map(Text, (*values, reach(c), wins, p)))
    return table


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    tests = sum(c.p is not None for c in comparisons)
    notes = ["wins: images on which A is better / both are equal / B is better"]
    if tests:
        family = f", Holm over {tests} rows" if tests > 1 else ""
        notes.append(f"p: Wilcoxon signed-rank, two-sided{family}; * below {printed_p(ALPHA).removesuffix('0')}")
    untested = [c for c in comparisons if c.p is None]
    by_reason: dict[str, list[str]] = {}
    for c in untested:
        by_reason.setdefault(no_test(c), []).append(f"{one_line(c.dataset)} x{c.scale}")
    notes += [f"{', '.join(places)}: {reason}" for reason, places in by_reason.items()]
    if any(c.metric.of_set for c in comparisons):
        notes.append(f"no interval ({DASH}): {NO_INTERVAL}")
    if any(c.of_few for c in comparisons):
        notes.append(f"of fewer than {FEW_IMAGES} images: smallest to largest difference, no 95 % interval")
    return notes


def _spreads(comparisons: Sequence[Comparison]) -> Table:
    table = _table("images of A", "of B", "seeds of A", "of B")
    for c in comparisons:
        digits = c.metric.digits
        images = (_sd(sample.image_sd, digits) for sample in (c.a, c.b))
        seeds = (f"{_sd(s.seed_sd, digits + 1)} ({len(s.seed_values)})" for s in (c.a, c.b))
        table.add_row(*_place(c), *map(Text, (*images, *seeds)))
    return table


def _sd(value: float | None, digits: int) -> str:
    return DASH if value is None else printed(value, digits)


def _images(comparisons: Sequence[Comparison], top: int) -> Table:
    table = _table("image", "A", "B", "A - B")
    for c in comparisons:
        digits = c.metric.digits
        for name, a, b in c.images()[:top]:
            values = (printed(a, digits), printed(b, digits), signed(minus(a, b), digits))
            table.add_row(*_place(c), Text(one_line(name)), *map(Text, values))
    return table


def _place(comparison: Comparison) -> tuple[Text, Text]:
    return Text(one_line(comparison.dataset)), Text(f"x{comparison.scale}")


def _table(*columns: str) -> Table:
    table = make_table()
    table.add_column("data set", overflow="fold", min_width=6)
    table.add_column("scale", justify="right", no_wrap=True)
    for name in columns:
        if name == "image":
            table.add_column(name, overflow="fold", min_width=6)
        else:  # long intervals are broken at the comma
            table.add_column(name, justify="right", overflow="fold", no_wrap="interval" not in name)
    return table
