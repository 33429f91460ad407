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
from dataclasses import dataclass
from functools import partial
from itertools import groupby, product
from statistics import median
from typing import Literal

import torch
from torch import Tensor

from srbench.errors import MethodError, UsageError
from srbench.imaging.tensor import resize
from srbench.inference import is_out_of_memory, tiled
from srbench.isolation.host import RemoteError
from srbench.isolation.hosts import Origin
from srbench.method import LearnedMethod, Method
from srbench.models.model import ExportedWeights, FileMethod
from srbench.plugins.card import Card, Choice
from srbench.plugins.registry import Registry
from srbench.protocols.protocol import Protocol
from srbench.speed.gpu_meter import GpuMeter
from srbench.speed.memory import peak_bytes
from srbench.speed.modes import Mode, as_input, put_into, replayed
from srbench.speed.record import SpeedRow
from srbench.speed.roofline import COUNTS, Peaks, Work, measure_peaks
from srbench.speed.timing import (
    ROUNDS,
    WARM_UP_SECONDS,
    Clock,
    Timing,
    affordable,
    clock_of,
    has_settled,
    in_rounds,
    pacemaker_of,
    sample,
    warm_up,
)
from srbench.speed.work import work_of
from srbench.system.capacity import cores
from srbench.system.machine import machine

OUTPUTS = {"720p": (720, 1280), "2160p": (2160, 3840)}
MOST_BATCH = {"cuda": 256, "mps": 64, "cpu": 16}
GAIN = 1.05
"""The batch saturates the device if doubling it gains no more than this factor."""
BUSY = 0.25
"""The load a core from which others are said to disturb times."""
FEWEST_RUNS = 5
"""Least number of runs of a row with little time."""
FIRST_TILE = 1024
_SMALLEST_TILE = 64

Part = Literal["whole", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRequest:
    """What to time.

    Attributes:
        choices: methods; weights do not matter, since speed does not depend on their values.
        scales: factors.
        sizes: sides of a square LR such as ``256``, or ``720p`` and ``2160p`` for the LR of that output.
        modes: ways to run networks; those that a method or device does not support are left out.
        batches: numbers of images, or ``max`` for the batch that saturates the device.
        runs: timed runs of each row.
        parts: the whole method, and for methods that take the upsampled image also the network alone.
        seconds: time limit of a row's warm-up and of its runs, which reduces ``runs`` to five at least.
        settle: stop to time a row when its quartiles have settled.
        multi_adds: also count the multiply-adds of an output of 1280x720, as papers print them.
    """

    choices: tuple[Choice, ...]
    scales: tuple[int, ...]
    sizes: tuple[str, ...]
    modes: tuple[Mode, ...]
    batches: tuple[str, ...] = ("1",)
    runs: int = 50
    parts: tuple[Part, ...] = ("whole", "network")
    seconds: float = math.inf
    settle: bool = False
    multi_adds: bool = False

    def __post_init__(self) -> None:
        """Reject unknown sizes.

        Raises:
            UsageError: names the size.
        """
        for size in self.sizes:
            lr_size(size, 1)

    def count(self, device: torch.device) -> int:
        """How many rows there are on a device."""
        return len(self.sizes) * sum(1 for scale in self.scales for _ in self.ways(scale, device))

    def ways(self, scale: int, device: torch.device) -> Iterator[tuple[Choice, Mode, Part, str]]:
        """Method, mode, part and batch of each row of a size and scale that method and device support."""
        for choice, mode in product(self.choices, self.modes):
            if scale not in choice.card.info.scales or not mode.fits(device):
                continue
            if mode.plain or choice.card.learned:
                for part, batch in product(_parts(choice.card, self.parts), self.batches):
                    yield choice, mode, part, batch


@dataclass(slots=True)
class _Contender:
    """A row that is being measured."""

    row: SpeedRow
    run: Callable[[], object]
    work: Work | None
    method: Method
    warm_up: int


def lr_size(size: str, scale: int) -> tuple[int, int]:
    """(height, width) of the LR image of a size.

    Raises:
        UsageError: the size is unknown.
    """
    if size in OUTPUTS:
        height, width = OUTPUTS[size]
        return math.ceil(height / scale), math.ceil(width / scale)
    if not size.isdecimal() or not 16 <= int(size) <= 4096:
        raise UsageError(f"A size is the side of a square LR (16 to 4096), or {' or '.join(OUTPUTS)}; not '{size}'.")
    return int(size), int(size)


def _parts(card: Card, wanted: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts of a method: a network that takes LR is the whole method."""
    return wanted if card.learned and card.info.input == "upsampled" else ("whole",)


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
                    _row(choice, scale, size, mode, part).model_copy(update=failed) for choice, mode, part, _ in ways
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
                contending = {str(k): entry for k, entry in enumerate(contenders) if isinstance(entry, _Contender)}
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

    def _prepared(self, request: SpeedRequest, size: str, scale: int) -> Iterator[_Contender | SpeedRow]:
        """Warmed-up rows, and failed rows."""
        for choice, mode, part, batch in request.ways(scale, self._device):
            self._ready += 1
            what = f"{choice.card.name} x{scale} {size} {mode} {part} batch {batch}"
            self._tell(f"warming up {what} ({self._ready} of {self._count} rows)")
            yield self._contender(choice, scale, size, mode, part, batch, request)

    def _contender(
        self, choice: Choice, scale: int, size: str, mode: Mode, part: Part, batch: str, request: SpeedRequest
    ) -> _Contender | SpeedRow:
        info = choice.card.info
        row = _row(choice, scale, size, mode, part)
        height, width = row.lr_height, row.lr_width
        try:
            method = self._method(choice, scale, mode)
            with torch.inference_mode():
                count = self._saturating(method, scale, mode, part, (height, width)) if batch == "max" else int(batch)
                row = row.model_copy(update={"batch": count, "saturating": batch == "max"})
                run, tile = self._fitting(method, scale, mode, part, (count, *self._lr_shape(method, height, width)))
                memory = peak_bytes(run, self._device) if not mode.graph else None
                warm = warm_up(run, self._clock, min(WARM_UP_SECONDS, request.seconds))
        except (Exception, SystemExit) as error:  # a method that cannot run like this is one failed row
            reason = str(error).strip().splitlines()
            return row.model_copy(update={"error": f"{type(error).__name__}: {reason[0] if reason else ''}"})
        grown = scale if info.input == "upsampled" else 1

        def counted(images: int, height: int, width: int) -> Work | None:
            shape = (images, *self._lr_shape(method, height * grown, width * grown))
            return work_of(method, scale, shape, self._device, times=8 if choice.card.base else 1)

        work = counted(count, height, width)
        printed = counted(1, *lr_size("720p", scale)) if request.multi_adds and work else None
        row = row.model_copy(
            update={name: getattr(work, name) for name in COUNTS if work}
            | {
                "tile": tile,
                "parameters": _parameters(method, scale),
                "used_parameters": work.parameters if work else None,
                "multi_adds_720p": printed.macs if printed else None,
                "memory_mb": None if memory is None else round(memory / 1e6, 1),
            }
        )
        return _Contender(row, run, work, method, warm)

    def _method(self, choice: Choice, scale: int, mode: Mode) -> Method:
        method = self._registry.method(choice.card.name)()
        if isinstance(method, LearnedMethod):
            method.model = method.network(scale).to(self._device).eval()
        put_into(mode, method)
        return method

    def _lr_shape(self, method: Method, height: int, width: int) -> tuple[int, int, int]:
        return (3 if method.info.channels == "rgb" else 1, height, width)

    def _run(
        self, method: Method, scale: int, mode: Mode, part: Part, shape: tuple[int, int, int, int], tile: int | None
    ) -> Callable[[], object]:
        """The timed function: from LR to SR, both on the device."""
        lr = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(self._device)
        size = (shape[2] * scale, shape[3] * scale)
        upsamples = method.info.input == "upsampled"

        def upsample(x: Tensor) -> Tensor:
            p = self._protocol
            return resize(x, size=size, kernel=p.kernel, antialias=p.antialias, border=p.border)

        fixed = as_input(mode, upsample(lr) if upsamples and part == "network" else lr)

        def run() -> Tensor:
            with mode.active():
                x = as_input(mode, upsample(lr)) if upsamples and part == "whole" else fixed
                if tile is None or method.info.halo is None:
                    return method.upscale(x, scale)
                return tiled(method, x, scale, tile, method.info.halo)

        return replayed(run) if mode.graph else run

    def _fitting(
        self, method: Method, scale: int, mode: Mode, part: Part, shape: tuple[int, int, int, int]
    ) -> tuple[Callable[[], object], int | None]:
        """A run that fits into the device's memory, and the tile size if it needs tiles."""
        tile: int | None = None
        while True:
            run = self._run(method, scale, mode, part, shape, tile)
            try:
                run()
                return run, tile
            except Exception as error:
                if not is_out_of_memory(error) or method.info.halo is None or tile == _SMALLEST_TILE:
                    raise
                del run
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()
                tile = FIRST_TILE if tile is None else tile // 2

    def _saturating(self, method: Method, scale: int, mode: Mode, part: Part, size: tuple[int, int]) -> int:
        """The smallest power of two of which doubling gains no more than :data:`GAIN`."""
        best, rate = 1, 0.0
        batch = 1
        while batch <= MOST_BATCH[self._device.type]:
            try:
                run = self._run(method, scale, mode, part, (batch, *self._lr_shape(method, *size)), None)
                now = batch / median(sample(run, self._clock, 4)[1:])
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                break
            if now <= rate * GAIN:
                break
            best, rate = batch, now
            batch *= 2
        return best

    def _finished(self, entry: _Contender, samples: list[float], peaks: Peaks | None, pace: float) -> SpeedRow:
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


def _row(choice: Choice, scale: int, size: str, mode: Mode, part: Part) -> SpeedRow:
    """A row that has not been measured."""
    height, width = lr_size(size, scale)
    return SpeedRow(
        method=choice.card.name,
        scale=scale,
        size=size,
        lr_height=height,
        lr_width=width,
        part=part,
        mode=str(mode),
        batch=1,
    )


def _parameters(method: Method, scale: int) -> int:
    if isinstance(method, LearnedMethod):
        return sum(tensor.numel() for tensor in method.model.state_dict().values())  # buffers may be weights too
    return method.parameters(scale) if isinstance(method, FileMethod | ExportedWeights) else 0


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
