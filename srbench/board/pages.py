"""The HTML of a board: pages of tables, and the page that compares two methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from srbench.report.html.assets import csp_hash, script_json, style
from srbench.report.html.template import template_of
from srbench.version import __version__


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it shows.
        link: where it leads.
        value: what it is sorted by, if that is a number.
        is_best: whether it is the best of its column.
        depth: whether the text is a depth of verification.
    """

    text: str
    link: str = ""
    value: float | None = None
    is_best: bool = False
    depth: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a page."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""

    @cached_property
    def kinds(self) -> list[str]:
        """The class of each column: ``text`` where no cell is a number, which stands on the left."""
        columns = zip(*self.rows, strict=True)
        return ["" if any(cell.value is not None for cell in column) else "text" for column in columns]


def tables_page(title: str, lede: str, root: str, tables: Sequence[Table], compare: str = "") -> str:
    """A page of tables.

    Args:
        title: its heading.
        lede: the line below.
        root: of links, from its folder to the board's: empty, or ``../``.
        tables: what it shows.
        compare: a method with which the page of comparisons begins, by its page's name.
    """
    return _rendered("tables.html.j2", "board.js", title=title, lede=lede, root=root, tables=tables, compare=compare)


def compare_page(data: Any) -> str:
    """The page that compares two methods, with all that it can show in it: it opens without a server.

    Args:
        data: as :func:`srbench.board.compare.comparable` gives it.
    """
    values = {"title": "Compare two methods", "root": "", "compare": "", "data": Markup(script_json(data))}
    return _rendered("compare.html.j2", "compare.js", lede="On the same images, by the same protocol.", **values)


def _rendered(template: str, script: str, **values: Any) -> str:
    program = _static(script)
    return template_of("srbench.board", template).render(
        values,
        version=__version__,
        style=Markup(style() + _static("board.css")),  # our own files
        script=Markup(program),
        script_hash=Markup(csp_hash(program)),
    )


@lru_cache
def _static(name: str) -> str:
    return (files("srbench.board") / "static" / name).read_text("utf-8")
