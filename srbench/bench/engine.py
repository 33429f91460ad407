"""Executes a plan: decides which tasks are needed, has an executor run them, and stores the results.

The engine knows the dependencies; the executor knows where tasks run. All executors get the same tasks and give the
same values, and only this process writes results.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from srbench.bench.interfaces import Executor, Watcher
from srbench.bench.options import Options
from srbench.bench.parted import Parted
from srbench.bench.plan import Plan, PlannedJob
from srbench.bench.record import Record
from srbench.bench.results import CellResult, Computed, FailedCell, RunRecord
from srbench.bench.speed_column import due, write_speed
from srbench.bench.store import LoadedRun, RunFolder, read_run
from srbench.bench.stored_cells import StoredCells
from srbench.bench.task import Began, CellTask, Event, Failure, ImageDone, Outcome, Task, TrainTask, Waiting
from srbench.bench.workbench import Setting, Workbench
from srbench.bench.workload import Workload
from srbench.errors import DeviceError, SrbenchError
from srbench.plugins.registry import Registry
from srbench.speed.record import RunSpeed
from srbench.system.device import devices_of
from srbench.system.files import StoreError
from srbench.system.hashes import digest
from srbench.system.locks import POLL
from srbench.training.job import Training, training_command
from srbench.training.progress import Report, TrainingProgress
from srbench.weights import weights_sha256 as sha256_of

Step: TypeAlias = CellTask | TrainTask | tuple[str, CellResult] | Failure | None
"""What a cell needs next: to be computed, weights, nothing (known by a key, or failed), or to wait."""


class Engine:
    """Executes a plan; a context manager, so that workers end with it."""

    def __init__(self, plan: Plan, registry: Registry, options: Options, watcher: Watcher) -> None:
        self.plan = plan
        self.registry = registry
        self.options = options
        self.watcher = watcher
        self.folder = RunFolder(options.out / plan.run_id)
        self._began = time.monotonic()
        self._record = Record(plan, self.folder, options.command, self._notes())
        self._content: RunRecord | None = None  # of the finished run's run.json
        self._cells = StoredCells(plan, self.folder, self._record, options)
        self._left = Workload(plan.jobs, options)
        self._parted: dict[str, Parted] = {}  # by key of the cell
        self._shown: set[str] = set()  # keys of cells that the watcher knows of
        self._running: dict[str, int] = {}  # keys of cells
        self._trained: dict[str, Path | Failure | None] = {}  # by file name; None during training
        self._reports: dict[str, Report] = {}
        self._elsewhere: dict[int, None] = {}  # cells that another process computes, an ordered set
        self._deadly: set[str] = set()  # methods that killed a process

    def _notes(self) -> tuple[str, ...]:
        """What a report must say of how the values were computed."""
        if not self.options.one_process:
            return ()
        shared = {job.card.name: None for job in self.plan.jobs if job.watched}
        return (f"computed in one process with srbench's own code: {', '.join(shared)}",) if shared else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            stack.callback(self._cells.release)
            if kind is not None:
                stack.callback(self._flush)
            stack.callback(self.registry.hosts.close)
            stack.callback(self._left.save)
            if "_executor" in self.__dict__:
                self._executor.close(interrupted=kind is not None)

    def _flush(self) -> None:
        """Write run.json as things stand; an error here must not hide the one that ended the run."""
        with suppress(SrbenchError):
            self._record.flush()

    def execute(self) -> RunFolder:
        """Compute what is not known yet, dependencies first. If interrupted, finished cells are kept.

        Raises:
            SrbenchError: results cannot be written, or the device is missing.
        """
        if not self.folder.record_path.is_file():
            self._record.begin()
        self._settle_known()
        if self._left and self._executor.slots() > 1:
            self._left.sort()
        while self._left or self._running:
            self._start_tasks()
            if self._running or None in self._trained.values():
                ended = self._executor.next(POLL if self._elsewhere and self._executor.has_room() else None)
                if ended is not None:
                    self._end(*ended)
            elif self._left:
                time.sleep(POLL)
        self._content = self._record.finish()
        return self.folder

    def load(self) -> LoadedRun:
        """The run as this engine finished it, even if another process has written run.json since."""
        return read_run(self.folder.path, self._content)

    def time_methods(self) -> str:
        """Time the run's methods unless that is done; returns why it failed, or nothing.

        Raises:
            SrbenchError: results cannot be written, or the device is missing.
        """
        asked = f"{self.options.device}, threads {self.options.threads}"
        task = due(self.plan, self.folder.path, asked, time.monotonic() - self._began, self._deadly)
        if task is None:
            return ""
        self._executor.start(task)
        ended = self._executor.next()
        assert ended is not None
        outcome = ended[1]
        if isinstance(outcome, Failure):  # the values are there, and a method that breaks now changes none
            _raise_if_general(outcome)
            return f"methods were not timed: {outcome.error}"
        assert isinstance(outcome, RunSpeed)
        with self.folder.writing():
            write_speed(self.folder.path, outcome)
        return ""

    @cached_property
    def _executor(self) -> Executor:
        """Where tasks run: made once it is known what is left to do, which decides whether workers are worth it."""
        options = self.options
        setting = Setting.of(self.plan, self.registry, options.device, options.threads)
        if options.engine == "ray":
            from srbench.bench.engines.cluster import Cluster

            return Cluster(
                setting,
                self._on_event,
                self.watcher.output,
                address=options.address,
                jobs=options.jobs,
                timeout=options.cell_timeout,
                gpu_share=options.gpu_share,
                ship=options.ship,
                ship_env=options.ship_env,
            )
        devices = devices_of(options.device)
        workers = self._workers(devices.gpus)
        if workers:
            from srbench.bench.engines.pool import WorkerPool

            return WorkerPool(
                setting,
                self._on_event,
                self.watcher.output,
                workers=workers,
                devices=devices.names,
                timeout=options.cell_timeout,
                memory=int(options.cell_memory * 2**30),
            )
        from srbench.bench.engines.local import InProcess

        self.registry.hosts.say = self.watcher.output
        return InProcess(Workbench(self.plan.scoring, self.registry, devices.names[0], options.threads), self._on_event)

    def _workers(self, gpus: int) -> int:
        """How many worker processes: as asked for, or as many as the work that is left is worth."""
        options = self.options
        if options.jobs is not None or options.workers or self.registry.has_classes or os.name == "nt":
            return options.workers
        return self._left.workers(gpus)

    # what to do next ---------------------------------------------------------------------------------------------

    def _settle_known(self) -> None:
        """Settle the cells that are finished already."""
        for index in () if self.options.force else self._left:
            try:
                cell = self._finished(self.plan.jobs[index])
            except StoreError:
                raise
            except Exception:  # its step meets the same error, and it is recorded as that cell's
                continue
            if cell is not None:
                self._left.remove(index)
                self._settle(index, cell.key, cell, known=True)

    def _finished(self, job: PlannedJob) -> CellResult | None:
        """The cell, if it is known and its weights are not to be trained first."""
        file = job.training.find() if job.training else None
        if job.training is not None and (file is None or self.options.train == "always"):
            return None
        return self._cells.known(job, job.inputs(self.plan.scoring, sha256_of(file) if file else None))

    def _start_tasks(self) -> None:
        """Start the next step of the remaining cells, in their order, until the executor is full."""
        self._start_parts()
        for index in self._left:
            if not self._executor.has_room():
                return
            try:
                step = self._step(index)
            except StoreError:
                raise
            except Exception as error:  # for example weights that cannot be read
                step = Failure.of(error)
            if step is None:
                continue
            if not isinstance(step, TrainTask):
                self._left.remove(index)
            if isinstance(step, Failure):
                self._settle(index, None, step)
            elif isinstance(step, tuple):
                self._settle(index, *step, known=True)
            else:
                self._start(step, index)

    def _start_parts(self) -> None:
        for parted in self._parted.values():
            while self._executor.has_room() and (part := parted.next()) is not None:
                self._executor.start(part)

    def _start(self, task: CellTask | TrainTask, index: int) -> None:
        self._record.begin()
        if isinstance(task, CellTask):
            self._running[task.key] = index
            parts = self._left.spans(task, self._executor.slots())
            if len(parts) > 1:
                self._parted[task.key] = Parted(task, parts)
                self._start_parts()
                return
        else:
            self._trained[task.training.file_name] = None
        self._executor.start(task)

    def _step(self, index: int) -> Step:
        """What a cell needs next."""
        job = self.plan.jobs[index]
        weights = self._weights(job.training, job.id.seed) if job.training else None
        if job.training is not None and not isinstance(weights, Path):
            return weights
        file = weights if isinstance(weights, Path) else None
        sha256 = sha256_of(file) if file else None
        inputs = job.inputs(self.plan.scoring, sha256)
        key = digest(inputs)
        if key in self._running:  # the same cell under another name is running
            return None
        if not self._cells.lock(key):
            if index not in self._elsewhere:
                self._elsewhere[index] = None
                self.watcher.waiting(str(job.id))
            return None
        self._elsewhere.pop(index, None)
        if not self.options.force and (cell := self._cells.known(job, inputs)) is not None:  # finished just now
            self._cells.unlock(key)
            return cell.key, cell
        kept = self.options.keep_images
        hr = self._cells.lacks_beside(job)
        return CellTask(job=job, key=key, weights=file, weights_sha256=sha256, images=kept, hr=hr)

    def _weights(self, training: Training, seed: int) -> Path | TrainTask | Failure | None:
        """The weights, or the task that trains them if training is allowed; None during the training."""
        if training.file_name in self._trained:
            return self._trained[training.file_name]
        found = training.find()
        again = self.options.train == "always"
        if found is not None and not again:
            return found
        if self.options.train == "never":
            return Failure(
                kind="method",
                error=f"there are no weights for {training.label} x{training.scale}; train them with "
                f"`{training_command(training.label, training.scale, seed)}` or pass --train missing",
            )
        if training.after is not None and not isinstance(first := self._weights(training.after, seed), Path):
            return first
        return TrainTask(training=training, again=again, done=frozenset(self._trained))

    # results -----------------------------------------------------------------------------------------------

    def _on_event(self, task: Task, event: Event) -> None:
        """Handle an event of a running task."""
        if isinstance(event, Waiting):
            self.watcher.waiting(event.what)
        elif isinstance(task, TrainTask):
            if isinstance(event, Began) and event.training is not None:
                self._reports[task.training.file_name] = self.watcher.training(event.training)
            elif isinstance(event, TrainingProgress):
                self._reports[task.training.file_name](event)
        elif isinstance(task, CellTask):
            if isinstance(event, Began):
                if task.key not in self._shown:
                    self._shown.add(task.key)
                    self.watcher.cell_started(task.job)
                self._left.began(task)
            elif isinstance(event, ImageDone):
                self._cells.keep_images(task, event)
                self.watcher.image_done(task.job)

    def _end(self, task: Task, outcome: Outcome) -> None:
        """Handle the outcome of a task."""
        if isinstance(outcome, Failure):
            _raise_if_general(outcome)
        if isinstance(task, TrainTask):
            assert isinstance(outcome, Path | Failure)
            self._trained[task.training.file_name] = outcome
            self.watcher.training_ended(task.training)
        elif isinstance(task, CellTask):
            self._left.ended(task, outcome)
            ended = self._parted[task.key].end(task, outcome) if task.key in self._parted else outcome
            if ended is None:  # other parts are still to come
                return
            assert isinstance(ended, Computed | Failure)
            outcome = ended
            self._parted.pop(task.key, None)
            self._record.check_folder()
            index = self._running.pop(task.key)
            if isinstance(outcome, Computed):
                self._cells.keep(task, outcome)
                self._settle(index, outcome.cell.key, outcome.cell)
            else:
                if outcome.fatal:
                    self._deadly.add(task.job.card.name)
                self._settle(index, task.key, outcome)
            self._cells.unlock(task.key)

    def _settle(self, index: int, key: str | None, outcome: CellResult | Failure, *, known: bool = False) -> None:
        """Record the result of a cell, and tell the watcher."""
        job = self.plan.jobs[index]
        if isinstance(outcome, Failure):
            result: CellResult | FailedCell = FailedCell(
                id=job.id,
                kind="data" if outcome.kind == "data" else "method",
                error=outcome.error,
                traceback=outcome.traceback,
            )
        else:
            result = outcome
        self._record.settle(index, key, result)
        self._elsewhere.pop(index, None)
        if not known:
            self._record.begin()
            self._record.save()
        self.watcher.cell_ended(job, result, known=known)


def _raise_if_general(failure: Failure) -> None:
    """Raise a failure that every task would have.

    Raises:
        DeviceError: the device is missing.
    """
    if failure.kind == "device":
        raise DeviceError(failure.error)
