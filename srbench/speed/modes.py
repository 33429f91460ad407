"""Modes of running a network: precision, memory layout, compilation, CUDA graphs.

A mode is written as features joined by ``+``: ``fp32``, ``bf16+channels_last``, ``fp16+channels_last+graph``. Quality
is measured only in ``fp32``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from srbench.errors import UsageError
from srbench.method import LearnedMethod, Method
from srbench.system.names import unknown

PRECISIONS: Final = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
FEATURES: Final = ("channels_last", "compiled", "graph")
DEFAULTS: Final = {
    "cpu": ("fp32", "fp32+channels_last", "bf16+channels_last"),
    "mps": ("fp32", "fp16"),
    "cuda": (
        "fp32",
        "tf32",
        "tf32+channels_last",
        "fp16",
        "fp16+channels_last",
        "bf16+channels_last",
        "fp16+channels_last+compiled",
        "fp32+graph",
        "fp16+channels_last+graph",
    ),
}


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of running a network."""

    precision: str = "fp32"
    channels_last: bool = False
    compiled: bool = False
    graph: bool = False

    def __str__(self) -> str:
        return "+".join((self.precision, *(feature for feature in FEATURES if getattr(self, feature))))

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights and images."""
        return PRECISIONS[self.precision]

    @property
    def plain(self) -> bool:
        """Whether methods without a network can run like this."""
        return self.dtype == torch.float32 and not (self.channels_last or self.compiled)

    def fits(self, device: torch.device) -> bool:
        """Whether a device supports it."""
        return device.type == "cuda" or (self.precision != "tf32" and not self.graph)

    @contextlib.contextmanager
    def active(self) -> Iterator[torch.dtype]:
        """A context in which products of float32 are computed in float32, or in TF32 if the mode says so."""
        matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, conv.allow_tf32
        matmul.allow_tf32 = conv.allow_tf32 = self.precision == "tf32"
        try:
            yield self.dtype
        finally:
            matmul.allow_tf32, conv.allow_tf32 = before


def parse_mode(text: str) -> Mode:
    """A mode from its name.

    Raises:
        UsageError: a feature is unknown, or repeated.
    """
    first, *rest = text.split("+")
    if first not in PRECISIONS:
        raise unknown("precision", first, PRECISIONS)
    for feature in rest:
        if feature not in FEATURES:
            raise unknown("feature of a mode", feature, FEATURES)
    if len(set(rest)) < len(rest):
        raise UsageError(f"Mode '{text}' names a feature twice.")
    return Mode(first, **dict.fromkeys(rest, True))


def put_into(mode: Mode, method: Method) -> None:
    """Convert a method's network to the precision and layout of a mode, and compile it if the mode says so."""
    if not isinstance(method, LearnedMethod):
        return
    model = method.model.to(mode.dtype)
    if mode.channels_last:
        model = model.to(memory_format=torch.channels_last)
    if mode.compiled:
        model.compile(dynamic=False)
    method.model = model


def as_input(mode: Mode, x: Tensor) -> Tensor:
    """An image batch in the precision and layout of a mode."""
    x = x.to(mode.dtype)
    return x.contiguous(memory_format=torch.channels_last) if mode.channels_last else x


def replayed(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Capture a run as a CUDA graph; returns a function that replays it, without the overhead of launching kernels."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = run()

    def replay() -> Tensor:
        graph.replay()
        return out

    return replay
