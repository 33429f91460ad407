"""What the engine needs from outside: a watcher that is told about a run, and an executor that runs tasks."""

from __future__ import annotations

from typing import Protocol

from srbench.bench.plan import PlannedJob
from srbench.bench.results import CellResult, FailedCell
from srbench.bench.task import Outcome, Task
from srbench.training.job import Training
from srbench.training.progress import Report


class Watcher(Protocol):
    """Is told about the progress of a run."""

    def cell_started(self, job: PlannedJob) -> None:
        """A cell is being computed; several may be at a time."""

    def image_done(self, job: PlannedJob) -> None:
        """One image of a cell is done."""

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        """A cell is finished (``known``: it was before) or failed."""

    def training(self, training: Training) -> Report:
        """Weights are being trained; returns what to call with the progress."""

    def training_ended(self, training: Training) -> None:
        """Weights are trained, or that failed."""

    def waiting(self, what: str) -> None:
        """The run waits for another process that does the same."""

    def output(self, text: str) -> None:
        """A worker printed text."""


class Executor(Protocol):
    """Runs tasks somewhere."""

    def has_room(self) -> bool:
        """Whether another task can be started."""

    def slots(self) -> int:
        """How many tasks it runs at a time."""

    def start(self, task: Task) -> None:
        """Start a task."""

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Wait until a task ends; None if none has after ``timeout`` seconds."""

    def close(self, *, interrupted: bool) -> None:
        """End all tasks; trainings save their checkpoints."""
