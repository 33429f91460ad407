"""The speed column of a run: each method timed once, beside its quality, at the run's smallest whole scale.

It is kept in a file of its own beside the cells, since it differs from one execution to the next and they must not.
What has been timed is not timed again until the method, its device or the number of threads changes.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.bench.plan import Plan
from srbench.bench.task import SpeedTask
from srbench.errors import DataError
from srbench.speed.record import RunSpeed, SpeedRow, read_speed
from srbench.system.factors import is_whole
from srbench.system.files import write_atomically
from srbench.system.sealed import sealed
from srbench.system.text import warn

if TYPE_CHECKING:
    import torch

    from srbench.plugins.registry import Registry
    from srbench.protocols.protocol import Protocol

_SIZES = {"cpu": "128", "mps": "256", "cuda": "256"}
"""The side of LR."""
_MOST_SECONDS = 0.5
"""Of warm-up, and of timed runs, a row, and at least five of them: `srbench speed` takes its time."""
_SHARE = 1 / 3
"""Of the time that the cells took: this column is a by-product."""


def due(plan: Plan, folder: Path, asked: str, took: float, left_out: Collection[str] = ()) -> SpeedTask | None:
    """The methods of a plan to be timed; None if they have been timed so.

    Args:
        plan: its smallest whole scale, and the methods that have cells there.
        folder: the run's.
        asked: the device and threads as asked for.
        took: the seconds that the run took so far, of which timing takes a share.
        left_out: methods not to be timed.
    """
    scale = min((int(job.id.scale) for job in plan.jobs if is_whole(job.id.scale)), default=0)
    wanted = {
        job.card.name: job.card.source_hash
        for job in plan.jobs
        if job.id.scale == scale and job.card.name not in left_out and not job.card.supplied
    }
    try:
        known = read_speed(folder)
    except DataError as error:
        warn(str(error))
        known = None
    if known is not None and (known.asked, known.scale) == (asked, scale) and known.sources.items() >= wanted.items():
        return None
    if not wanted:
        return None
    each = _SHARE * took / len(wanted) / 3  # warm-up, timed runs, and what is around them
    return SpeedTask(asked=asked, scale=scale, methods=tuple(wanted), seconds=min(each, _MOST_SECONDS))


def time_methods(
    protocol: Protocol,
    registry: Registry,
    device: torch.device,
    threads: int,
    asked: str,
    scale: int,
    methods: Collection[str],
    seconds: float,
) -> RunSpeed:
    """Time methods on a device."""
    from srbench.plugins.card import Choice
    from srbench.speed.measure import SpeedTest
    from srbench.speed.modes import Mode
    from srbench.speed.request import SpeedRequest
    from srbench.system.machine import device_name

    cards = [registry.card(name) for name in methods]
    test = SpeedTest(registry, protocol, device, threads=threads)
    size = _SIZES[device.type]
    rows: list[SpeedRow] = []
    for learned in (False, True):
        request = SpeedRequest(
            choices=tuple(Choice(card, "") for card in cards if card.learned == learned),
            scales=(scale,),
            sizes=(size,),
            modes=(Mode(channels_last=learned and device.type == "cpu"),),  # as cells are computed
            parts=("whole",),
            seconds=seconds,
            settle=True,
        )
        rows += test.rows(request)
    return RunSpeed(
        asked=asked,
        device=device_name(str(device)),
        size=size,
        scale=scale,
        sources={card.name: card.source_hash for card in cards},
        rows=tuple(rows),
    )


def write_speed(folder: Path, speed: RunSpeed) -> None:
    """Keep it in a run's folder."""
    write_atomically(folder / "speed.json", sealed(speed))
