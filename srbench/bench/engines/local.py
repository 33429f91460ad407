"""Executes a plan in this process, cell by cell; what is done stays done."""

from __future__ import annotations

import datetime
import traceback
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from srbench.bench.environment import machine, versions
from srbench.bench.plan import Plan, PlannedJob, Train
from srbench.bench.results import CellResult, FailedCell, PlannedCell, RunRecord
from srbench.bench.run_speed import time_methods
from srbench.bench.store import RunFolder, StoreError, run_folders
from srbench.canonical import digest
from srbench.errors import DataError, DeviceError, MethodError, SrbenchError
from srbench.registry import Registry
from srbench.training.job import Training
from srbench.training.progress import Report
from srbench.weights import weights_sha256 as sha256_of

if TYPE_CHECKING:  # torch is imported when the first cell has to be computed, and not before
    import torch

    from srbench.bench.cell import CaseSource, Keep, Picture


class Watcher(Protocol):
    """Who is told how a run goes on."""

    def cell_started(self, job: PlannedJob) -> None:
        """A cell is being computed."""

    def image_done(self) -> None:
        """One image of it is done."""

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        """It is finished (``known``: it had been before) or failed."""

    def training(self, training: Training) -> Report:
        """Weights are being trained: returns what is to be told how that goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to execute, as opposed to what."""

    out: Path
    train: Train = "missing"
    device: str = "auto"
    threads: int = 0
    """CPU threads of torch; 0 leaves it to torch."""
    force: bool = False
    keep_images: int = 20
    """SR pictures kept for each cell, for crop sheets: of the first so many images."""
    command: str = "srbench run"


class LocalEngine:
    """Runs a plan in this process."""

    def __init__(self, plan: Plan, registry: Registry, options: Options, watcher: Watcher) -> None:
        self.plan = plan
        self.registry = registry
        self.options = options
        self.watcher = watcher
        self.folder = RunFolder(options.out / plan.run_id)
        self._cases: CaseSource | None = None
        self._states = [PlannedCell(id=job.id) for job in plan.jobs]
        self._failed: list[FailedCell] = []
        self._started = _now()
        self._begun = False
        self._trained: set[str] = set()

    def execute(self) -> RunFolder:
        """Compute what is not known, in the plan's order. Interrupted, it leaves every finished cell behind.

        Raises:
            SrbenchError: results cannot be written, or the device is not here.
        """
        if not self.folder.record_path.is_file():
            self._begin()
        for index, job in enumerate(self.plan.jobs):
            self._run_cell(index, job)
        if self._is_finished():
            self.folder.mark_newest()
        else:
            self._write_record(_now())
        return self.folder

    def time_methods(self) -> str:
        """Time the run's methods beside their quality, where that has not been done; returns why it failed, or nothing.

        Raises:
            SrbenchError: results cannot be written, or the device is not here.
        """
        asked = f"{self.options.device}, threads {self.options.threads}"
        try:
            with self.folder.writing():
                time_methods(self.plan, self.registry, self.folder.path, lambda: self._device, asked)
        except SrbenchError:
            raise
        except (Exception, SystemExit) as error:  # the figures are there, and a method that breaks now changes none
            return f"methods were not timed: {type(error).__name__}: {error}"
        return ""

    def _run_cell(self, index: int, job: PlannedJob) -> None:
        key: str | None = None
        try:
            weights = self._weights(job)
            weights_sha256 = sha256_of(weights) if weights else None
            key = digest(self.plan.inputs(job, weights_sha256))
            outcome: CellResult | FailedCell | None = None if self.options.force else self._known(key)
            known = outcome is not None
            if outcome is None:
                self._begin()
                self.watcher.cell_started(job)
                outcome = self._compute(job, key, weights, weights_sha256)
        except (StoreError, DeviceError):  # these would befall every cell alike
            raise
        except (Exception, SystemExit) as error:
            outcome, known = _failure(job, error), False
            self._failed.append(outcome)
        failed = isinstance(outcome, FailedCell)
        self._states[index] = PlannedCell(id=job.id, key=key, status="failed" if failed else "ok")
        if not known:
            self._write_record(None)
        self.watcher.cell_ended(job, outcome, known=known)

    def _begin(self) -> None:
        """Say that the run is under way, before anything is computed.

        What run.json said of an earlier execution is true no more, and must not be reported, or pass a gate, if this
        one is cut short.
        """
        if not self._begun:
            self._begun = True
            self._write_record(None)

    def _known(self, key: str) -> CellResult | None:
        """A finished cell of this run, or of another, which is then copied."""
        cell = self.folder.read_cell(key)
        if cell is not None:
            return cell
        for path in run_folders(self.options.out):
            other = RunFolder(path)
            cell = other.read_cell(key)
            if cell is None:
                continue
            for image in cell.images[: self.options.keep_images]:
                self.folder.copy_pictures(other, cell, image.name)
            self.folder.write_cell(cell)
            return cell
        return None

    def _compute(self, job: PlannedJob, key: str, weights: Path | None, weights_sha256: str | None) -> CellResult:
        from srbench.bench.cell import CaseSource, compute_cell, load_method

        if self._cases is None:
            self._cases = CaseSource()
        method = load_method(job, self.registry.method(job.card.name), weights, self._device)
        try:
            cell = compute_cell(
                self.plan,
                job,
                method,
                weights_sha256,
                self._cases,
                self._device,
                keep=self._keeper(job, key),
                image_done=self.watcher.image_done,
            )
        finally:
            method.close()
        self.folder.write_cell(cell)
        return cell

    @cached_property
    def _device(self) -> torch.device:
        """Where to compute; looked for when the first cell needs it, since that imports torch."""
        from srbench.inference import resolve_device

        return resolve_device(self.options.device, self.options.threads)

    def _keeper(self, job: PlannedJob, key: str) -> Keep:
        def keep(index: int, name: str, sr: Picture, hr: Picture) -> None:
            if index < self.options.keep_images:
                hr_path = self.folder.hr_path(job.dataset.content_hash, job.id.scale, name)
                self.folder.write_pictures(self.folder.sr_path(key, name), sr, hr_path, hr)

        return keep

    def _weights(self, job: PlannedJob) -> Path | None:
        """The weights that a cell needs, trained first where that is allowed and due."""
        training = job.training
        if training is None:
            return None
        found = training.find()
        again = self.options.train == "always"
        if found is not None and (not again or training.file_name in self._trained):
            return found
        if self.options.train == "never":
            raise MethodError(
                f"there are no weights for {job.id.method_label} x{job.id.scale}; "
                f"train them with `srbench train {job.id.method_label} --scales {job.id.scale}` or pass --train missing"
            )
        from srbench.training.trainer import obtain

        self._begin()
        method_class = self.registry.method(job.card.name)
        return obtain(training, method_class, self._device, self.watcher.training, again=again, done=self._trained)

    # the record ---------------------------------------------------------------------------------------------------

    def _is_finished(self) -> bool:
        """Whether run.json already says all that there is to say."""
        if not self.folder.record_path.is_file():
            return False
        try:
            record = self.folder.read_record()
        except DataError:
            return False
        as_now = record.cells == tuple(self._states) and record.metrics == self.plan.metric_records()
        return record.finished is not None and not record.failed and as_now

    def _write_record(self, finished: str | None) -> None:
        plan = self.plan
        record = RunRecord(
            id=plan.run_id,
            command=self.options.command,
            protocol=plan.protocol.name,
            protocol_hash=plan.protocol.hash,
            protocol_words=plan.protocol.describe(),
            protocol_content=plan.protocol.content(),
            metrics=plan.metric_records(),
            methods=plan.method_records(),
            datasets=plan.dataset_records(),
            scales=tuple(sorted({job.id.scale for job in plan.jobs})),
            seeds=tuple(sorted({job.id.seed for job in plan.jobs})),
            cells=tuple(self._states),
            failed=tuple(self._failed),
            environment=versions() | machine(),
            started=self._started,
            notes=plan.notes,
            finished=finished,
        )
        self.folder.write_record(record)


def _failure(job: PlannedJob, error: BaseException) -> FailedCell:
    kind: Literal["method", "data"] = "data" if isinstance(error, DataError) else "method"
    sentence = str(error) if isinstance(error, SrbenchError) else f"{type(error).__name__}: {error}"
    return FailedCell(id=job.id, kind=kind, error=sentence, traceback="".join(traceback.format_exception(error)))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
