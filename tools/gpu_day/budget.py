"""Units of work under a time budget, each of which leaves a file: what is there is not done again."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from srbench.system.files import write_atomically

Unit = tuple[str, Callable[[], dict[str, Any] | str]]
"""A name, which is the file's, and what makes its content: plain data, or JSON text."""

AGAIN = 5.0
"""Seconds."""


class OutOfTime(KeyboardInterrupt):
    """A part's time is over; like Ctrl-C, which srbench lets through everywhere."""


class Budget:
    """A folder of results and the seconds in which it is to be filled.

    Args:
        out: the folder.
        seconds: from then on.
        began: when that was, by ``time.monotonic``; None for now.
    """

    def __init__(self, out: Path, seconds: float, began: float | None = None) -> None:
        self.out, self.seconds = out, seconds
        now = time.monotonic()
        self.starting = 0.0 if began is None else now - began
        self.end = now - self.starting + seconds
        self.parts: dict[str, dict[str, Any]] = {}
        out.mkdir(parents=True, exist_ok=True)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def path(self, unit: str) -> Path:
        """A unit's file."""
        return self.out / f"{unit}.json"

    def write(self, unit: str, content: dict[str, Any] | str) -> None:
        """A unit is done."""
        text = content if isinstance(content, str) else json.dumps(content, indent=1) + "\n"
        write_atomically(self.path(unit), text)

    def part(self, name: str, units: Iterable[Unit], share: float) -> None:
        """Do units in their order, for at most a share of all seconds; one that fails is noted and the next begins."""
        units = list(units)
        found = self.parts[name] = {"done": [], "not_reached": [], "errors": {}}
        began = time.monotonic()
        end = min(began + share * self.seconds, self.end)
        try:
            with _limit(end - began):
                for unit, make in units:
                    if self.path(unit).exists():
                        continue
                    try:
                        self.write(unit, make())
                    except Exception as error:
                        if time.monotonic() < end:  # not what the end itself made fail
                            found["errors"][unit] = f"{type(error).__name__}: {error}"
                    if time.monotonic() > end:
                        raise OutOfTime
        except OutOfTime:
            pass
        finally:
            found["done"] = [unit for unit, _ in units if self.path(unit).exists()]
            found["not_reached"] = [unit for unit, _ in units if unit not in {*found["done"], *found["errors"]}]
            found["seconds"] = round(time.monotonic() - began, 1)
            self.summarize()

    def summarize(self) -> None:
        """Write what is done, and what is not."""
        self.write(
            "summary",
            {
                "budget": self.seconds,
                "starting": round(self.starting, 1),
                "left": round(self.left, 1),
                "parts": self.parts,
            },
        )


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise :class:`OutOfTime` in this thread after so many seconds, and again where that was taken for an error."""
    if seconds <= 0:
        raise OutOfTime

    def over(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
