"""Maintains run.json during a run: the planned cells and their results so far."""

from __future__ import annotations

import datetime
import time
from contextlib import suppress
from functools import cached_property

from srbench.bench.below import METRIC, below_bicubic
from srbench.bench.plan import Plan, PlannedJob
from srbench.bench.results import CellResult, FailedCell, PlannedCell, RunRecord, TrainingRecord
from srbench.bench.store import RunFolder
from srbench.bench.trainings import training_record
from srbench.errors import DataError
from srbench.system.files import StoreError
from srbench.system.machine import machine, versions
from srbench.system.text import warn

SAVE_EVERY = 1.0
"""Seconds between writes of run.json, which lists every cell and would be slow to write after each of thousands.
Finished cells of a killed run are found by their files, not by run.json."""

MOST_TRACEBACKS = 16 * 2**20
"""Most characters of tracebacks in run.json, so that it can be read."""


class Record:
    """Maintains run.json.

    Args:
        plan: the plan.
        folder: the run's folder.
        command: the command line that repeats the run.
        notes: for reports.
    """

    def __init__(self, plan: Plan, folder: RunFolder, command: str, notes: tuple[str, ...] = ()) -> None:
        self._plan = plan
        self._folder = folder
        self._command = command
        self._notes = dict.fromkeys((*plan.notes, *notes))
        self._states = [PlannedCell(id=job.id) for job in plan.jobs]
        self._cell_notes: dict[int, list[str]] = {}
        self._failed: dict[int, FailedCell] = {}
        self._psnr: dict[int, float] = {}
        self._trainings: dict[str, TrainingRecord] = {}  # by weights
        self._started = _now()
        self._tracebacks = 0
        self._begun = False
        self._written = 0.0
        self._noted = False

    def begin(self) -> None:
        """Write that the run is unfinished, before anything is computed.

        An earlier run.json is no longer true, and must not be reported or pass a gate if this run is interrupted.
        """
        if not self._begun:
            self._folder.sweep()
            self._known()  # warns if the replaced file is damaged
            self._write(None)
            self._begun = True

    def settle(self, index: int, key: str | None, outcome: CellResult | FailedCell) -> None:
        """Record the result of a cell."""
        job: PlannedJob = self._plan.jobs[index]
        failed = isinstance(outcome, FailedCell)
        if isinstance(outcome, FailedCell):
            self._tracebacks += len(outcome.traceback)
            if self._tracebacks > MOST_TRACEBACKS:
                outcome = outcome.model_copy(update={"traceback": "left out: run.json has too many"})
            self._failed[index] = outcome
        else:
            self._cell_notes[index] = [f"{outcome.id.method_label}: {note}" for note in outcome.notes]
            if METRIC in outcome.values:
                self._psnr[index] = outcome.values[METRIC]
            weights = outcome.inputs.get("weights")
            if job.training is not None and isinstance(weights, str) and weights not in self._trainings:
                self._trainings[weights] = training_record(job.training, weights)
        self._states[index] = PlannedCell(id=job.id, key=key, status="failed" if failed else "ok")

    def save(self) -> None:
        """Write run.json, unless it was written just now."""
        self.check_folder()
        self._noted = True
        if time.monotonic() - self._written >= SAVE_EVERY:
            self._write(None)

    def flush(self) -> None:
        """Write unsaved results; for an interrupted run."""
        if self._noted:
            self.check_folder()
            self._write(None)

    def finish(self) -> RunRecord:
        """Write that the run is finished, unless run.json says so, and make it the newest run.

        A run that was finished before is left unchanged, and may be in a folder that is read-only.

        Returns:
            The content of run.json: where the values were known, it tells of the machine that computed them.
        """
        known = self._known_to_be_finished()
        if known is not None:
            with suppress(StoreError):
                self._write_trainings()
                self._folder.mark_newest()
            return known
        self.check_folder()
        record = self._write(_now())
        self._folder.mark_newest()
        return record

    def check_folder(self) -> None:
        """Check that the run's folder was not removed during the run.

        Raises:
            StoreError: it was.
        """
        if self._begun and not self._folder.record_path.is_file():
            raise StoreError(
                f"{self._folder.path} was removed while the run was going on, with what it had stored; run again."
            )

    @cached_property
    def _environment(self) -> dict[str, str]:
        return versions() | machine()  # cached, since it calls git

    def _known_to_be_finished(self) -> RunRecord | None:
        """run.json, if it has the final state of this run."""
        record = self._known()
        if record is None:
            return None
        as_now = record.cells == tuple(self._states) and record.metrics == self._plan.metric_records()
        return record if record.finished is not None and not record.failed and as_now else None

    def _known(self) -> RunRecord | None:
        """run.json, if it exists and is intact."""
        if not self._folder.record_path.is_file():
            return None
        try:
            return self._folder.read_record()
        except DataError as error:
            warn(f"{error} It is written again, from the cells.")
            return None

    def _write(self, finished: str | None) -> RunRecord:
        self._write_trainings()
        record = self.content(finished)
        self._folder.write_record(record)
        self._written, self._noted = time.monotonic(), False
        return record

    def _write_trainings(self) -> None:
        """Store the trainings of cells that are not stored yet."""
        for weights, training in self._trainings.items():
            if self._folder.read_training(weights) is None:
                self._folder.write_training(training)

    def content(self, finished: str | None = None) -> RunRecord:
        """The content of run.json by this process, with the time at which it finished."""
        plan = self._plan
        return RunRecord(
            id=plan.run_id,
            command=self._command,
            protocol=plan.scoring.protocol.name,
            protocol_hash=plan.scoring.protocol.hash,
            protocol_words=plan.scoring.protocol.describe(),
            protocol_content=plan.scoring.protocol.content(),
            metrics=plan.metric_records(),
            methods=plan.method_records(),
            datasets=plan.dataset_records(),
            scales=tuple(sorted({job.id.scale for job in plan.jobs})),
            seeds=tuple(sorted({job.id.seed for job in plan.jobs})),
            cells=tuple(self._states),
            failed=tuple(self._failed[index] for index in sorted(self._failed)),
            environment=self._environment,
            started=self._started,
            notes=self._all_notes(),
            finished=finished,
        )

    def _all_notes(self) -> tuple[str, ...]:
        """In the plan's order, whichever cell was done first."""
        of_cells = (note for index in sorted(self._cell_notes) for note in self._cell_notes[index])
        return (*dict.fromkeys((*self._notes, *of_cells)), *below_bicubic(self._plan, self._psnr))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
