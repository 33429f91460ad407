"""Runs a method with its weights at one scale, image by image: in this process, or in a host."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.errors import MethodError
from srbench.inference import Output, super_resolve
from srbench.isolation.host import Host, HostError, Reply
from srbench.isolation.state import State
from srbench.isolation.watch import Reads, Watch
from srbench.method import Method, MethodInfo
from srbench.system.factors import Factor, times


@dataclass(frozen=True, slots=True)
class Account:
    """What was observed while a method ran.

    Attributes:
        reads: what it read besides its source; None for srbench's own methods.
        notes: what it did that a method must not do, in words.
    """

    reads: Reads | None = None
    notes: tuple[str, ...] = ()


class Runner(Protocol):
    """Runs a method."""

    @property
    def info(self) -> MethodInfo:
        """What the method declares."""

    def run(self, planes: NDArray[np.float32], scale: Factor) -> Output:
        """Super-resolve one image, (C, h, w) in [0, 1].

        Raises:
            MethodError: the method broke its contract, or raised.
        """

    def close(self) -> Account:
        """Free the method, and return what was observed."""


@dataclass(slots=True)
class HostedRunner:
    """A method in a host.

    Args:
        host: of the method's origin.
        info: the method.
        scale: the scale.
        weights: the file, for a learned method.
        device: its name.
        threads: CPU threads of torch.
    """

    host: Host
    info: MethodInfo
    scale: Factor
    weights: Path | None
    device: str
    threads: int
    _is_open: bool = field(default=False, init=False)

    def open(self, source: str) -> None:
        """Make the method.

        Args:
            source: the hash of its code as planned.

        Raises:
            MethodError: the code has changed since the plan was made.
            SrbenchError, RemoteError: the method could not be made.
        """
        weights = None if self.weights is None else self.weights.absolute()
        made = self.host.ask("make", self.info.name, self.scale, weights, self.device, self.threads)
        if made.head.get("source") != source:
            self.host.kill()
            raise MethodError(f"the code of {self.info.name} was changed while the run was going on; run again")
        self._is_open = True

    def run(self, planes: NDArray[np.float32], scale: Factor) -> Output:
        """Super-resolve one image in the host; the reply is checked."""
        grown = 1 if self.info.input == "upsampled" else scale
        shape = (planes.shape[0], times(planes.shape[1], grown), times(planes.shape[2], grown))
        answer = self.host.ask("run", planes, scale, most=math.prod(shape))
        return _checked(answer, shape, self.info.name, scale)

    def close(self) -> Account:
        """Close the method in the host, and ask what it read."""
        if not self._is_open or not self.host.is_running:
            return Account()
        self._is_open = False
        head = self.host.ask("close").head
        try:
            reads = Reads.from_json(head["reads"])
            notes = tuple(str(note)[:200] for note in head["notes"][:50])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise HostError("sent an invalid message") from None
        if reads or notes:  # state would leak into the next cell, and files would not be read again
            self.host.close()
        return Account(reads, notes)


def _checked(answer: Reply, shape: tuple[int, int, int], name: str, scale: Factor) -> Output:
    """The image in a host's reply.

    Raises:
        MethodError: there is none, or not of that shape.
    """
    tile = answer.head.get("tile")
    if len(answer.arrays) != 1 or answer.arrays[0].dtype != np.float32 or not isinstance(tile, int | None):
        raise MethodError(f"{name}'s process sent no image")
    planes = answer.arrays[0]
    if planes.shape != shape or not np.isfinite(planes).all():
        raise MethodError(f"{name}'s process gave an image of shape {planes.shape} where {shape} is due at x{scale}")
    return Output(planes, tile)


@dataclass(slots=True)
class LocalRunner:
    """A method in this process.

    Args:
        method: made, with its weights.
        device: where it computes.
        watch: records what it reads, for third-party methods.
        state: the shared state before it was made, for third-party methods; it is restored at the end.
    """

    method: Method
    device: torch.device
    watch: Watch | None = None
    state: State | None = None
    _notes: dict[str, None] = field(default_factory=dict, init=False)

    @property
    def info(self) -> MethodInfo:
        """What the method declares."""
        return self.method.info

    def run(self, planes: NDArray[np.float32], scale: Factor) -> Output:
        """Super-resolve one image."""
        before = planes.copy() if self.watch is not None else planes
        with self.watch or contextlib.nullcontext(), _no_exit():
            output = super_resolve(self.method, planes, scale, self.device)
        if self.watch is not None and not np.array_equal(before, planes):
            self._notes["writes into its input"] = None
            planes[...] = before
        return output

    def close(self) -> Account:
        """Close the method."""
        with self.watch or contextlib.nullcontext():
            self.method.close()
        if self.watch is None or self.state is None:
            return Account()
        for change in self.state.changes():
            self._notes[f"changes {change}"] = None
        self.state.restore()
        return Account(self.watch.reads, tuple(self._notes))


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """Make ``os._exit`` raise: it would end the run without a message."""
    end = os._exit

    def refused(status: int) -> NoReturn:
        raise SystemExit(status)

    os._exit = refused
    try:
        yield
    finally:
        os._exit = end
