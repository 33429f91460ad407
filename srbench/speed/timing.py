"""The timing loop.

A GPU executes asynchronously, so each kind of device has a clock that waits for it. A loop warms up until the time is
stable before it measures.
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
"""Runs between two checks whether the warm-up is over."""
STABLE = 0.05
"""The warm-up is over when the medians of two windows differ by no more than this share."""
WARM_UP_RUNS = 60
WARM_UP_SECONDS = 5.0
ROUNDS = 10
"""Turns per row, so that quartiles include changes between turns."""
COLD = 50.0
"""Milliseconds from which a run takes so long that cold caches do not matter to it."""
SETTLED = 0.02
"""A row is settled when half of its runs have the same median and quartiles as all, but for this share."""
PACE_RUNS = 3
PACE_SHARE = 0.05
"""The pacemaker is timed between turns, by this many runs, or this share of the turn's time."""


class Clock(Protocol):
    """Times the work of a device."""

    def start(self) -> None:
        """Start, after the device has finished earlier work."""

    def stop(self) -> float:
        """Milliseconds since :meth:`start`, after the device has finished."""


class SynchronisedClock:
    """The processor's clock, read when the device has finished.

    Args:
        synchronise: waits for the device; for a CPU, does nothing.
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
    """CUDA events."""

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
    """The clock of a device."""
    if device.type == "cuda":
        return CudaClock(device)
    return SynchronisedClock(torch.mps.synchronize if device.type == "mps" else lambda: None)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one run: median and quartiles, and the number of runs."""

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


def warm_up(run: Callable[[], object], clock: Clock, seconds: float = WARM_UP_SECONDS) -> int:
    """Run until two windows in a row take the same time; returns the number of runs.

    It ends at the latest after so many seconds or :data:`WARM_UP_RUNS`: on a busy machine times are not stable.
    """
    began = time.monotonic()
    last, done = 0.0, 0
    while done < WARM_UP_RUNS:
        now = median(sample(run, clock, WINDOW))
        done += WINDOW
        if (last and abs(now - last) <= STABLE * last) or time.monotonic() - began > seconds:
            break
        last = now
    return done


def affordable(run: Callable[[], object], clock: Clock, seconds: float, least: int, most: int) -> int:
    """How many runs fit into a time, estimated by one run, within limits."""
    (taken,) = sample(run, clock, 1)
    return max(least, min(most, int(1e3 * seconds / max(taken, 1e-3))))


def has_settled(samples: list[float], least: int) -> bool:
    """Whether further runs would hardly change median and quartiles.

    Args:
        samples: milliseconds, in the order of time.
        least: the least number of runs.
    """
    if len(samples) < 2 * least:
        return False
    half, whole = Timing.of(samples[: len(samples) // 2]), Timing.of(samples)
    return all(
        abs(before - after) <= SETTLED * after
        for before, after in (
            (half.lower_quartile, whole.lower_quartile),
            (half.median, whole.median),
            (half.upper_quartile, whole.upper_quartile),
        )
    )


@dataclass(frozen=True, slots=True)
class Rounds:
    """The result of :func:`in_rounds`.

    Attributes:
        samples: milliseconds of each run by row, relative to the median pace.
        pace: the median milliseconds of the pacemaker; 0 without one.
        interrupted: whether Ctrl-C ended it before all turns.
    """

    samples: dict[str, list[float]]
    pace: float
    interrupted: bool = False


def in_rounds(
    runs: Mapping[str, Callable[[], object]],
    clock: Clock,
    counts: Mapping[str, int],
    pacemaker: Callable[[], object] | None = None,
    rounds: int = ROUNDS,
    settled: Callable[[list[float]], bool] = lambda samples: False,
    tell: Callable[[int], None] = lambda turn: None,
) -> Rounds:
    """Time several things in turn, each as often as ``counts`` says in all, a share of it in each round.

    A machine's pace drifts with temperature and other load. The pacemaker, always the same work, is timed before and
    after each turn, and the turn's times are divided by its time relative to its median. Other load affects all rows
    alike, and is part of all quartiles. The first run of each row in a round is not counted if it is a short one: its
    caches are cold. Ctrl-C ends it with what was timed until then.

    Args:
        runs: what to time, by row.
        clock: of the device.
        counts: most runs of each row.
        pacemaker: always the same work; None for none.
        rounds: how many turns each row has.
        settled: whether a row has been timed often enough, by its milliseconds so far; it then has no further turn.
        tell: called at the begin of each round with its number, from 1.
    """

    def pace(milliseconds: float) -> float:
        if pacemaker is None:
            return 1.0
        first = sample(pacemaker, clock, PACE_RUNS)
        more = min(10 * PACE_RUNS, int(PACE_SHARE * milliseconds / max(fmean(first), 1e-3))) - PACE_RUNS
        return max(fmean(first + sample(pacemaker, clock, max(more, 0))), 1e-6)  # clocks are coarse

    turns: list[tuple[str, list[float], float]] = []
    going_on = dict(runs)
    interrupted = False
    try:
        before = pace(0.0)
        for turn in range(rounds):
            tell(turn + 1)
            for name, run in list(going_on.items()):
                share = counts[name] * (turn + 1) // rounds - counts[name] * turn // rounds
                if share:
                    times = sample(run, clock, share)
                    if times[0] < COLD:
                        times = [*times[1:], *sample(run, clock, 1)]
                    after = pace(sum(times))
                    turns.append((name, times, math.sqrt(before * after)))
                    before = after
                    if settled([taken for other, many, _ in turns if other == name for taken in many]):
                        del going_on[name]
    except KeyboardInterrupt:
        interrupted = True
    usual = median(taken for *_, taken in turns) if turns else 0.0
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for name, times, taken in turns:
        samples[name] += [taken_ms * usual / taken for taken_ms in times]
    return Rounds(samples, usual if pacemaker is not None else 0.0, interrupted)


def pacemaker_of(device: torch.device) -> Callable[[], object]:
    """A small convolution, with arithmetic and memory traffic in a ratio typical of networks."""
    images, maps, side = (8, 64, 256) if device.type == "cuda" else (1, 16, 128)
    x = torch.ones(images, maps, side, side, device=device)
    weight = torch.ones(maps, maps, 3, 3, device=device)
    return lambda: torch.nn.functional.conv2d(x, weight)
