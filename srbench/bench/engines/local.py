"""Executes tasks in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from srbench.bench.task import Event, Outcome, Task
from srbench.bench.workbench import Workbench


class InProcess:
    """An :class:`srbench.bench.interfaces.Executor` with room for one task.

    Args:
        workbench: executes the tasks.
        on_event: called with each event of a task.
    """

    def __init__(self, workbench: Workbench, on_event: Callable[[Task, Event], None]) -> None:
        self._workbench = workbench
        self._on_event = on_event
        self._task: Task | None = None

    def has_room(self) -> bool:
        """Whether no task is waiting."""
        return self._task is None

    def slots(self) -> int:
        """One."""
        return 1

    def start(self, task: Task) -> None:
        """Take on a task."""
        self._task = task

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Execute the task, whatever the timeout."""
        assert self._task is not None
        task, self._task = self._task, None
        return task, self._workbench.carry_out(task, lambda event: self._on_event(task, event))

    def close(self, *, interrupted: bool) -> None:
        """Nothing to end."""
