"""Records of `srbench speed`, a method, size, scale and group of modes at a time."""

from __future__ import annotations

import datetime
import functools
import sys
from collections.abc import Iterator
from functools import partial

import torch

from srbench.plugins.registry import Registry
from srbench.protocols.builtin import get_protocol
from srbench.speed import gpu_meter
from srbench.speed.measure import SpeedTest, describe_machine
from srbench.speed.modes import Mode, parse_mode
from srbench.speed.record import SpeedRecord
from srbench.speed.request import SpeedRequest
from srbench.speed.roofline import Peaks
from srbench.system.machine import device_name, versions
from srbench.system.sealed import sealed
from tools.gpu_day.budget import Unit

PLAIN = ("fp32", "tf32", "tf32+channels_last", "bf16", "bf16+channels_last", "fp32+graph", "bf16+channels_last+graph")
COMPILED = ("tf32+channels_last+compiled", "bf16+channels_last+compiled", "bf16+channels_last+compiled+graph")
TARGETS = ("srcnn-y-955", "fsrcnn")
"""Those that are to reach half of their roofline."""
ROW_SECONDS = 0.1
"""Of a row's warm-up and of its runs."""


def units(sizes: tuple[str, ...], device: torch.device) -> Iterator[Unit]:
    """In the order of worth; compiling takes long, so the targets alone are, and at the largest size first."""
    registry = Registry()
    learned = tuple(dict.fromkeys((*TARGETS, *(c.card.name for c in registry.select(["*"]) if c.card.learned))))
    groups = [("plain", learned, PLAIN, "1"), ("compiled", TARGETS, COMPILED, "1"), ("best", learned, PLAIN[:5], "max")]
    for scale in (2, 3, 4):
        for group, methods, names, batch in groups:
            modes = tuple(mode for mode in map(parse_mode, names) if mode.fits(device))
            for size in sizes[:1] if group == "compiled" else sizes:
                for method in methods:
                    work = partial(_record, registry, method, scale, size, modes, batch, device)
                    yield f"speed-{size}-x{scale}-{group}-{method}", work


@functools.lru_cache
def _peaks(device: torch.device) -> Peaks:
    """The device's limits, measured once in a call of the tool."""
    test = SpeedTest(Registry(), get_protocol("vdsr"), device)
    return test.peaks([mode for mode in map(parse_mode, PLAIN) if mode.fits(device)])


def _record(
    registry: Registry,
    method: str,
    scale: int,
    size: str,
    modes: tuple[Mode, ...],
    batch: str,
    device: torch.device,
) -> str:
    """A sealed record."""
    peaks = _peaks(device)
    request = SpeedRequest(
        choices=tuple(registry.select([method])),
        scales=(scale,),
        sizes=(size,),
        modes=modes,
        batches=(batch,),
        runs=20,
        seconds=ROW_SECONDS,
        settle=True,
    )
    gpu_meter.METER_SECONDS = ROW_SECONDS
    test = SpeedTest(registry, get_protocol("vdsr"), device)
    record = SpeedRecord(
        date=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        command=" ".join(["python -m tools.gpu_day", *sys.argv[1:]]),
        device=device_name(str(device)),
        machine=describe_machine(device),
        versions=versions(),
        protocol="vdsr",
        bandwidth_gb_s=round(peaks.bandwidth / 1e9, 1),
        tflops={name: round(rate / 1e12, 3) for name, rate in peaks.flops.items()},
        rows=tuple(test.rows(request, peaks)),
    )
    return sealed(record)
