"""The tables of a report in LaTeX: one ``table*`` for all data sets and scales, for a two-column article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from srbench.analysis.papers import Paper, papers_in, papers_of_method, papers_of_published
from srbench.bench.results import RunRecord
from srbench.report.escape import latex, safe_file_name
from srbench.report.tables.grid import DASH, Entry, Grid, Row, entry_text
from srbench.system.factors import Factor
from srbench.system.names import method_of, short_labels
from srbench.system.text import sentence

WIDTH = 440.0
"""In points: how wide a table may be. Both columns of LaTeX's article on A4 are 453 pt, on letter paper 470 pt."""
LINES = 40
"""Rows and lines of footnotes of a table that fits a page with its caption."""
LETTER, DIGIT, GAP = 4.5, 4.9, 6.0
"""In points: a letter of \\footnotesize, a bold digit, and the space beside a column."""
_NARROW = {".": 2.7, " ": 2.9, "/": 4.3, ",": 2.7, "[": 2.7, "]": 2.7}
NOTE = 100
"""Letters of a line of footnotes."""
NAME = 36
"""Letters of a name; longer ones are broken."""
_SIGNS = str.maketrans({DASH: "---", "∞": "\\(\\infty\\)", "-": "\\(-\\)"})
"""Signs of values in LaTeX; a hyphen is a minus."""
_RANKS = "Best of our methods in bold, second underlined."
Key = tuple[str, bool, bool]
"""A row: its name, whether it is a published one, and whether it stands alone."""
Column = tuple[int, Factor | None]
"""The number of a grid and a scale; None where the line has the scale."""
Line = tuple[Key, Factor | None]
"""A row and its scale; None where the column has it."""


def latex_tables(record: RunRecord, grids: Sequence[Grid]) -> str:
    """A file to ``\\input``: of all grids with the same metrics one floating booktabs table across both columns.

    Data sets stand side by side, each with its scales. Where that is too wide, the scales stand below each other, and
    what still does not fit on a page goes to a further table. Each name with a paper is followed by
    ``\\srbenchcite{KEY}``, which prints nothing unless the article defines it.
    """
    head = [
        f"% srbench: run {_comment(record.id)}, protocol {_comment(record.protocol)} ({record.protocol_hash})",
        "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}",
        "% to cite the papers, of references.bib: \\newcommand{\\srbenchcite}[1]{~\\cite{#1}} before this file",
        "\\providecommand{\\srbenchcite}[1]{}",
    ]
    groups: dict[tuple[object, ...], list[Grid]] = {}
    for grid in grids:
        groups.setdefault((grid.metrics, grid.intervals, grid.baseline), []).append(grid)
    tables = (table for group in groups.values() for table in _Tables(record, group).every())
    return "\n\n".join(["\n".join(head), *tables]) + "\n"


def cited(record: RunRecord, grids: Sequence[Grid]) -> list[Paper]:
    """The papers that the tables of grids cite."""
    names = dict.fromkeys(row.name for grid in grids for row in grid.rows if row.published)
    found = [paper for method in record.methods for paper in papers_of_method(method.paper)]
    found += [paper for name in names for paper in papers_of_published(name)]
    found += [paper for dataset in record.datasets for paper in papers_in(dataset.citation)]
    return list({paper.key: paper for paper in reversed(found)}.values())


def _comment(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")


class _Tables:
    """The tables of grids with the same metrics."""

    def __init__(self, record: RunRecord, grids: Sequence[Grid]) -> None:
        self.record = record
        self.grids = grids
        self.rows = [{_key(row): row for row in grid.rows} for grid in grids]
        self.keys = _merged(self.rows)
        self.shorts = short_labels(name for name, published, _ in self.keys if not published)
        self.papers = {method.name: method.paper for method in record.methods}

    def every(self) -> Iterator[str]:
        """The tables, as few as fit."""
        scales = sorted({scale for grid in self.grids for scale in grid.scales})
        columns: list[Column] = [(g, scale) for g, grid in enumerate(self.grids) for scale in grid.scales]
        lines: list[Line] = [(key, None) for key in self.keys]
        parts = [(columns, lines)]
        if self._width(columns, lines) > WIDTH:
            lines = [(key, scale) for scale in scales for key in self.keys]
            parts = [(some, lines) for some in self._packed([(g, None) for g in range(len(self.grids))], lines)]
        pages = [(some, page) for some, every in parts for page in self._pages(some, every)]
        for number, (some, page) in enumerate(pages, 1):
            yield self._table(some, page, number)

    def _packed(self, columns: Sequence[Column], lines: Sequence[Line]) -> Iterator[list[Column]]:
        """The columns as lists that are as wide as a page."""
        some: list[Column] = []
        for column in columns:
            if some and self._width([*some, column], lines) > WIDTH:
                yield some
                some = []
            some.append(column)
        yield some

    def _pages(self, columns: Sequence[Column], lines: Sequence[Line]) -> Iterator[list[Line]]:
        """The lines that have something in the columns, as lists that are as high as a page."""
        page: list[Line] = []
        for line in lines:
            if any(self._entry(column, line) is not None for column in columns):
                notes = sum(len(note) + 3 for note in self._footnotes(columns, [*page, line]))
                if page and len(page) + 1 + notes // NOTE > LINES:
                    yield page
                    page = []
                page.append(line)
        yield page

    def _entry(self, column: Column, line: Line) -> Entry | None:
        row = self.rows[column[0]].get(line[0])
        scale = column[1] if line[1] is None else line[1]
        return row.entries.get(scale) if row is not None and scale is not None else None

    def _width(self, columns: Sequence[Column], lines: Sequence[Line]) -> float:
        """About how wide a table is, in points."""
        names = [min(len(self._name(key)), NAME) + 2 * key[1] for key, _ in lines]
        width = LETTER * max(names, default=0) + GAP + (9 * LETTER if any(scale for _, scale in lines) else 0)
        for g, some in groupby(columns, key=lambda column: column[0]):
            values = [max(self._points(column, line) for line in lines) + GAP for column in some]
            width += max(sum(values), LETTER * len(_title(self.grids[g])) + GAP)
        return width

    def _points(self, column: Column, line: Line) -> float:
        text = _tight(entry_text(self.grids[column[0]], self._entry(column, line), _plain, _commas))
        return sum(_NARROW.get(sign, DIGIT) for sign in text)

    def _name(self, key: Key) -> str:
        return key[0] if key[1] else self.shorts[key[0]]

    def _cited(self, key: Key) -> str:
        name, published, _ = key
        if published:
            return _cite(papers_of_published(name))
        return _cite(papers_of_method(self.papers.get(method_of(name), "")))

    def _footnotes(self, columns: Sequence[Column], lines: Sequence[Line]) -> list[str]:
        """The footnotes of some lines, as they come."""
        notes = []
        for line in lines:
            for g in dict.fromkeys(g for g, _ in columns):
                row = self.rows[g].get(line[0])
                entries = [self._entry(column, line) for column in columns if column[0] == g]
                numbers = [n for entry in entries if entry for n in entry.notes] if row else []
                notes += [self.grids[g].footnotes[n - 1] for n in (*(row.notes if row else ()), *numbers)]
        return list(dict.fromkeys(notes))

    def _table(self, columns: Sequence[Column], lines: Sequence[Line], number: int) -> str:
        footnotes = self._footnotes(columns, lines)
        by_line = any(scale is not None for _, scale in lines)
        first = ["Method", "Scale"] if by_line else ["Method"]
        groups = [(g, len(list(some))) for g, some in groupby(columns, key=lambda column: column[0])]
        titles = [f"\\multicolumn{{{span}}}{{c}}{{{self._dataset(g)}}}" for g, span in groups]
        rules, at = [], len(first) + 1
        for _, span in groups:
            rules.append(f"\\cmidrule(lr){{{at}-{at + span - 1}}}")
            at += span
        heads = [" & ".join([*(first if by_line else [""]), *titles]) + " \\\\"]
        if not by_line:
            heads += [
                "".join(rules),
                " & ".join([*first, *(f"\\(\\times {scale}\\)" for _, scale in columns)]) + " \\\\",
            ]
        body: list[str] = []
        for place, line in enumerate(lines):
            opens = place == 0 or line[1] != lines[place - 1][1]
            body += ["\\midrule"] if opens and place else []
            body.append(self._line(columns, line, footnotes, opens=opens))
        notes = [f"\\textsuperscript{{{k}}}\\,{latex(note)}" for k, note in enumerate(footnotes, 1)]
        foot = ["\\par\\smallskip\\raggedright", "\\quad\n".join(notes)] if notes else []
        return "\n".join(
            [
                "\\begin{table*}[tb]",
                "\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}",
                f"\\caption{{{self._caption(columns, number)}}}",
                f"\\label{{tab:srbench-{self._label()}{'' if number == 1 else f'-{number}'}}}",
                "\\smallskip",
                f"\\begin{{tabular}}{{{'l' * len(first)}{'r' * len(columns)}}}",
                "\\toprule",
                *heads,
                "\\midrule",
                *body,
                "\\bottomrule",
                "\\end{tabular}",
                *foot,
                "\\end{table*}",
            ]
        )

    def _label(self) -> str:
        first = self.grids[0]
        kind = "-intervals" if first.intervals else f"-to-{first.baseline}" if first.baseline else ""
        return safe_file_name("-".join(metric.name for metric in first.metrics) + kind)

    def _caption(self, columns: Sequence[Column], number: int) -> str:
        grids = [self.grids[g] for g in dict.fromkeys(g for g, _ in columns)]
        record, first = self.record, grids[0]
        places = ", ".join(f"{latex(_title(grid))} ({grid.dataset.images_words})" for grid in grids)
        heading = latex(first.heading.replace(" ↓", ", smaller is better").replace(" ↑", ""))
        if number > 1:
            return f"{heading} on {places}, continued."
        words = "95 \\% intervals over images in brackets." if first.intervals or first.baseline else _RANKS
        if first.baseline:
            words += f" The row of {latex(first.baseline)} has its own values."
        caption = (
            f"{heading} on {places}. "
            f"Protocol {latex(record.protocol)} ({record.protocol_hash}): {latex(record.protocol_words)}. {words}"
        )
        if first.seeds > 1:
            caption += f" Learned methods: mean and standard deviation of {first.seeds} seeds."
        if any(key[1] for rows in self.rows for key in rows):
            caption += " Published values in italics."
        without = dict.fromkeys(grid.without for grid in grids if grid.without)
        caption += "".join(f" {latex(words[0].upper() + words[1:])}." for words in without)
        return caption + "".join(f" Note: {latex(sentence(note))}" for note in record.notes)

    def _dataset(self, g: int) -> str:
        return latex(_title(self.grids[g])) + _cite(papers_in(self.grids[g].dataset.citation))

    def _line(self, columns: Sequence[Column], line: Line, footnotes: Sequence[str], *, opens: bool) -> str:
        key, scale = line

        def marks(g: int, notes: Sequence[int]) -> list[int]:
            return [footnotes.index(self.grids[g].footnotes[note - 1]) + 1 for note in notes]

        def text_of(column: Column) -> str:
            g = column[0]
            return entry_text(
                self.grids[g], self._entry(column, line), _part, lambda notes: _mark(marks(g, notes)), "---"
            )

        of_name = [number for g in dict(columns) for number in marks(g, self._notes(g, key))]
        heads = [self._shown(key, _mark(of_name))]
        heads += [] if scale is None else [f"\\(\\times {scale}\\)" if opens else ""]
        heads += [_tight(text_of(column)) for column in columns]
        return " & ".join(heads) + " \\\\"

    def _notes(self, g: int, key: Key) -> tuple[int, ...]:
        row = self.rows[g].get(key)
        return row.notes if row is not None else ()

    def _shown(self, key: Key, mark: str) -> str:
        """A row's name with its citation and the numbers of its footnotes."""
        text = self._name(key)
        broken = len(text) > NAME
        long = NAME // 2 if broken else NAME
        words = " ".join("\\allowbreak ".join(map(latex, w)) if len(w) > long else latex(w) for w in text.split())
        words = (f"\\textit{{{words}}}" if key[1] else words) + self._cited(key) + mark
        words = ("\\quad" if key[1] and not key[2] else "") + words
        return f"\\parbox[t]{{{NAME * LETTER:.0f}pt}}{{\\raggedright {words}}}" if broken else words


def _key(row: Row) -> Key:
    return row.name, row.published, row.alone


def _merged(rows: Sequence[dict[Key, Row]]) -> list[Key]:
    """The rows of all grids, each behind the one that it stands behind."""
    keys: list[Key] = []
    for some in rows:
        at = 0
        for key in some:
            if key not in keys:
                keys.insert(at, key)
            at = keys.index(key) + 1
    return sorted(keys, key=lambda key: key[2])  # those that stand alone at the end


def _title(grid: Grid) -> str:
    """A data set as papers spell it, if its title is its name but for capitals."""
    name, title = grid.dataset.name, grid.dataset.title.partition(" (")[0]
    return title if title.casefold() == name.casefold() else name


def _cite(papers: Sequence[Paper]) -> str:
    keys = ",".join(paper.key for paper in papers)
    return f"\\srbenchcite{{{keys}}}" if keys else ""


def _tight(text: str) -> str:
    return text.replace(" / ", "/")


def _mark(numbers: Sequence[int]) -> str:
    """The numbers of footnotes."""
    return f"\\textsuperscript{{{','.join(map(str, dict.fromkeys(numbers)))}}}" if numbers else ""


def _commas(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def _plain(text: str, _: int, spread: str) -> str:
    return f"{text} ± {spread}" if spread else text


def _part(text: str, rank: int, spread: str) -> str:
    marks = {0: "{}", 1: "\\textbf{{{}}}", 2: "\\underline{{{}}}"}
    return marks[rank].format(text.translate(_SIGNS)) + (f"\\,\\(\\pm\\)\\,{spread}" if spread else "")
