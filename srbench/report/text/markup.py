"""The tables of a report in Markdown and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.bench.results import RunRecord
from srbench.report.escape import latex, markdown, safe_file_name
from srbench.report.tables.grid import DASH, Entry, Grid, Row, entry_text, speed_title, speed_words

_SIGNS = str.maketrans({DASH: "---", "∞": "\\(\\infty\\)", "-": "\\(-\\)"})
"""Signs of values in LaTeX; a hyphen is a minus."""
_RANKS = "Best of our methods in bold, second underlined."


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


def latex_tables(record: RunRecord, grids: Sequence[Grid]) -> str:
    """A file to ``\\input``: one floating booktabs table for each grid."""
    head = [
        f"% srbench: run {_comment(record.id)}, protocol {_comment(record.protocol)} ({record.protocol_hash})",
        "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}",
    ]
    return "\n\n".join(["\n".join(head), *(latex_table(record, grid) for grid in grids)]) + "\n"


def _comment(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")


def latex_table(record: RunRecord, grid: Grid) -> str:
    """One table, with the protocol in its caption."""
    body = "\n".join(_latex_row(grid, row) for row in grid.rows)
    kind = "-intervals" if grid.intervals else f"-to-{grid.baseline}" if grid.baseline else ""
    metrics = "-".join(metric.name for metric in grid.metrics) + kind
    words = "95 \\% intervals over images in brackets." if grid.intervals or grid.baseline else _RANKS
    if grid.baseline:
        words += f" The row of {latex(grid.baseline)} has its own values."
    caption = (
        f"{latex(grid.heading.replace(' ↓', ', smaller is better').replace(' ↑', ''))} on {latex(grid.dataset.name)} "
        f"({grid.dataset.images_words}). "
        f"Protocol {latex(record.protocol)} ({record.protocol_hash}): {latex(record.protocol_words)}. "
        f"{words}"
    )
    if grid.seeds > 1:
        caption += f" Learned methods: mean and standard deviation of {grid.seeds} seeds."
    caption += f" {latex(_sentence(grid.without))}" if grid.without else ""
    caption += "".join(f" Note: {latex(note)}." for note in record.notes)
    notes = [f"\\textsuperscript{{{number}}}\\,{latex(note)}" for number, note in enumerate(grid.footnotes, 1)]
    foot = ["\\par\\smallskip", " \\\\\n".join(notes)] if notes else []
    return "\n".join(
        [
            "\\begin{table}[tb]",
            "\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}",  # three scales of two metrics fit an article
            f"\\caption{{{caption}}}",
            f"\\label{{tab:srbench-{safe_file_name(grid.dataset.name)}-{safe_file_name(metrics)}}}",
            "\\smallskip",
            f"\\begin{{tabular}}{{l{'r' * len(grid.scales)}}}",
            "\\toprule",
            "Method" + "".join(f" & \\(\\times {scale}\\)" for scale in grid.scales) + " \\\\",
            "\\midrule",
            body,
            "\\bottomrule",
            "\\end{tabular}",
            *foot,
            "\\end{table}",
        ]
    )


def _latex_row(grid: Grid, row: Row) -> str:
    name = latex(row.name)
    if row.published:
        name = ("" if row.alone else "\\quad") + f"\\textit{{{name}, published}}"
    entries = [_latex_entry(grid, row.entries.get(scale)) for scale in grid.scales]
    return " & ".join([name + _latex_sup(row.notes), *entries]) + " \\\\"


def _latex_sup(notes: Sequence[int]) -> str:
    return f"\\textsuperscript{{{','.join(map(str, notes))}}}" if notes else ""


def _latex_entry(grid: Grid, entry: Entry | None) -> str:
    marks = {0: "{}", 1: "\\textbf{{{}}}", 2: "\\underline{{{}}}"}

    def part(text: str, rank: int, spread: str) -> str:
        return marks[rank].format(text.translate(_SIGNS)) + (f"\\,\\(\\pm\\)\\,{spread}" if spread else "")

    return entry_text(grid, entry, part, _latex_sup, "---")
