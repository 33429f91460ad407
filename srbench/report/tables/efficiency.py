"""The table in which efficient networks are compared, in Markdown, CSV and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from srbench.report.escape import latex, markdown
from srbench.report.tables.grid import DASH
from srbench.speed.challenge import Figures, score
from srbench.system.text import to_csv

COLUMN_SETS = ("ntire", "paper")
_FOOTNOTE_SIZE = 85
"""Most letters of the head of a table that is wide enough for."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        title: with the unit.
        value: of a row, in that unit; None where it is unknown.
        digits: after the point.
    """

    title: str
    value: Callable[[Figures], float | None]
    digits: int

    def text(self, row: Figures) -> str:
        """Its entry in a row."""
        value = self.value(row)
        if value is None:
            return DASH
        return f"{value:.{self.digits}f}" if abs(value) < 1e6 else f"{value:.3g}" if math.isfinite(value) else "∞"


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyTable:
    """The table.

    Attributes:
        rows: the networks.
        columns: all but the name.
        notes: sentences below it: what is counted, and on what.
    """

    rows: Sequence[Figures]
    columns: Sequence[Column]
    notes: Sequence[str]


def efficiency_table(
    rows: Sequence[Figures],
    columns: str,
    datasets: Sequence[str],
    scale: float,
    device: str,
    protocol: str,
    baseline: Figures | None = None,
) -> EfficiencyTable:
    """The table of some networks.

    Args:
        rows: the networks.
        columns: ``ntire`` or ``paper``.
        datasets: of PSNR and SSIM.
        scale: the scale.
        device: that times are of.
        protocol: that PSNR is of.
        baseline: of the score, which is left out without one.
    """
    quality = f"PSNR{' and SSIM' if columns == 'paper' else ''}: protocol {protocol}." if datasets else ""
    if columns == "paper":
        chosen = [
            Column("Params [K]", _over("parameters", 1e3), 0),
            Column("Multi-Adds [G]", _over("multi_adds", 1e9), 2),
            Column("FLOPs [G]", _over("multi_adds", 0.5e9), 2),
        ]
        chosen += [
            column
            for k, name in enumerate(datasets)
            for column in (Column(f"{name} PSNR", _of("psnr", k), 2), Column(f"{name} SSIM", _of("ssim", k), 4))
        ]
        notes = [
            f"x{scale}. Multi-Adds: of an output of 1280x720, a multiply-add counted once. FLOPs: the same counted "
            "twice, as some papers print them.",
            quality,
        ]
        return EfficiencyTable(rows=rows, columns=chosen, notes=list(filter(None, notes)))
    chosen = [Column(f"{name} PSNR [dB]", _of("psnr", k), 2) for k, name in enumerate(datasets)]
    chosen += [
        Column("Time [ms]", _over("ms", 1), 2),
        Column("Params [M]", _over("parameters", 1e6), 3),
        Column("FLOPs [G]", _over("flops", 1e9), 2),
        Column("Acts [M]", _over("activations", 1e6), 2),
        Column("Mem [M]", _over("memory", 2**20), 2),
        Column("Conv", _over("convolutions", 1), 0),
    ]
    notes = [
        f"x{scale}, for an LR of 256x256. FLOPs: as fvcore counts them, a multiply-add once. Acts: elements of the "
        f"outputs of all convolutions; Conv: their number. Mem: 2^20 bytes at the peak. Time: the median on {device}.",
        quality,
    ]
    if baseline is not None:
        chosen.append(Column("Score", lambda row: score(row, baseline), 2))
        notes.append(f"Score, smaller is better: NTIRE's, to {name_of(baseline)}.")
    for source in dict.fromkeys(row.published for row in rows if row.published):
        notes.append(f"* as published ({source}); its time is of another device.")
    return EfficiencyTable(rows=rows, columns=chosen, notes=list(filter(None, notes)))


def _over(name: str, unit: float) -> Callable[[Figures], float | None]:
    def value(row: Figures) -> float | None:
        found: float | None = getattr(row, name)
        return found if found is None or unit == 1 else found / unit

    return value


def _of(name: str, k: int) -> Callable[[Figures], float | None]:
    def value(row: Figures) -> float | None:
        found = getattr(row, name)
        return found[k] if k < len(found) else None

    return value


def name_of(row: Figures) -> str:
    """What a row is called: a published one has a mark."""
    return f"{row.method} *" if row.published else row.method


def efficiency_markdown(table: EfficiencyTable) -> str:
    """A GitHub table."""
    lines = [
        f"| method | {' | '.join(column.title for column in table.columns)} |",
        f"| --- |{' ---: |' * len(table.columns)}",
    ]
    for row in table.rows:
        entries = (column.text(row) for column in table.columns)
        lines.append(f"| {markdown(name_of(row))} | {' | '.join(entries)} |")
    return "\n".join([*lines, "", *map(markdown, table.notes)]) + "\n"


def efficiency_csv(table: EfficiencyTable) -> str:
    """Comma-separated values at full precision."""
    head = ["method", *(column.title for column in table.columns)]
    return to_csv([head, *([name_of(row), *(column.value(row) for column in table.columns)] for row in table.rows)])


def efficiency_latex(table: EfficiencyTable) -> str:
    """A booktabs table to ``\\input``, across both columns of an article."""
    titles = ["Method", *(latex(column.title) for column in table.columns)]
    size = "\\footnotesize" if sum(map(len, titles)) <= _FOOTNOTE_SIZE else "\\scriptsize"
    lines = [
        "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}",
        "\\begin{table*}[tb]",
        f"\\centering{size}\\setlength{{\\tabcolsep}}{{3pt}}",
        f"\\caption{{{latex(' '.join(table.notes))}}}",
        "\\label{tab:srbench-efficiency}",
        "\\smallskip",
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        "\\toprule",
        " & ".join(titles) + " \\\\",
        "\\midrule",
    ]
    signs = str.maketrans({DASH: "---", "∞": "\\(\\infty\\)"})
    for row in table.rows:
        entries = (column.text(row).translate(signs) for column in table.columns)
        lines.append(" & ".join([latex(name_of(row)), *entries]) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table*}"]) + "\n"
