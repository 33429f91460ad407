"""Measures methods: latency, throughput, memory, and the share of the device's limits.

Only ``upscale`` on fixed inputs is timed, with the protocol's upsampling if a method asks for it; reading, scoring
and writing are not. All rows of one size are timed in turn, so that other load affects them alike. Quality is
never measured here, but by the fp32 pass of ``srbench run``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, product

import torch

from srbench.errors import MethodError
from srbench.isolation.host import RemoteError
from srbench.isolation.hosts import Origin
from srbench.plugins.registry import Registry
from srbench.protocols.protocol import Protocol
from srbench.speed.contender import Contender, Contenders
from srbench.speed.gpu_meter import GpuMeter
from srbench.speed.modes import Mode
from srbench.speed.record import SpeedRow
from srbench.speed.request import SpeedRequest, empty_row
from srbench.speed.roofline import Peaks, measure_peaks
from srbench.speed.timing import (
    ROUNDS,
    Clock,
    Timing,
    affordable,
    clock_of,
    has_settled,
    in_rounds,
    pacemaker_of,
)
from srbench.system.capacity import cores
from srbench.system.machine import machine

BUSY = 0.25
"""The load a core from which others are said to disturb times."""
FEWEST_RUNS = 5
"""Least number of runs of a row with little time."""


class SpeedTest:
    """Times methods on a device.

    Args:
        registry: the methods.
        protocol: its resizer upsamples LR for methods that need it.
        device: where to run.
        tell: called with a line about the current step.
        threads: CPU threads of torch in hosts, which time third-party methods; 0 for torch's default.
    """

    def __init__(
        self,
        registry: Registry,
        protocol: Protocol,
        device: torch.device,
        tell: Callable[[str], None] = lambda _: None,
        *,
        threads: int = 0,
    ) -> None:
        self._registry = registry
        self._threads = threads
        self._protocol = protocol
        self._device = device
        self._clock: Clock = clock_of(device)
        self._contenders = Contenders(registry, protocol, device, self._clock)
        self._tell = tell
        self._meter: GpuMeter | None = None
        self._count = self._ready = 0
        if device.type == "cuda":
            with contextlib.suppress(OSError):
                self._meter = GpuMeter(device)

    def peaks(self, modes: Sequence[Mode]) -> Peaks:
        """The device's limits, in each precision that the modes use."""
        self._tell("measuring bandwidth and matrix products")
        return measure_peaks(self._device, self._clock, {mode.precision: mode.active for mode in modes})

    def rows(self, request: SpeedRequest, peaks: Peaks | None = None) -> Iterator[SpeedRow]:
        """All rows of :meth:`groups`."""
        for group in self.groups(request, peaks):
            yield from group

    def groups(self, request: SpeedRequest, peaks: Peaks | None = None) -> Iterator[list[SpeedRow]]:
        """All rows, in the order of sizes, scales, methods and modes; those of a size and scale are timed together.

        Without ``peaks`` rows have no share of the roofline. Third-party methods are timed in their hosts, last.

        Raises:
            KeyboardInterrupt: Ctrl-C; the rows that were timed until then, if only in part, have been yielded.
        """
        self._count, self._ready = request.count(self._device), 0
        origins = [(choice, self._registry.host_origin(choice.card.name)) for choice in request.choices]
        own = tuple(choice for choice, origin in origins if origin is None)
        yield from self._own_rows(dataclasses.replace(request, choices=own), peaks)
        for origin in dict.fromkeys(origin for _, origin in origins if origin is not None):
            theirs = tuple(choice for choice, other in origins if other == origin)
            yield from self._hosted_rows(origin, dataclasses.replace(request, choices=theirs), peaks)

    def _hosted_rows(self, origin: Origin, request: SpeedRequest, peaks: Peaks | None) -> Iterator[list[SpeedRow]]:
        """The rows of methods in a host, by size and scale; rows with an error if the host ends."""
        names = [choice.card.name for choice in request.choices]
        count = request.count(self._device)
        self._tell(f"timing {', '.join(names)} in a process of its own ({count} of {self._count} rows)")
        host = self._registry.hosts.of(origin)
        try:
            head = host.ask("speed", request, self._protocol, str(self._device), self._threads, peaks).head
            rows = [SpeedRow.model_validate(row) for row in head["rows"]]
            if any(row.method not in names for row in rows):
                raise ValueError("rows of other methods")
        except (MethodError, RemoteError, KeyError, TypeError, ValueError) as error:
            failed = {"error": str(error) or type(error).__name__}
            for size, scale in product(request.sizes, request.scales):
                ways = request.ways(scale, self._device)
                yield [
                    empty_row(choice, scale, size, mode, part).model_copy(update=failed)
                    for choice, mode, part, _ in ways
                ]
            return
        finally:
            host.close()  # state that timing leaves behind must not change a value
        for _, some in groupby(rows, key=lambda row: (row.size, row.scale)):
            yield list(some)

    def _own_rows(self, request: SpeedRequest, peaks: Peaks | None) -> Iterator[list[SpeedRow]]:
        """The rows of methods in this process, by size and scale."""
        for size in request.sizes:
            for scale in request.scales:
                contenders = list(self._prepared(request, size, scale))
                contending = {str(k): entry for k, entry in enumerate(contenders) if isinstance(entry, Contender)}
                timed = f"timing {len(contending)} of {self._count} rows, at x{scale} and {size}"
                with torch.inference_mode():
                    runs = {k: entry.run for k, entry in contending.items()}
                    counts = {k: self._runs(run, request) for k, run in runs.items()}
                    measured = in_rounds(
                        runs,
                        self._clock,
                        counts,
                        pacemaker_of(self._device),
                        settled=lambda samples: has_settled(samples, FEWEST_RUNS) if request.settle else False,
                        tell=partial(self._tell_round, timed),
                    )
                least = 1
                if measured.interrupted:
                    least, self._meter = FEWEST_RUNS, None  # its second a row is no longer waited for
                yield [
                    entry
                    if isinstance(entry, SpeedRow)
                    else self._finished(entry, measured.samples[str(k)], peaks, measured.pace)
                    for k, entry in enumerate(contenders)
                    if isinstance(entry, SpeedRow) or len(measured.samples[str(k)]) >= least
                ]
                if measured.interrupted:
                    raise KeyboardInterrupt

    def _tell_round(self, what: str, turn: int) -> None:
        self._tell(f"{what}: round {turn} of {ROUNDS}")

    def _runs(self, run: Callable[[], object], request: SpeedRequest) -> int:
        if math.isinf(request.seconds):
            return request.runs
        return affordable(run, self._clock, request.seconds, FEWEST_RUNS, request.runs)

    def _prepared(self, request: SpeedRequest, size: str, scale: int) -> Iterator[Contender | SpeedRow]:
        """Warmed-up rows, and failed rows."""
        for choice, mode, part, batch in request.ways(scale, self._device):
            self._ready += 1
            what = f"{choice.card.name} x{scale} {size} {mode} {part} batch {batch}"
            self._tell(f"warming up {what} ({self._ready} of {self._count} rows)")
            yield self._contenders.make(choice, scale, size, mode, part, batch, request)

    def _finished(self, entry: Contender, samples: list[float], peaks: Peaks | None, pace: float) -> SpeedRow:
        timing = Timing.of(samples)
        row = entry.row
        pixels = row.batch * row.lr_height * row.lr_width * row.scale**2
        share = None
        if peaks is not None and entry.work is not None and (row.part == "network" or entry.method.info.input == "lr"):
            precision = row.mode.partition("+")[0]
            size = 2 if precision in ("fp16", "bf16") else 4
            share = round(entry.work.seconds(peaks, precision, size) / (timing.median / 1e3), 4)
        energy = None
        if self._meter is not None:
            with torch.inference_mode():
                energy = round(self._meter.joules(entry.run) / row.batch, 6)
        return row.model_copy(
            update={
                "energy_j": energy,
                "pace_ms": pace,
                "median_ms": timing.median,
                "lower_quartile_ms": timing.lower_quartile,
                "upper_quartile_ms": timing.upper_quartile,
                "runs": timing.runs,
                "warm_up": entry.warm_up,
                "megapixels_per_s": pixels / timing.median / 1e3,
                "roofline": share,
            }
        )


def busy() -> str:
    """Why times will be too long: other programs use a quarter of the processor or more. Empty if they do not."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < BUSY * cores():
        return ""
    return f"the machine is busy (load {load:.1f} on {cores()} cores): times will be longer than on an idle one"


def describe_machine(device: torch.device) -> dict[str, str]:
    """Facts of the machine that affect speed: model, driver, clocks, threads, and load."""
    found = machine() | {"threads": str(torch.get_num_threads())}
    if hasattr(os, "getloadavg"):
        found["load"] = f"{os.getloadavg()[0]:.2f}"
    if device.type == "cuda":
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]
        with contextlib.suppress(OSError):
            found |= GpuMeter(device).describe()
    return found
