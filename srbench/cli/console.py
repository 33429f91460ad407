"""Shows the progress of a run on stderr: bars on a terminal, otherwise a line per cell."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.markup import escape

from srbench.system.console import counting_bars, make_console
from srbench.system.text import echo

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from srbench.bench.plan import PlannedJob
    from srbench.bench.results import CellResult, FailedCell
    from srbench.training.job import Training
    from srbench.training.progress import Report, TrainingProgress

BAR = 12
"""The width of a training's bar, which says more in words than those of cells."""
_ON_TERMINAL = 2
"""Most values of a cell on a terminal's line; lines in a log have them all."""


def stderr() -> Console:
    """The console for everything but results."""
    return make_console(stderr=True, highlight=False)


class RunConsole:
    """Shows the progress of a run; a :class:`srbench.bench.interfaces.Watcher`."""

    def __init__(self, cells: int, what: str = "cells") -> None:
        self.console = stderr()
        self.computed = 0
        self.known = 0
        self.failed = 0
        self._cells = cells
        self._what = what
        self._done = 0
        self._began: dict[str, float] = {}
        self._bars: Bars | None = None
        self._run: TaskID | None = None
        self._under_way: dict[str, TaskID] = {}  # bars of running cells and trainings

    @property
    def has_bars(self) -> bool:
        """Whether bars are shown."""
        return self._bars is not None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            # a training says itself how long it takes
            self._bars = counting_bars(self.console, *((40, True) if self._what == "cells" else (BAR, False)))
            self._run = self._bars.add_task(self._what, total=self._cells)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def cell_started(self, job: PlannedJob) -> None:
        """A cell is being computed."""
        self._began[str(job.id)] = time.monotonic()
        self.begin(str(job.id), len(job.dataset.items))

    def image_done(self, job: PlannedJob) -> None:
        """One image of a cell is done."""
        if self._bars is not None and str(job.id) in self._under_way:
            self._bars.advance(self._under_way[str(job.id)])

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        """A cell is finished, was finished before, or failed."""
        from srbench.bench.results import FailedCell

        self._done += 1
        self.end(str(job.id))
        self.advance()
        count = f"[{self._done}/{self._cells}]"
        if isinstance(outcome, FailedCell):
            self.failed += 1
            self.say(f"[red]{escape(count)} {escape(str(job.id))}: failed: {escape(outcome.error)}[/]")
        elif known:
            self.known += 1
        else:
            self.computed += 1
            seconds = time.monotonic() - self._began.get(str(job.id), time.monotonic())
            shown = list(outcome.values.items())[: _ON_TERMINAL if self.has_bars else None]
            values = ", ".join(f"{name} {value:.4f}" for name, value in shown)
            line, took = f"{count} {job.id}: {values}", f" ({seconds:.1f} s)"
            fits = not self.has_bars or len(line + took) <= self.console.width
            self.say(escape(line + took if fits else line))

    def training(self, training: Training) -> Report:
        """Weights are being trained; returns what to call with the progress."""
        if training.recipe.test_data:
            names = ", ".join(training.recipe.test_data)
            self.say(
                f"note: {training} trains on test images ({names}): its values on them are meaningless", markup=False
            )
        return TrainingLine(self, str(training)).report

    def training_ended(self, training: Training) -> None:
        """Weights are trained, or that failed."""
        self.end(f"training {training}")

    def training_failed(self, training: Training) -> None:
        """A training failed, or the one that it starts from."""
        stage: Training | None = training
        while stage is not None:
            self.training_ended(stage)
            stage = stage.after
        self.say(f"training {training}: failed", markup=False)

    def waiting(self, what: str) -> None:
        """The run waits for another process."""
        self.say(f"waiting for another process: {what}", markup=False)

    def output(self, text: str) -> None:
        """A worker printed text."""
        self.say(text, markup=False)

    def begin(self, name: str, total: int, unit: str = "") -> None:
        """Show a bar."""
        self.end(name)
        if self._bars is not None:
            self._under_way[name] = self._bars.add_task(name, total=total, unit=unit)

    def move(self, name: str, description: str, completed: int) -> bool:
        """Update a bar; False if there are no bars."""
        if self._bars is None or name not in self._under_way:
            return False
        self._bars.update(self._under_way[name], completed=completed, description=description)
        return True

    def end(self, name: str) -> None:
        """Remove a bar."""
        bar = self._under_way.pop(name, None)
        if self._bars is not None and bar is not None:
            self._bars.remove_task(bar)

    def advance(self) -> None:
        """Advance the main bar by one."""
        if self._bars is not None and self._run is not None:
            self._bars.advance(self._run)

    def result(self, text: object) -> None:
        """Print a line of results on stdout, not onto a bar."""
        if self._bars is not None:
            self._bars.stop()
        echo(text)
        if self._bars is not None:
            self._bars.start()

    def say(self, text: str, *, markup: bool = True) -> None:
        """Print a line."""
        self.console.print(text, soft_wrap=True, markup=markup)


class TrainingLine:
    """Shows the progress of one training, as a bar or as lines."""

    LINE_EVERY = 30.0
    """Seconds between lines, without a terminal."""

    def __init__(self, console: RunConsole, label: str) -> None:
        self.console = console
        self.label = label
        self._name = f"training {label}"
        self._first: TrainingProgress | None = None
        self._began = self._spoke = time.monotonic()

    def report(self, progress: TrainingProgress) -> None:
        """Show the progress."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._began, self._spoke = progress, now, now
            self.console.begin(self._name, progress.steps, "batches")
            if progress.step:
                self.console.say(escape(f"training {self.label}: resumes after batch {progress.step}"))
            elif not self.console.has_bars:
                self.console.say(escape(f"training {self.label} ..."))
        if progress.step >= progress.steps:
            self.console.end(self._name)
            best = f"{progress.best:.2f} dB" if progress.best is not None else "done"
            seconds = now - self._began
            self.console.say(escape(f"trained {self.label}: {best} on its validation images ({seconds:.0f} s)"))
            return
        words = self.words(progress, now)
        if not self.console.move(self._name, self.on_bar(words, progress.steps), progress.step) and (
            now - self._spoke > self.LINE_EVERY
        ):
            self._spoke = now
            batch = f"batch {progress.step:,} of {progress.steps:,}"
            self.console.say(escape(f"training {self.label}: {', '.join([*words.values(), batch])}"))

    def words(self, progress: TrainingProgress, now: float) -> dict[str, str]:
        """Time left, rate, loss and PSNR, as far as known."""
        assert self._first is not None
        parts = {}
        done, seconds = progress.step - self._first.step, now - self._began
        if done and seconds > 0:
            left = (progress.steps - progress.step) * seconds / done
            parts = {"left": f"{duration(left)} left", "rate": f"{done / seconds:.3g} batches/s"}
        if progress.loss is not None:
            parts["loss"] = f"loss {progress.loss:.3g}"
        if progress.psnr is not None:
            parts["psnr"] = f"{progress.psnr:.2f} dB"
        return parts

    def on_bar(self, words: Mapping[str, str], steps: int) -> str:
        """What fits on a line beside the bar: the loss does not, the rate seldom, and a long label loses its middle."""
        room = self.console.console.width - BAR - len(f" {steps}/{steps} batches ")
        for shown in (("left", "rate", "psnr"), ("left", "psnr")):
            text = ", ".join(words[name] for name in shown if name in words)
            if len(self.label) + len(text) + 2 <= room:
                break
        space = max(room - len(text) - 2, 8)
        label = self.label if len(self.label) <= space else f"{self.label[: space - 4]}…{self.label[-3:]}"  # … x2
        return f"{label}: {text}" if text else label


def duration(seconds: float) -> str:
    """``42 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
