"""The pages of a board: one a place, a method and a claim, an index, RSS and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from srbench.analysis.references import Reference
from srbench.bench.results import MetricRecord
from srbench.board.compare import comparable
from srbench.board.entries import RUN, Entries, Place, Row, method_slug
from srbench.board.pages import Cell, Table, compare_page, tables_page
from srbench.proof.page import verification_page
from srbench.proof.text import headline
from srbench.proof.verdict import Verification
from srbench.report.tables.grid import metric_titles, printed
from srbench.system.plain import json_number
from srbench.system.text import counted

SCHEMA_VERSION: Final = 1
_NOT_XML = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}


def site(entries: Entries, references: Sequence[Reference], title: str, url: str = "") -> Iterator[tuple[str, str]]:
    """Each file's name and content.

    Args:
        entries: what it shows.
        references: published values, for tables of their own beside those of the same images and protocol.
        title: of the index.
        url: where the site will lie, for RSS; relative addresses without it.
    """
    places: dict[str, list[Row]] = {}
    methods: dict[str, list[Row]] = {}
    for row in entries.rows:
        places.setdefault(row.place.slug, []).append(row)
        methods.setdefault(row.label, []).append(row)
    yield "index.html", _index(entries, places, methods, title)
    for slug, rows in places.items():
        yield f"places/{slug}.html", _place(rows, references)
    for label, rows in methods.items():
        lede, tables = counted(len(rows), "row"), [_table("Values", rows, with_place=True)]
        yield f"methods/{method_slug(label)}.html", tables_page(label, lede, "../", tables, method_slug(label))
    for claim in entries.claims:
        yield _claim_link(claim.name), verification_page(claim, home="../index.html")
    names = {slug: _set_name(rows[0].place) for slug, rows in places.items()}
    yield "compare.html", compare_page(comparable(places, names))
    yield "feed.xml", _feed(entries.claims, title, url)
    yield "board.json", _document(entries)


def _claim_link(name: str) -> str:
    return f"claims/{name.removeprefix('srb:')}.html"


def _index(entries: Entries, places: dict[str, list[Row]], methods: dict[str, list[Row]], title: str) -> str:
    def of_place(slug: str, rows: list[Row]) -> tuple[Cell, ...]:
        place = rows[0].place
        name = Cell(_set_name(place), f"places/{slug}.html")
        scale = Cell(f"x{place.scale}", value=place.scale)
        protocol, count = Cell(f"{place.protocol} {place.protocol_hash}"), Cell(str(len(rows)), value=len(rows))
        return name, scale, protocol, count, Cell(str(sum(row.depth != RUN for row in rows)))

    claims = [
        (
            Cell(claim.name, _claim_link(claim.name)),
            Cell(headline(claim).partition(": ")[2]),
            Cell(", ".join(dict.fromkeys(cell.id.method_label for cell in claim.cells))),
            Cell(claim.run.record.started[:10]),
        )
        for claim in entries.claims
    ]
    tables = [
        Table(
            "Data sets, scales and protocols",
            ("data set", "scale", "protocol", "rows", "of claims"),
            [of_place(slug, rows) for slug, rows in sorted(places.items())],
            "Values of one table can be compared with each other; values of two tables cannot.",
        ),
        Table(
            "Methods",
            ("method", "rows"),
            [
                (Cell(label, f"methods/{method_slug(label)}.html"), Cell(str(len(rows)), value=len(rows)))
                for label, rows in sorted(methods.items())
            ],
        ),
        Table("Claims", ("claim", "verdict", "methods", "date"), claims),
    ]
    lede = f"{counted(len(entries.claims), 'claim')}, {counted(len(entries.rows), 'row')}"
    return tables_page(title, lede, "", [table for table in tables if table.rows])


def _set_name(place: Place) -> str:
    return place.dataset.name if place.is_genuine else f"{place.dataset.name} (not srbench's)"


def _place(rows: list[Row], references: Sequence[Reference]) -> str:
    place = rows[0].place
    tables = [_table("Values", rows)]
    published = [
        row
        for row in references
        if place.is_genuine
        and (row.dataset, row.scale, row.protocol_hash) == (place.dataset.name, place.scale, place.protocol_hash)
        and row.shown_for
    ]
    if published:
        shown = [
            (Cell(row.method), Cell(row.metric), Cell(row.text, value=row.value), Cell(row.source))
            for row in sorted(published, key=lambda row: (row.metric, row.method))
        ]
        note = "As printed; nobody has verified them here."
        tables.append(Table("Published values", ("method", "metric", "value", "source"), shown, note))
    title = f"{_set_name(place)} x{place.scale}"
    return tables_page(title, f"{place.protocol} {place.protocol_hash}: {place.protocol_words}", "../", tables)


def _table(title: str, rows: list[Row], *, with_place: bool = False) -> Table:
    """Rows as a table, the best by its first metric on top."""
    metrics = {metric.name: metric for row in rows for metric in row.metrics if metric.name in row.values}
    first = next(iter(metrics.values()))
    best = {} if with_place else {name: _best(metric, rows) for name, metric in metrics.items()}
    sign = -1.0 if first.higher_is_better else 1.0
    ordered = sorted(rows, key=lambda row: (sign * row.values.get(first.name, -sign * 1e308), row.label, row.claim))
    heads = ["method", *(["data set", "scale", "protocol"] if with_place else [])]
    heads += [*metric_titles([*metrics.values()]), "verified", "proof", "date"]
    shown = []
    for row in ordered:
        place = row.place
        cells = [Cell(row.label, "" if with_place else f"methods/{method_slug(row.label)}.html")]
        if with_place:
            cells += [Cell(_set_name(place), f"places/{place.slug}.html"), Cell(f"x{place.scale}", value=place.scale)]
            cells.append(Cell(f"{place.protocol} {place.protocol_hash}"))
        for name, metric in metrics.items():
            value = row.values.get(name)
            is_best = value is not None and value == best.get(name)
            cells.append(
                Cell("—") if value is None else Cell(printed(value, metric.digits), value=value, is_best=is_best)
            )
        cells += [Cell(row.depth, depth=True), Cell(row.claim or "none", _claim_link(row.claim) if row.claim else "")]
        shown.append((*cells, Cell(row.date)))
    return Table(title, tuple(heads), shown)


def _best(metric: MetricRecord, rows: Sequence[Row]) -> float | None:
    """The best value of several; none where all are alike."""
    values = {row.values[metric.name] for row in rows if metric.name in row.values}
    return (max if metric.higher_is_better else min)(values) if len(values) > 1 else None


def _feed(claims: Sequence[Verification], title: str, url: str) -> str:
    base = f"{url.rstrip('/')}/" if url else ""
    items = []
    for claim in sorted(claims, key=lambda claim: claim.run.record.started, reverse=True):
        methods = ", ".join(dict.fromkeys(cell.id.method_label for cell in claim.cells))
        link = f"{base}{_claim_link(claim.name)}"
        items.append(
            f"<item><title>{_xml(headline(claim))}</title><link>{_xml(link)}</link>"
            f'<guid isPermaLink="false">{claim.name}</guid><description>{_xml(methods)}</description></item>'
        )
    head = f"<title>{_xml(title)}</title><link>{_xml(base or 'index.html')}</link><description>Claims</description>"
    body = "\n".join(items)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>{head}\n{body}\n</channel></rss>\n'


def _xml(text: str) -> str:
    return escape(text.translate(_NOT_XML))


def _document(entries: Entries) -> str:
    rows = [
        {
            "method": row.label,
            "dataset": row.place.dataset.name,
            "content_hash": row.place.dataset.content_hash,
            "scale": row.place.scale,
            "protocol": row.place.protocol,
            "protocol_hash": row.place.protocol_hash,
            "values": {name: json_number(value) for name, value in row.values.items()},
            "depth": row.depth,
            "claim": row.claim,
            "date": row.date,
        }
        for row in entries.rows
    ]
    claims = [
        {"claim": claim.name, "sha256": claim.sha256, "depth": claim.depth, "page": _claim_link(claim.name)}
        for claim in entries.claims
    ]
    document = {"schema_version": SCHEMA_VERSION, "claims": claims, "rows": rows}
    return json.dumps(document, ensure_ascii=True, allow_nan=False) + "\n"
