"""The cells of a run on disk: which are known, which another process computes, and what is kept of them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from srbench.bench.known import OtherRuns
from srbench.bench.options import Options
from srbench.bench.plan import Plan, PlannedJob
from srbench.bench.reads import with_reads
from srbench.bench.record import Record
from srbench.bench.results import CellResult, Computed
from srbench.bench.store import RunFolder, image_folders
from srbench.bench.task import CellTask, ImageDone
from srbench.system.hashes import digest
from srbench.system.locks import Lock


class StoredCells:
    """The cells of a run's folder.

    Args:
        plan: the plan.
        folder: the run's folder.
        record: of the run; it is begun before anything is written.
        options: of the run.
    """

    def __init__(self, plan: Plan, folder: RunFolder, record: Record, options: Options) -> None:
        self._plan = plan
        self._folder = folder
        self._record = record
        self._images = options.keep_images
        self._others = OtherRuns(options.out)
        self._locks: dict[str, Lock] = {}

    def known(self, job: PlannedJob, inputs: dict[str, Any]) -> CellResult | None:
        """A finished cell of this run, or one of another run, which is copied."""
        if (cell := self._cell_in(self._folder, job, inputs)) is not None:
            return cell
        for other in self._others.that_have(digest(inputs)):
            cell = self._cell_in(other, job, inputs)
            if cell is None:
                continue
            self._record.check_folder()
            self._name_images(cell.key, job)
            for image in cell.images[: self._images]:
                self._folder.copy_images(other, cell, image.name)
            if (note := other.read_note(digest(inputs))) is not None:
                self._folder.write_note(digest(inputs), note)
            self._folder.write_cell(cell)
            return cell
        return None

    def _cell_in(self, folder: RunFolder, job: PlannedJob, inputs: dict[str, Any]) -> CellResult | None:
        """A finished cell of a run, if the files that its method read are unchanged."""
        note = folder.read_note(digest(inputs)) if job.watched or self._plan.foreign_metrics else None
        cell = folder.read_cell(digest(with_reads(inputs, note, job.card.folder)))
        return cell if cell is not None and cell.reusable else None

    def lock(self, key: str) -> bool:
        """Take a cell's lock; False if another process has it."""
        self._record.begin()
        self._record.check_folder()
        lock = self._folder.lock(key)
        if lock.acquire():
            self._locks[key] = lock
            return True
        return False

    def unlock(self, key: str) -> None:
        """Release it, if this process has it."""
        if key in self._locks:
            self._locks.pop(key).release()

    def keep_images(self, task: CellTask, done: ImageDone) -> None:
        """Keep the SR of an image, what was scored of it, and what it is shown beside."""
        if done.sr is None:
            return
        self._record.check_folder()
        self._name_images(task.key, task.job)
        self._folder.write_image(self._folder.sr_path(task.key, done.name), done.sr)
        if done.planes is not None:
            self._folder.write_image(self._folder.planes_path(task.key, done.name), done.planes)
        beside = self._beside_path(task.job, done.name)
        if done.hr is not None and not beside.exists():
            self._folder.write_image(beside, done.hr)

    def release(self) -> None:
        """Release all locks."""
        with ExitStack() as stack:
            for lock in self._locks.values():
                stack.callback(lock.release)

    def lacks_beside(self, job: PlannedJob) -> bool:
        """Whether an image that the kept ones of a cell are shown beside is still to be written: HR, or else LR."""
        return not all(self._beside_path(job, item.name).exists() for item in job.dataset.items[: self._images])

    def _beside_path(self, job: PlannedJob, image: str) -> Path:
        dataset = job.dataset
        path = self._folder.hr_path if dataset.has_hr else self._folder.lr_path
        return path(dataset.content_hash, job.id.scale, image)

    def _name_images(self, key: str, job: PlannedJob) -> None:
        self._folder.name_images(key, image_folders(job.id, (other.id for other in self._plan.jobs)))
        self._folder.name_hr_images(job.dataset.content_hash, job.id.scale, job.id.dataset)

    def keep(self, task: CellTask, computed: Computed) -> None:
        """Store a cell, under a key that covers what its method read."""
        if computed.note is not None:
            self._folder.write_note(task.key, computed.note)
            if computed.cell.key != task.key:
                self._name_images(computed.cell.key, task.job)
                self._folder.move_images(task.key, computed.cell)
        self._folder.write_cell(computed.cell)
