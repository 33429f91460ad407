"""Speed records as tables: for a terminal of 80 columns, and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from srbench.report.escape import markdown, one_line
from srbench.report.tables.grid import DASH
from srbench.speed.against import SpeedPair
from srbench.speed.record import SpeedRecord, SpeedRow
from srbench.system.console import make_table

SPEED_COLUMNS = ("ms", "quartiles", "megapixels/s", "multiply-adds, 10⁹", "memory, MB", "of the limit")
HEADS = ("time\nms", "quartiles\nms", "output\nMpixel/s", "multiply-\nadds, 10⁹", "memory\nMB", "of the\nlimit")
"""The same over the columns of a terminal."""
WORDS = {"channels_last": "channels last", "graph": "CUDA graph"}
LEGEND = (
    "Time: from LR to SR with all upsampling, unless the row says network alone. Channels last: the layout of images "
    "in memory. Batch: images at once (saturating: more at once gain nothing). Memory: the peak beyond weights and "
    "input. Of the limit: the shortest time that the measured bandwidth and matrix rate allow, over the median."
)
BEYOND = ">100 %: the network's maps fit into caches, which are faster than the memory that the limit was measured by."


def print_speed_head(record: SpeedRecord, console: Console) -> None:
    """Print the device and its limits."""
    console.print(Text.assemble((one_line(record.device), "bold"), f" {record.machine.get('processor', '')}".rstrip()))
    console.print(_peaks(record), soft_wrap=True)


def print_speed_rows(rows: Sequence[SpeedRow], console: Console, *, every: bool) -> None:
    """Print a table per size and scale.

    Args:
        rows: of one or more sizes and scales, each in a row.
        console: where to.
        every: all rows; otherwise of each method and batch the fastest, and none of a network alone.
    """
    for title, entries in _groups(rows):
        shown = entries if every else fastest(entries)
        console.print()
        console.print(Text.assemble((title[0], "bold"), f" {title[1]}"))
        console.print(_table(shown))
        for row in entries:
            if row.error:
                console.print(f"{row.method} {_mode(row)}: {one_line(row.error)}", style="red", markup=False)


def print_speed_legend(rows: Sequence[SpeedRow], console: Console, *, every: bool) -> None:
    """Print what the columns mean."""
    shown = rows if every else [row for _, entries in _groups(rows) for row in fastest(entries)]
    beyond = [BEYOND] if any(_is_beyond(row) for row in shown) else []
    hidden = len(rows) - len(shown)
    more = [f"The fastest row of each method; --all-modes shows {hidden} more."] if hidden else []
    console.print(f"\n{' '.join([LEGEND, *beyond, *more])}", style="dim", markup=False)


def fastest(rows: Sequence[SpeedRow]) -> list[SpeedRow]:
    """Of each method and batch that was asked for the row that takes the least time per image, in the rows' order.

    Rows of a network alone, which does not make SR of LR, are left out; a failed row stays where all fail.
    """
    best: dict[tuple[str, int], SpeedRow] = {}
    for row in rows:
        key = (row.method, 0 if row.saturating else row.batch)
        if row.part == "whole" and (key not in best or _per_image(row) < _per_image(best[key])):
            best[key] = row
    return [row for row in rows if any(row is other for other in best.values())]


def _per_image(row: SpeedRow) -> float:
    return math.inf if row.median_ms is None else row.median_ms / row.batch


def _is_beyond(row: SpeedRow) -> bool:
    return row.roofline is not None and row.roofline > 1


def speed_markdown(record: SpeedRecord) -> Iterator[str]:
    """A section of a Markdown page: device, versions, and a table per size and scale."""
    yield f"## {markdown(record.device)}, {record.date[:10]}\n"
    versions = ", ".join(f"{name} {record.versions[name]}" for name in ("srbench", "torch") if name in record.versions)
    where = (record.machine.get("processor", ""), _peaks(record), versions)
    yield f"{'; '.join(markdown(part) for part in where if part)}. Protocol {record.protocol}.\n"
    for (scale, sizes), entries in _groups(record.rows):
        yield f"### {scale}, {sizes}\n"
        yield f"| method | mode | {' | '.join(SPEED_COLUMNS)} |"
        yield f"| --- | --- |{' ---: |' * len(SPEED_COLUMNS)}"
        for row in entries:
            yield f"| {' | '.join(map(markdown, (row.method, _mode(row), *_values(row))))} |"
        yield ""


def _peaks(record: SpeedRecord) -> str:
    rates = ", ".join(f"{name} {rate:.3g} TFLOP/s" for name, rate in record.tflops.items())
    return f"copies {record.bandwidth_gb_s:.4g} GB/s; products {rates}; {record.machine['threads']} threads"


def _groups(rows: Sequence[SpeedRow]) -> Iterator[tuple[tuple[str, str], list[SpeedRow]]]:
    """The rows of each scale and size, with a title."""
    for (size, scale), some in groupby(rows, key=lambda row: (row.size, row.scale)):
        entries = list(some)
        width, height = entries[0].lr_width, entries[0].lr_height
        yield (f"x{scale}", f"{width}x{height} to {width * scale}x{height * scale} ({size})"), entries


def print_speed_pairs(pairs: Sequence[SpeedPair], console: Console) -> None:
    """Print how each row's time changed since an earlier record, and how many rows agree."""
    table = make_table()
    for title in ("method", "mode"):
        table.add_column(title, overflow="fold")
    for title in ("size", "time, new / old", "by quartiles"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for pair in pairs:
        row = pair.new
        word = "agrees" if pair.agrees else "slower" if pair.slower else "faster"
        interval = f"{pair.least:.3f}-{pair.most:.3f}"
        cells = (one_line(row.method), _mode(row), f"x{row.scale} {row.size}", f"{pair.ratio:.3f}", interval, word)
        table.add_row(*cells, style="" if pair.agrees else "red" if pair.slower else "green")
    console.print(table)
    agree = sum(pair.agrees for pair in pairs)
    console.print(f"{agree} of {len(pairs)} rows agree: their quartiles, over the pacemaker's time, meet", markup=False)


def _table(rows: Sequence[SpeedRow]) -> Table:
    table = make_table()
    table.add_column("method", overflow="fold")
    table.add_column("how", overflow="fold")
    for title in HEADS:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(one_line(row.method), _mode(row), *_values(row))
    return table


def _mode(row: SpeedRow) -> str:
    words = [WORDS.get(feature, feature) for feature in row.mode.split("+")]
    if row.part == "network":
        words.append("network alone")
    if row.batch != 1 or row.saturating:
        words.append(f"batch {row.batch}{' (saturating)' if row.saturating else ''}")
    if row.tile is not None:
        words.append(f"tiles of {row.tile}")
    return ", ".join(words)


def _values(row: SpeedRow) -> tuple[str, ...]:
    if row.median_ms is None or row.lower_quartile_ms is None or row.upper_quartile_ms is None:
        return (DASH,) * 6
    return (
        _short(row.median_ms),
        f"{_short(row.lower_quartile_ms)}-{_short(row.upper_quartile_ms)}",
        _short(row.megapixels_per_s or 0.0),
        _short(row.macs / 1e9) if row.macs is not None else DASH,
        _short(row.memory_mb) if row.memory_mb is not None else DASH,
        DASH if row.roofline is None else ">100 %" if _is_beyond(row) else f"{100 * row.roofline:.0f} %",
    )


def _short(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
