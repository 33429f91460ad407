"""Speed records as tables: for a terminal of 80 columns, and in Markdown."""

from __future__ import annotations

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

SPEED_COLUMNS = ("ms", "quartiles", "MP/s", "GMAC", "MB", "roof")
SHORT = {"channels_last": "cl", "compiled": "jit", "graph": "graph"}
LEGEND = (
    "From LR with all upsampling; net: the network alone. cl: channels_last, jit: compiled, b: images at once (+: the "
    "batch that saturates the device), t: in tiles of this side. roof: the shortest time that the measured bandwidth "
    "and matrix rate allow, over the median. MB: the peak of what torch allocates beyond weights and input."
)


def print_speed(record: SpeedRecord, console: Console) -> None:
    """Print a table per size and scale."""
    console.print(Text.assemble((one_line(record.device), "bold"), f" {record.machine.get('processor', '')}".rstrip()))
    console.print(_peaks(record), soft_wrap=True)
    for title, entries in _groups(record):
        console.print()
        console.print(Text.assemble((title[0], "bold"), f" {title[1]}"))
        console.print(_table(entries))
        for row in entries:
            if row.error:
                console.print(f"{row.method} {_mode(row)}: {one_line(row.error)}", style="red", markup=False)
    console.print(f"\n{LEGEND}", style="dim", markup=False)


def speed_markdown(record: SpeedRecord) -> Iterator[str]:
    """A section of a Markdown page: device, versions, and a table per size and scale."""
    yield f"## {markdown(record.device)}, {record.date[:10]}\n"
    versions = ", ".join(f"{name} {record.versions[name]}" for name in ("srbench", "torch") if name in record.versions)
    where = (record.machine.get("processor", ""), _peaks(record), versions)
    yield f"{'; '.join(markdown(part) for part in where if part)}. Protocol {record.protocol}.\n"
    for (scale, sizes), entries in _groups(record):
        yield f"### {scale}, {sizes}\n"
        yield f"| method | mode | {' | '.join(SPEED_COLUMNS)} |"
        yield f"| --- | --- |{' ---: |' * len(SPEED_COLUMNS)}"
        for row in entries:
            yield f"| {' | '.join(map(markdown, (row.method, _mode(row), *_values(row))))} |"
        yield ""


def _peaks(record: SpeedRecord) -> str:
    rates = ", ".join(f"{name} {rate:.3g} TFLOP/s" for name, rate in record.tflops.items())
    return f"copies {record.bandwidth_gb_s:.4g} GB/s; products {rates}; {record.machine['threads']} threads"


def _groups(record: SpeedRecord) -> Iterator[tuple[tuple[str, str], list[SpeedRow]]]:
    """The rows of each scale and size, with a title."""
    for (size, scale), rows in groupby(record.rows, key=lambda row: (row.size, row.scale)):
        entries = list(rows)
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


def _table(rows: list[SpeedRow]) -> Table:
    table = make_table()
    table.add_column("method", overflow="fold")
    table.add_column("mode", overflow="fold")
    for title in SPEED_COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(one_line(row.method), _mode(row), *_values(row))
    return table


def _mode(row: SpeedRow) -> str:
    words = [SHORT.get(feature, feature) for feature in row.mode.split("+")]
    if row.part == "network":
        words.append("net")
    if row.batch != 1:
        words.append(f"b{row.batch}{'+' if row.saturating else ''}")
    if row.tile is not None:
        words.append(f"t{row.tile}")
    return " ".join(words)


def _values(row: SpeedRow) -> tuple[str, ...]:
    if row.median_ms is None or row.lower_quartile_ms is None or row.upper_quartile_ms is None:
        return (DASH,) * 6
    return (
        _short(row.median_ms),
        f"{_short(row.lower_quartile_ms)}-{_short(row.upper_quartile_ms)}",
        _short(row.megapixels_per_s or 0.0),
        _short(row.macs / 1e9) if row.macs is not None else DASH,
        _short(row.memory_mb) if row.memory_mb is not None else DASH,
        f"{100 * row.roofline:.0f} %" if row.roofline is not None else DASH,
    )


def _short(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
