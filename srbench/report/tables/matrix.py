"""Matrices of all pairs of methods: as a Markdown page, and on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srbench.analysis.compare import Comparison
from srbench.analysis.significance import ALPHA, MIN_PAIRS
from srbench.bench.results import MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import markdown, one_line
from srbench.report.tables.grid import metric_title, printed
from srbench.report.tables.intervals import printed_p, reach, signed
from srbench.system.console import make_table

_NAME = 18
"""Terminal columns for methods' names; longer ones are folded."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The comparisons of one data set at one scale: each row's method minus each column's."""

    dataset: str
    scale: float
    metric: MetricRecord
    n: int
    images: str
    """How many images, in words."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: dict[tuple[str, str], Comparison]
    """By (row, column)."""
    tests: int
    """How many pairs were tested, for Holm's correction."""

    @property
    def verdict(self) -> str:
        """What a star means, or why there is none."""
        if self.tests == 0:
            return no_test(next(iter(self.cells.values())))
        least = self.tests * 2 / 2**self.n
        if least >= ALPHA:
            return (
                f"n = {self.n} is too few for {self.tests} tests: after Holm's correction p cannot be below {least:.2g}"
            )
        family = f", Holm over {self.tests} pairs" if self.tests > 1 else ""
        return f"* p < {printed_p(ALPHA).removesuffix('0')} (Wilcoxon signed-rank{family})"


def matrices(run: LoadedRun, comparisons: Sequence[Comparison]) -> Iterator[Matrix]:
    """The matrices of comparisons of one run: square for all pairs, otherwise one column per B."""
    images = {dataset.name: dataset.images_words for dataset in run.record.datasets}
    groups: dict[tuple[str, str, float], list[Comparison]] = {}
    for c in comparisons:
        groups.setdefault((c.metric.name, c.dataset, c.scale), []).append(c)
    for (_, dataset, scale), group in groups.items():
        cells = {(c.a.label, c.b.label): c for c in group}
        firsts = dict.fromkeys(c.a.label for c in group)
        seconds = dict.fromkeys(c.b.label for c in group)
        if any(label in seconds for label in firsts):
            cells |= {(c.b.label, c.a.label): c.flipped for c in group}
            firsts = seconds = seconds | firsts
        tests = sum(c.p is not None for c in group)
        yield Matrix(
            dataset, scale, group[0].metric, group[0].n, images[dataset], tuple(firsts), tuple(seconds), cells, tests
        )


def no_test(comparison: Comparison) -> str:
    """Why a pair was not tested."""
    if comparison.metric.of_set:
        return f"{comparison.metric.name} is one of the whole set: its images have no values to test"
    n, differ = comparison.n, comparison.n - comparison.ties
    if n < MIN_PAIRS:
        return f"n = {n} is too few for a test: p could not be below {printed(2 / 2**n, 4)} whatever the values"
    return f"only {differ} of {n} images differ, too few for a test"


def matrix_page(run: LoadedRun, comparisons: Sequence[Comparison]) -> str:
    """compare.md: a table for each metric, data set and scale."""
    record = run.record
    parts = [
        f"# srbench run {markdown(record.id)}: methods compared",
        f"Protocol **{markdown(record.protocol)}** (`{record.protocol_hash}`). Each entry is the row's method minus "
        "the column's, of the same images, with its 95 % interval (studentised bootstrap over the images). The "
        "interval covers other images of this kind, but neither other kinds of images nor other trainings. Pairs, p "
        "and wins are in compare.csv, if CSV was requested.",
    ]
    for matrix in matrices(run, comparisons):
        parts.append(f"## {markdown(matrix.dataset)} x{matrix.scale}: {markdown(metric_title(matrix.metric))}")
        parts.append(f"{matrix.images}. {markdown(matrix.verdict)}.")
        parts.append(_markdown_matrix(matrix))
    return "\n\n".join(parts) + "\n"


def _markdown_matrix(matrix: Matrix) -> str:
    lines = ["| row - column | " + " | ".join(map(markdown, matrix.columns)) + " |"]
    lines.append("| --- |" + " ---: |" * len(matrix.columns))
    for row in matrix.rows:
        entries = (_entry(matrix.cells.get((row, column)), interval=True) for column in matrix.columns)
        lines.append(f"| {markdown(row)} | " + " | ".join(map(markdown, entries)) + " |")
    return "\n".join(lines)


def _entry(comparison: Comparison | None, *, interval: bool) -> str:
    if comparison is None:
        return ""
    digits = comparison.metric.digits
    text = signed(comparison.difference, digits) + ("*" if comparison.significant else "")
    if not interval:
        return text
    if comparison.interval is None and comparison.of_few:
        return f"{text} ({reach(comparison)}; better on {comparison.wins} of {comparison.n})"
    return f"{text} {reach(comparison)}" if comparison.interval else text


def print_matrices(run: LoadedRun, comparisons: Sequence[Comparison], console: Console) -> None:
    """Print the differences of each row and column; columns are named by the number of their row."""
    record = run.record
    console.print(Text.assemble("protocol ", (one_line(record.protocol), "bold"), f" ({record.protocol_hash})"))
    for matrix in matrices(run, comparisons):
        wide = max(len(_entry(cell, interval=False)) for cell in matrix.cells.values())
        abreast = max((console.width - _NAME - 6) // (wide + 2), 1)
        title = f" x{matrix.scale} ({matrix.images}): {metric_title(matrix.metric)}, row minus column"
        for start in range(0, len(matrix.columns), abreast):
            console.print()
            console.print(Text.assemble((one_line(matrix.dataset), "bold"), title))
            console.print(_table(matrix, matrix.columns[start : start + abreast]))
        console.print(Text(matrix.verdict, style="dim"))


def _table(matrix: Matrix, columns: Sequence[str]) -> Table:
    square = matrix.rows == matrix.columns
    table = make_table()
    table.add_column("method", overflow="fold", min_width=10)
    for column in columns:
        head = str(matrix.rows.index(column) + 1) if square else one_line(column)
        table.add_column(Text(head), justify="right", overflow="fold", no_wrap=square)
    for number, row in enumerate(matrix.rows, 1):
        name = f"{number} {one_line(row)}" if square else one_line(row)
        table.add_row(
            Text(name), *(Text(_entry(matrix.cells.get((row, column)), interval=False)) for column in columns)
        )
    return table
