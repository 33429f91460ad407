"""How the cells of a run are shared out: over how many workers, in which order, and which of them in parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from srbench.bench.part import Span
from srbench.bench.plan import PlannedJob
from srbench.system.capacity import cores, free_memory

WORTH = 10.0
"""Seconds of work for which it pays to start workers: each takes some two seconds to import torch."""
WORKER_BYTES = 600 * 2**20
"""Memory of a worker."""
PIECES = 4
"""Into so many parts what one worker has to do is cut at least, so that all end at about the same time."""
SHORTEST = 1.0
"""Seconds of the shortest part: what a method is made with takes its time for each."""


def workers_for(seconds: float, threads: int, gpus: int) -> int:
    """How many worker processes work of so many seconds is worth; 0 for none.

    Args:
        seconds: of all cells that are to be computed, one after the other.
        threads: CPU threads that each worker computes with.
        gpus: that are used; each gets one worker. 0 on a CPU.
    """
    if seconds < WORTH:
        return 0
    most = gpus or cores() // max(threads, 1)
    room = int(free_memory() // WORKER_BYTES)
    found = min(most, room)
    return found if found > 1 else 0


def longest_first(jobs: Mapping[int, PlannedJob], seconds: Mapping[int, float]) -> list[int]:
    """The order of cells: by data set and scale, whose images are prepared once, and the longest first.

    Args:
        jobs: cells by index.
        seconds: how long each takes.
    """
    groups: dict[tuple[str, float], float] = {}
    for index, job in jobs.items():
        group = job.dataset.content_hash, job.id.scale
        groups[group] = max(groups.get(group, 0.0), seconds[index])
    return sorted(
        jobs,
        key=lambda index: (
            -groups[jobs[index].dataset.content_hash, jobs[index].id.scale],
            jobs[index].dataset.content_hash,
            jobs[index].id.scale,
            -seconds[index],
        ),
    )


def spans(images: int, seconds: float, others: float, slots: int) -> Sequence[Span]:
    """The parts that a cell is to be computed in: one where it is no longer than its share.

    Args:
        images: how many it has.
        seconds: how long it takes.
        others: how long all cells take that are still to be started.
        slots: how many tasks run at a time.
    """
    if slots < 2:
        return [(0, images)]
    share = (seconds + others) / slots
    count = max(1, min(images, math.ceil(seconds / max(share / PIECES, SHORTEST))))
    bounds = [images * number // count for number in range(count + 1)]
    return list(pairwise(bounds))
