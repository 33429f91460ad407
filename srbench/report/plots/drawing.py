"""Draws a report's plots and crop sheets: where there are many, in processes beside the one that writes the rest.

When that is done, it draws what no other has begun.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias

from srbench.analysis.references import Reference
from srbench.bench.store import LoadedRun
from srbench.isolation.host import interrupts_held, own_program_hidden, safe_path
from srbench.isolation.settle import die_with_parent
from srbench.system.capacity import cores

MANY = 12
"""Plots from which on a process of its own, which takes a second to import matplotlib, is worth it."""
CROPS = "crops"

Images: TypeAlias = Iterator[tuple[str, bytes]]
"""Paths in the report's folder, and contents."""


@contextmanager
def drawing(run: LoadedRun, references: Sequence[Reference], baseline: str) -> Iterator[Callable[[], Images]]:
    """Begin to draw; what is given waits for the images."""
    from srbench.report.plots.every_plot import parts

    each = (*parts(run), CROPS)
    places = len(run.record.datasets) * len(run.record.scales)
    beside = min(cores() - 1, len(each))
    if beside < 1 or places * len(each) < MANY:
        yield lambda: (image for part in each for image in _draw(run, references, baseline, part))
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(beside, spawn, _begin) as pool:
        with interrupts_held(), own_program_hidden(), safe_path():
            drawn = {part: pool.submit(_draw, run, references, baseline, part) for part in each}

        def images() -> Images:
            here = {
                part: _draw(run, references, baseline, part)
                for part, there in reversed(drawn.items())
                if there.cancel()
            }
            return (
                image for part, there in drawn.items() for image in (here[part] if part in here else there.result())
            )

        try:
            yield images
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the report's own process hears it, and ends this one


def _draw(run: LoadedRun, references: Sequence[Reference], baseline: str, part: str) -> list[tuple[str, bytes]]:
    """The images of a part."""
    from srbench.report.plots.crops import crop_sheets
    from srbench.report.plots.every_plot import plots

    found = crop_sheets(run) if part == CROPS else plots(run, references, baseline, part)
    folder = CROPS if part == CROPS else "plots"
    return [(f"{folder}/{name}", content) for name, content in found]
