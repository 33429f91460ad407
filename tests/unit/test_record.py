"""run.json while a run goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from srbench.bench import record as module
from srbench.bench.plan import Request, make_plan
from srbench.bench.record import Record
from srbench.bench.results import CellResult, FailedCell
from srbench.bench.store import RunFolder
from srbench.plugins.registry import Registry
from srbench.system.files import StoreError


@pytest.fixture
def noted(tmp_path: Path) -> tuple[Record, RunFolder, list[int]]:
    """A record of four cells, its folder, and a list that grows with each writing of run.json."""
    plan = make_plan(Request(methods=("nearest", "bicubic"), scales=(2, 3)), Registry())
    folder = RunFolder(tmp_path / plan.run_id)
    record = Record(plan, folder, "srbench run")
    record.begin()
    writings: list[int] = []
    for index, job in enumerate(plan.jobs):
        record.settle(index, None, FailedCell(id=job.id, kind="method", error=f"failed {index}"))
        record.save()
        writings.append(len(folder.read_record().failed))
    return record, folder, writings


def test_run_json_is_not_written_after_each_of_many_cells(noted: tuple[Record, RunFolder, list[int]]) -> None:
    record, folder, writings = noted
    assert writings == [0, 0, 0, 0]
    record.flush()
    assert len(folder.read_record().failed) == 4
    before = folder.record_path.stat().st_mtime_ns
    record.flush()  # nothing is new
    assert folder.record_path.stat().st_mtime_ns == before
    record.finish()
    assert folder.read_record().finished is not None


def test_slow_cells_are_each_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    plan = make_plan(Request(methods=("nearest",), scales=(2, 3)), Registry())
    folder = RunFolder(tmp_path / plan.run_id)
    record = Record(plan, folder, "srbench run")
    record.begin()
    for index, job in enumerate(plan.jobs):
        record.settle(index, None, FailedCell(id=job.id, kind="method", error="failed"))
        record.save()
        assert len(folder.read_record().failed) == index + 1


def known(folder: RunFolder) -> Record:
    """A record of a run whose only cell was known."""
    plan = make_plan(Request(methods=("nearest",), scales=(2,)), Registry())
    record = Record(plan, folder, "srbench run")
    id = plan.jobs[0].id
    cell = CellResult(key="k", id=id, protocol_hash="h", values={}, images=(), inputs={}, environment={})
    record.settle(0, "k", cell)
    return record


def test_a_finished_run_of_somebody_else_can_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is only to be read, and it need not become the newest run."""
    folder = RunFolder(tmp_path / "run")
    known(folder).finish()
    before = folder.record_path.stat().st_mtime_ns, folder.read_record()

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    unfinished, finished = known(RunFolder(tmp_path / "other")), known(folder)
    for owner, name in ((Path, "touch"), (os, "utime")):
        monkeypatch.setattr(owner, name, refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        unfinished.finish()
    finished.finish()
    assert (folder.record_path.stat().st_mtime_ns, folder.read_record()) == before
    assert finished.content().finished == before[1].finished
