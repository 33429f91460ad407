"""The timing loop: how long a device takes, not how long it takes to ask it.

A GPU is given work and answers at once; a clock that does not wait for it measures the queue. So each kind of device
has a clock of its own, and a loop warms up until the time is stable before it counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Protocol

import numpy as np
import torch

WINDOW = 3
"""Runs between two looks at whether the warm-up is over."""
STABLE = 0.05
"""The warm-up is over when the medians of two windows differ by no more than this share."""
WARM_UP_RUNS = 60
WARM_UP_SECONDS = 5.0
ROUNDS = 10
"""Turns that each row gets: its quartiles hold what changes from one to the next."""
PACE_RUNS = 3
PACE_SHARE = 0.05
"""The machine's pace is taken between two turns, by this many runs, or this share of the turn's time."""


class Clock(Protocol):
    """Times what a device does."""

    def start(self) -> None:
        """Begin, once the device has done all that it was given before."""

    def stop(self) -> float:
        """Milliseconds since :meth:`start`, once the device is done."""


class SynchronisedClock:
    """The processor's clock, read when the device is done.

    Args:
        synchronise: returns when the device has done all that it was given; for a CPU, at once.
    """

    def __init__(self, synchronise: Callable[[], object] = lambda: None) -> None:
        self._synchronise = synchronise
        self._began = 0.0

    def start(self) -> None:
        """Begin."""
        self._synchronise()
        self._began = time.perf_counter()

    def stop(self) -> float:
        """Milliseconds since the start."""
        self._synchronise()
        return 1000.0 * (time.perf_counter() - self._began)


class CudaClock:
    """Events that the GPU itself stamps as it passes them."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with torch.cuda.device(device):
            self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]

    def start(self) -> None:
        """Begin."""
        torch.cuda.synchronize(self._device)
        self._events[0].record(torch.cuda.current_stream(self._device))

    def stop(self) -> float:
        """Milliseconds between the two events."""
        self._events[1].record(torch.cuda.current_stream(self._device))
        self._events[1].synchronize()
        elapsed: float = self._events[0].elapsed_time(self._events[1])
        return elapsed


def clock_of(device: torch.device) -> Clock:
    """The clock that fits a device."""
    if device.type == "cuda":
        return CudaClock(device)
    return SynchronisedClock(torch.mps.synchronize if device.type == "mps" else lambda: None)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one run: median and quartiles of all, and how many there were."""

    median: float
    lower_quartile: float
    upper_quartile: float
    runs: int

    @classmethod
    def of(cls, samples: list[float]) -> Timing:
        """Summarise samples in ms."""
        lower, middle, upper = (float(q) for q in np.percentile(samples, (25, 50, 75)))
        return cls(middle, lower, upper, len(samples))


def sample(run: Callable[[], object], clock: Clock, count: int) -> list[float]:
    """Milliseconds of each of ``count`` runs."""
    times = []
    for _ in range(count):
        clock.start()
        run()
        times.append(clock.stop())
    return times


def warm_up(run: Callable[[], object], clock: Clock) -> int:
    """Run until two windows in a row take the same time; returns the number of runs.

    It ends after :data:`WARM_UP_SECONDS` or :data:`WARM_UP_RUNS` at the latest: on a busy machine nothing is stable.
    """
    began = time.monotonic()
    last, done = 0.0, 0
    while done < WARM_UP_RUNS:
        now = median(sample(run, clock, WINDOW))
        done += WINDOW
        if (last and abs(now - last) <= STABLE * last) or time.monotonic() - began > WARM_UP_SECONDS:
            break
        last = now
    return done


def affordable(run: Callable[[], object], clock: Clock, seconds: float, least: int, most: int) -> int:
    """How many runs fit into a time, judged by one of them, within limits."""
    (taken,) = sample(run, clock, 1)
    return max(least, min(most, int(1e3 * seconds / max(taken, 1e-3))))


@dataclass(frozen=True, slots=True)
class Rounds:
    """What :func:`in_rounds` found.

    Attributes:
        samples: milliseconds of each run, by row, at the machine's usual pace.
        pace: milliseconds of the pacemaker at that pace; 0 without one.
    """

    samples: dict[str, list[float]]
    pace: float


def in_rounds(
    runs: Mapping[str, Callable[[], object]],
    clock: Clock,
    counts: Mapping[str, int],
    pacemaker: Callable[[], object] | None = None,
    rounds: int = ROUNDS,
) -> Rounds:
    """Time several things in turn, each as often as ``counts`` says in all, a share of it in each round.

    A machine's pace drifts: clocks heat up, neighbours come and go. The pacemaker, always the same work, is timed
    before and after each turn, and the turn's times are divided by what it took, over what it usually takes. What else
    the machine does meets all rows alike, and stands in everybody's quartiles. The first run of each in a round is not
    counted: the others have taken the caches.
    """

    def pace(milliseconds: float) -> float:
        if pacemaker is None:
            return 1.0
        first = sample(pacemaker, clock, PACE_RUNS)
        more = min(10 * PACE_RUNS, int(PACE_SHARE * milliseconds / max(fmean(first), 1e-3))) - PACE_RUNS
        return max(fmean(first + sample(pacemaker, clock, max(more, 0))), 1e-6)  # clocks are coarse

    turns: list[tuple[str, list[float], float]] = []
    before = pace(0.0)
    for turn in range(rounds):
        for name, run in runs.items():
            share = counts[name] * (turn + 1) // rounds - counts[name] * turn // rounds
            if share:
                times = sample(run, clock, share + 1)
                after = pace(sum(times))
                turns.append((name, times[1:], math.sqrt(before * after)))
                before = after
    usual = median(taken for *_, taken in turns) if turns else 0.0
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for name, times, taken in turns:
        samples[name] += [taken_ms * usual / taken for taken_ms in times]
    return Rounds(samples, usual if pacemaker is not None else 0.0)


def pacemaker_of(device: torch.device) -> Callable[[], object]:
    """A small convolution: arithmetic and memory in about the share that networks have them."""
    images, maps, side = (8, 64, 256) if device.type == "cuda" else (1, 16, 128)
    x = torch.ones(images, maps, side, side, device=device)
    weight = torch.ones(maps, maps, 3, 3, device=device)
    return lambda: torch.nn.functional.conv2d(x, weight)
