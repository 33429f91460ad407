"""The cells of a run that are still to be started, and how long they are expected to take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from srbench.bench.costs import Costs
from srbench.bench.options import Options
from srbench.bench.part import Part, Span
from srbench.bench.plan import PlannedJob
from srbench.bench.results import CellResult, Computed
from srbench.bench.schedule import longest_first, spans, workers_for
from srbench.bench.task import CellTask, Outcome
from srbench.training.job import Training

STEP = 0.02
"""Seconds that a batch of a training is expected to take."""
TRAINING = 1e6
"""Seconds that a cell counts as longer than others if its weights are to be trained: it is started first."""


class Workload:
    """What is left to be started, in its order.

    Args:
        jobs: the cells of the plan.
        options: of the run.
    """

    def __init__(self, jobs: Sequence[PlannedJob], options: Options) -> None:
        self._jobs = jobs
        self._options = options
        self._costs = Costs(options.device)
        self._left = dict.fromkeys(range(len(jobs)), 0.0)  # an ordered set, with the seconds of each once it is sorted
        self._seconds = 0.0  # of all that is left, once it is sorted
        self._since: dict[tuple[str, Span | None], float] = {}  # when the work on a cell, or a part of it, began

    def __iter__(self) -> Iterator[int]:
        """The indices of cells, as they are now."""
        return iter(list(self._left))

    def __bool__(self) -> bool:
        return bool(self._left)

    def remove(self, index: int) -> None:
        """A cell is started, or known."""
        self._seconds -= self._left.pop(index)

    def workers(self, gpus: int) -> int:
        """How many worker processes it is worth.

        Args:
            gpus: how many are used.
        """
        due = {training.file_name: training for index in self._left if (training := self._due(self._jobs[index]))}
        steps = sum(training.recipe.steps for training in due.values())
        seconds = sum(self._costs.of(self._jobs[index]) for index in self._left)
        return workers_for(seconds + STEP * steps, self._options.threads, gpus)

    def sort(self) -> None:
        """Put it in the order in which several workers start it."""
        jobs = {index: self._jobs[index] for index in self._left}
        seconds = {index: self._costs.of(job) for index, job in jobs.items()}
        first = {index: seconds[index] + (TRAINING if self._due(job) else 0.0) for index, job in jobs.items()}
        self._left = {index: seconds[index] for index in longest_first(jobs, first)}
        self._seconds = sum(seconds.values())

    def spans(self, task: CellTask, slots: int) -> Sequence[Span]:
        """The parts that a cell is to be computed in, which was removed.

        Args:
            task: the cell.
            slots: how many tasks run at a time.
        """
        return spans(len(task.job.dataset.items), self._costs.of(task.job), self._seconds, slots)

    def began(self, task: CellTask) -> None:
        """The work on a cell, or a part of it, begins."""
        self._since[task.key, task.span] = time.monotonic()

    def ended(self, task: CellTask, outcome: Outcome) -> None:
        """It ended: how long it took is recorded."""
        began = self._since.pop((task.key, task.span), None)
        done = outcome.cell if isinstance(outcome, Computed) else outcome
        if began is not None and isinstance(done, CellResult | Part):
            self._costs.learn(task.job, len(done.images), time.monotonic() - began)

    def save(self) -> None:
        """Keep what was recorded for later runs."""
        self._costs.save()

    def _due(self, job: PlannedJob) -> Training | None:
        """What has to be trained before a cell is computed, as far as is known when the run begins."""
        if job.training is None or self._options.train == "never":
            return None
        return job.training if self._options.train == "always" or job.training.find() is None else None
