"""Makes a row ready to be timed: the method, its input on the device, the batch, tiles that fit, and a warm-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from srbench.imaging.tensor import resize
from srbench.inference import is_out_of_memory, tiled
from srbench.method import LearnedMethod, Method
from srbench.models.model import ExportedWeights, FileMethod
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.protocols.protocol import Protocol
from srbench.speed.memory import peak_bytes
from srbench.speed.modes import Mode, as_input, put_into, replayed
from srbench.speed.record import SpeedRow
from srbench.speed.request import Part, SpeedRequest, empty_row, lr_size
from srbench.speed.roofline import COUNTS, Work
from srbench.speed.timing import WARM_UP_SECONDS, Clock, sample, warm_up
from srbench.speed.work import work_of

MOST_BATCH = {"cuda": 256, "mps": 64, "cpu": 16}
GAIN = 1.05
"""The batch saturates the device if doubling it gains no more than this factor."""
FIRST_TILE = 1024
_SMALLEST_TILE = 64


@dataclass(slots=True)
class Contender:
    """A row that is ready to be timed."""

    row: SpeedRow
    run: Callable[[], object]
    work: Work | None
    method: Method
    warm_up: int


class Contenders:
    """Makes rows ready on a device.

    Args:
        registry: the methods.
        protocol: its resizer upsamples LR for methods that need it.
        device: where to run.
        clock: the device's.
    """

    def __init__(self, registry: Registry, protocol: Protocol, device: torch.device, clock: Clock) -> None:
        self._registry = registry
        self._protocol = protocol
        self._device = device
        self._clock = clock

    def make(
        self, choice: Choice, scale: int, size: str, mode: Mode, part: Part, batch: str, request: SpeedRequest
    ) -> Contender | SpeedRow:
        """A row that is ready to be timed, or one that failed."""
        info = choice.card.info
        row = empty_row(choice, scale, size, mode, part)
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
        return Contender(row, run, work, method, warm)

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


def _parameters(method: Method, scale: int) -> int:
    if isinstance(method, LearnedMethod):
        return sum(tensor.numel() for tensor in method.model.state_dict().values())  # buffers may be weights too
    return method.parameters(scale) if isinstance(method, FileMethod | ExportedWeights) else 0
