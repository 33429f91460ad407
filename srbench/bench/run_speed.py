"""The speed column of a run: each method timed once, beside its quality, at the run's smallest scale.

It is kept in a file of its own beside the cells, since it differs from one execution to the next and they must not.
What has been timed is not timed again until the method, its device or the number of threads changes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.atomic import write_atomically
from srbench.bench.plan import Plan
from srbench.bench.speed_record import RunSpeed, SpeedRow, read_speed

if TYPE_CHECKING:
    import torch

    from srbench.registry import Registry

SIZES = {"cpu": "128", "mps": "256", "cuda": "256"}
"""The side of LR."""
SECONDS = 0.5
"""Of timed runs a row, and at least five of them: this column is a by-product; `srbench speed` takes its time."""


def time_methods(
    plan: Plan,
    registry: Registry,
    folder: Path,
    device: Callable[[], torch.device],
    asked: str,
) -> None:
    """Time the methods of a plan that have not been timed so, and keep that in the run's folder.

    Args:
        plan: its methods and smallest scale.
        registry: where they come from.
        folder: the run's.
        device: where to run; asked for only if something has to be timed, since that imports torch.
        asked: the device and threads as asked for.
    """
    scale = min(job.id.scale for job in plan.jobs)
    wanted = {card.name: card.source_hash for card in plan.cards if scale in card.info.scales}
    known = read_speed(folder)
    if known is not None and (known.asked, known.scale) == (asked, scale) and known.sources.items() >= wanted.items():
        return
    from srbench.bench.environment import device_name
    from srbench.bench.modes import Mode
    from srbench.bench.speed import Request, SpeedTest
    from srbench.registry import Choice

    where = device()
    test = SpeedTest(registry, plan.protocol, where)
    size = SIZES[where.type]
    rows: list[SpeedRow] = []
    for learned in (False, True):
        request = Request(
            choices=tuple(Choice(card, "") for card in plan.cards if card.name in wanted and card.learned == learned),
            scales=(scale,),
            sizes=(size,),
            modes=(Mode(channels_last=learned and where.type == "cpu"),),  # as cells are computed
            parts=("whole",),
            seconds=SECONDS,
        )
        rows += test.rows(request)
    record = RunSpeed(
        asked=asked,
        device=device_name(str(where)),
        size=size,
        scale=scale,
        sources=wanted,
        rows=tuple(rows),
    )
    write_atomically(folder / "speed.json", record.model_dump_json(indent=1) + "\n")
