"""How a run looks to Python while it goes on: one line on stderr that is written over, or nothing."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self

from srbench.bench.plan import PlannedJob
from srbench.bench.results import CellResult, FailedCell
from srbench.system.text import echo, printable
from srbench.training.job import Training
from srbench.training.progress import Report, TrainingProgress


def is_watched() -> bool:
    """Whether somebody sees stderr: at a terminal, or in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Silent:
    """A :class:`srbench.bench.interfaces.Watcher` that says nothing."""

    def cell_started(self, job: PlannedJob) -> None:
        """A cell is being computed."""

    def image_done(self, job: PlannedJob) -> None:
        """One image of it is done."""

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        """It is finished or failed."""

    def training(self, training: Training) -> Report:
        """Weights are being trained."""
        return lambda progress: None

    def training_ended(self, training: Training) -> None:
        """They are trained, or that failed."""

    def waiting(self, what: str) -> None:
        """Another process is at the same thing."""

    def output(self, text: str) -> None:
        """What a worker printed."""


class StatusLine(Silent):
    """One line: how many cells are done, and what is being worked on. It is gone when the run is over.

    Args:
        cells: how many there are.
    """

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._done = 0
        self._shown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def cell_started(self, job: PlannedJob) -> None:
        """Show it."""
        self._show(str(job.id))

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        """Count it."""
        self._done += 1
        if not known:
            self._show(str(job.id))

    def training(self, training: Training) -> Report:
        """Show how far it is."""

        def report(progress: TrainingProgress) -> None:
            self._show(f"training {training}: {progress.step} of {progress.steps}")

        return report

    def waiting(self, what: str) -> None:
        """Show for what."""
        self._show(f"waiting for another process at {what}")

    def output(self, text: str) -> None:
        """Let it stand, above the line."""
        self._write("")
        echo(text, err=True)

    def _show(self, what: str) -> None:
        self._write(f"[{self._done}/{self._cells}] {what}")

    def _write(self, text: str) -> None:
        text = printable(text)[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + text.ljust(self._shown) + ("" if text else "\r"))
        sys.stderr.flush()
        self._shown = len(text)
