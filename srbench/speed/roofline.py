"""The limits of a device: copy bandwidth and rate of matrix products, and the least time for some work.

The roofline (Williams, Waterman, Patterson: Roofline, CACM 2009): no run is shorter than its arithmetic at the peak
rate, or its memory traffic at the peak bandwidth. Both are measured together with the runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from srbench.speed.timing import Clock, sample

COPY_BYTES = {"cuda": 1 << 30, "mps": 1 << 28, "cpu": 1 << 28}
MATRIX = {"cuda": 8192, "mps": 2048, "cpu": 1536}
REPEATS = 10
COUNTS = ("macs", "flops", "activations", "convolutions")
"""What of a network's work tables print."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Measured limits of a device: bytes per second, and floating-point operations per second by precision."""

    bandwidth: float
    flops: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one run.

    Attributes:
        macs: multiply-accumulates of convolutions and products, by torch's flop counter.
        values: numbers moved if each layer reads and writes its maps once, with fused activations.
        flops: as fvcore counts them: a multiply-add once, and something for normalization, pooling and resizing.
        activations: elements of the convolutions' outputs.
        convolutions: how often one is called.
        parameters: from which the output is computed; None if unknown.
    """

    macs: int
    values: int
    flops: int = 0
    activations: int = 0
    convolutions: int = 0
    parameters: int | None = None

    def repeated(self, times: int) -> Work:
        """The work of several such runs."""
        counts = {name: getattr(self, name) * times for name in COUNTS}
        return dataclasses.replace(self, values=self.values * times, **counts)

    def seconds(self, peaks: Peaks, precision: str, size: int) -> float:
        """The shortest possible time by the roofline.

        Args:
            peaks: of the device.
            precision: of the run.
            size: bytes per number.
        """
        return max(2 * self.macs / peaks.flops[precision], self.values * size / peaks.bandwidth)


def measure_peaks(device: torch.device, clock: Clock, precisions: Mapping[str, Callable[[], Any]]) -> Peaks:
    """Measure the limits of a device.

    Args:
        device: the device.
        clock: its clock.
        precisions: by name, a context that sets the precision and yields the type.
    """
    flops = {name: _product_rate(device, clock, context) for name, context in precisions.items()}
    return Peaks(_bandwidth(device, clock), flops)


def _bandwidth(device: torch.device, clock: Clock) -> float:
    source = torch.ones(COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    taken = median(sample(lambda: target.copy_(source), clock, REPEATS)[1:])
    return 2 * source.nbytes / taken * 1e3


def _product_rate(device: torch.device, clock: Clock, context: Callable[[], Any]) -> float:
    side = MATRIX[device.type]
    with context() as dtype:
        a, b = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(a)
        taken = median(sample(lambda: torch.mm(a, b, out=out), clock, REPEATS)[2:])
    return 2 * side**3 / taken * 1e3
