"""A cell that is computed in parts, by whoever has room."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from srbench.bench.part import Part, Span
from srbench.bench.task import CellTask, Failure, Outcome


class Parted:
    """Hands out the parts of a cell, and has them put together once all are there.

    What comes of it is what comes of the whole cell: of several parts that fail, the first of the data set's order
    counts.

    Args:
        task: the whole cell.
        spans: its parts, in the data set's order.
    """

    def __init__(self, task: CellTask, spans: Sequence[Span]) -> None:
        self._task = task
        self._spans = tuple(spans)
        self._waiting = deque(spans)
        self._running = 0
        self._ended: dict[Span, Outcome] = {}

    def next(self) -> CellTask | None:
        """The next part to compute, or the task that puts them together; None while there is nothing to start."""
        if self._waiting:
            self._running += 1
            return replace(self._task, span=self._waiting.popleft())
        parts = tuple(part for span in self._spans if isinstance(part := self._ended.get(span), Part))
        if self._running or len(parts) < len(self._spans):
            return None
        self._running += 1
        return replace(self._task, parts=parts)

    def end(self, task: CellTask, outcome: Outcome) -> Outcome | None:
        """What came of the cell once that is known; None before."""
        self._running -= 1
        if task.parts:
            return outcome
        assert task.span is not None
        assert isinstance(outcome, Part | Failure)
        self._ended[task.span] = outcome
        if isinstance(outcome, Failure):  # what is behind it decides nothing any more
            self._waiting = deque(span for span in self._waiting if span < task.span)
        failures = [span for span, ended in self._ended.items() if isinstance(ended, Failure)]
        return self._ended[min(failures)] if failures and not self._waiting and not self._running else None
