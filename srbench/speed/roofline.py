"""The limits of a device: copy bandwidth and rate of matrix products, and the work of a network.

The roofline (Williams, Waterman, Patterson: Roofline, CACM 2009): no run is shorter than its arithmetic at the peak
rate, or its memory traffic at the peak bandwidth. Both are measured together with the runs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from srbench.speed.timing import Clock, sample

COPY_BYTES = {"cuda": 1 << 30, "mps": 1 << 28, "cpu": 1 << 28}
MATRIX = {"cuda": 8192, "mps": 2048, "cpu": 1536}
REPEATS = 10


@dataclass(frozen=True, slots=True)
class Peaks:
    """Measured limits of a device: bytes per second, and floating-point operations per second by precision."""

    bandwidth: float
    flops: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one run.

    Attributes:
        macs: multiply-accumulates, by torch's flop counter.
        values: numbers moved if each layer reads and writes its maps once, with fused activations.
    """

    macs: int
    values: int

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


def count_work(network: nn.Module, x: tuple[int, ...]) -> Work:
    """The work of a network's convolutions and products for an input shape; nothing is computed."""
    network = copy.deepcopy(network).to("meta").eval()
    counter = _Counter()
    with torch.no_grad(), counter:
        network(torch.empty(x, device="meta"))
    return Work(counter.macs, counter.values)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func._overloadpacket
        if packet in flop_registry:
            self.macs += flop_registry[packet](*args, **kwargs, out_val=out) // 2
            tensors = [arg for arg in args if isinstance(arg, Tensor)] + [out]
            self.values += sum(tensor.numel() for tensor in tensors)
        return out
