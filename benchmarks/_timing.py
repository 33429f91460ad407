"""Time several ways of doing one thing against each other, on one thread, and print ratios."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Side:
    """One way of doing it.

    Attributes:
        run: does it once.
        before: done before each run, outside its time.
    """

    run: Callable[[], Any]
    before: Callable[[], Any] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Row:
    """What one side took, in milliseconds; ``ratio`` is its median over that of the first side."""

    task: str
    side: str
    median: float
    lower_quartile: float
    upper_quartile: float
    ratio: float
    note: str


def on_one_thread() -> None:
    """Restart the script with one thread in every library: BLAS reads its setting when it is loaded."""
    if any(os.environ.get(name) != value for name, value in THREADS.items()):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **THREADS})
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def race(task: str, sides: Mapping[str, Side], notes: Callable[[Any, Any], str], repeats: int) -> list[Row]:
    """Time all sides in turn, ``repeats`` rounds of one run each: a busy moment of the machine meets them alike.

    Args:
        task: for the table.
        sides: by name; the first is what the others are compared with.
        notes: from a side's result and the first side's to how far they are apart.
        repeats: rounds; one more is run to warm up.
    """
    results: dict[str, Any] = {}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, side in sides.items():
            side.before()
            start = time.perf_counter()
            results[name] = side.run()
            if turn:
                times[name].append(1000 * (time.perf_counter() - start))
    first = next(iter(sides))
    base = float(np.median(times[first]))
    rows = []
    for name in sides:
        lower, median, upper = (float(q) for q in np.percentile(times[name], (25, 50, 75)))
        rows.append(Row(task, name, median, lower, upper, median / base, notes(results[name], results[first])))
    return rows


def arguments(description: str | None, repeats: int, *, device: bool = False) -> argparse.Namespace:
    """``--repeats``, ``--json`` and, where asked for, ``--device``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    if device:
        parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps (default: %(default)s)")
    return parser.parse_args()


def show(rows: Sequence[Row], note: str, as_json: bool, threads: str = "one thread") -> None:
    """Print the rows as a table or as JSON; ``threads`` says how many each side had."""
    if as_json:
        machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
        print(json.dumps({"schema_version": 1, "machine": machine, "rows": [asdict(row) for row in rows]}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(caption=f"median and quartiles in ms, {threads}; ratio of the medians", caption_justify="left")
    for title in ("task", "by", "ms", "quartiles", "ratio", note):
        table.add_column(title, justify="right" if title in ("ms", "quartiles", "ratio", note) else "left")
    for k, row in enumerate(rows):
        new = k == 0 or row.task != rows[k - 1].task
        if new and k:
            table.add_section()
        quartiles = f"{row.lower_quartile:.2f} .. {row.upper_quartile:.2f}"
        table.add_row(row.task if new else "", row.side, f"{row.median:.2f}", quartiles, f"{row.ratio:.1f}", row.note)
    Console(width=None if sys.stdout.isatty() else 110).print(table)
