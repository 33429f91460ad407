"""Carries out tasks in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from srbench.bench.task import Event, Outcome, Task
from srbench.bench.workbench import Workbench


class InProcess:
    """An :class:`srbench.bench.engine.Executor` with room for one task.

    Args:
        workbench: does the work.
        hear: told what a task tells.
    """

    def __init__(self, workbench: Workbench, hear: Callable[[Task, Event], None]) -> None:
        self._workbench = workbench
        self._hear = hear
        self._task: Task | None = None

    def has_room(self) -> bool:
        """Whether no task waits to be carried out."""
        return self._task is None

    def start(self, task: Task) -> None:
        """Take on a task."""
        self._task = task

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Carry it out; it takes the time that it takes."""
        assert self._task is not None
        task, self._task = self._task, None
        return task, self._workbench.carry_out(task, lambda event: self._hear(task, event))

    def close(self, *, interrupted: bool) -> None:
        """Nothing is left to be ended."""
