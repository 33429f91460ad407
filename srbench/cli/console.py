"""How a run looks while it goes on: bars where there is a terminal, a line a cell where there is none. On stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from srbench.bench.plan import PlannedJob
    from srbench.bench.results import CellResult, FailedCell


def stderr() -> Console:
    """The console for all that is not a result."""
    return Console(stderr=True, highlight=False)


class RunConsole:
    """Shows a run; a :class:`srbench.bench.engines.local.Watcher`."""

    def __init__(self, cells: int) -> None:
        self.console = stderr()
        self.computed = 0
        self.known = 0
        self.failed = 0
        self._cells = cells
        self._done = 0
        self._began = time.monotonic()
        self._bars: Progress | None = None
        self._run: TaskID | None = None
        self._cell: TaskID | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._run = self._bars.add_task("cells", total=self._cells)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def cell_started(self, job: PlannedJob) -> None:
        """A cell is being computed."""
        self._began = time.monotonic()
        self._begin(str(job.id), len(job.dataset.items))

    def image_done(self) -> None:
        """One image of it is done."""
        if self._bars is not None and self._cell is not None:
            self._bars.advance(self._cell)

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        """It is finished, had been finished before, or failed."""
        from srbench.bench.results import FailedCell

        self._done += 1
        self._end()
        if self._bars is not None and self._run is not None:
            self._bars.advance(self._run)
        count = f"[{self._done}/{self._cells}]"
        if isinstance(outcome, FailedCell):
            self.failed += 1
            self._say(f"[red]{escape(count)} {escape(str(job.id))}: failed: {escape(outcome.error)}[/]")
        elif known:
            self.known += 1
        else:
            self.computed += 1
            if self._bars is None:
                seconds = time.monotonic() - self._began
                values = ", ".join(f"{name} {value:.4f}" for name, value in outcome.values.items())
                self._say(escape(f"{count} {job.id}: {values} ({seconds:.1f} s)"))

    def training(self, job: PlannedJob) -> Callable[[int, int, float | None], None]:
        """Weights are being trained."""
        return self.training_of(f"{job.id.method_label} x{job.id.scale}")

    def training_of(self, label: str) -> Callable[[int, int, float | None], None]:
        """Shows the training of ``label``; returns what is to be told its steps."""
        if self._bars is None:
            self._say(escape(f"training {label} ..."))
        began = time.monotonic()

        def report(step: int, steps: int, value: float | None) -> None:
            if self._cell is None:
                self._begin(f"training {label}", steps)
            if self._bars is not None and self._cell is not None:
                self._bars.update(self._cell, completed=step)
                if value is not None:
                    self._bars.update(self._cell, description=escape(f"training {label} {value:.2f} dB"))
            if step == steps:
                self._end()
                seconds = time.monotonic() - began
                self._say(escape(f"trained {label}: {value:.2f} dB on its validation images ({seconds:.0f} s)"))

        return report

    def _begin(self, description: str, total: int) -> None:
        if self._bars is not None:
            self._cell = self._bars.add_task(escape(description), total=total)

    def _end(self) -> None:
        if self._bars is not None and self._cell is not None:
            self._bars.remove_task(self._cell)
        self._cell = None

    def _say(self, markup: str) -> None:
        self.console.print(markup, soft_wrap=True)
