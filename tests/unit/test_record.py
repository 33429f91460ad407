"""run.json while a run goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from srbench.bench import record as module
from srbench.bench.options import Request
from srbench.bench.planning import make_plan
from srbench.bench.record import Record
from srbench.bench.results import CellResult, FailedCell, TrainingRecord
from srbench.bench.store import RunFolder
from srbench.plugins.registry import Registry
from srbench.system.files import StoreError
from srbench.weights import read_metadata, sealed_weights, weights_sha256


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
    assert finished.finish() == before[1]
    assert (folder.record_path.stat().st_mtime_ns, folder.read_record()) == before


def test_known_values_keep_the_machine_that_computed_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path / "run")
    known(folder).finish()
    before = folder.read_record()
    monkeypatch.setattr("srbench.bench.record.machine", lambda: {"platform": "another"})
    assert known(folder).finish() == folder.read_record() == before
    assert known(RunFolder(tmp_path / "other")).finish().environment["platform"] == "another"


def learned(folder: Path, inputs: dict[str, str]) -> tuple[Record, RunFolder]:
    """A record of a run whose only cell is of a learned method."""
    plan = make_plan(Request(methods=("fsrcnn",), scales=(2,)), Registry())
    run = RunFolder(folder)
    record = Record(plan, run, "srbench run")
    id = plan.jobs[0].id
    record.settle(
        0, "k", CellResult(key="k", id=id, protocol_hash="h", values={}, images=(), inputs=inputs, environment={})
    )
    return record, run


def test_a_run_keeps_the_training_of_its_weights(tmp_path: Path) -> None:
    training = make_plan(Request(methods=("fsrcnn",), scales=(2,)), Registry()).jobs[0].training
    assert training is not None
    file = training.shipped / training.file_name
    weights = weights_sha256(file)
    record, folder = learned(tmp_path / "run", {"weights": weights})
    record.finish()
    kept = folder.read_training(weights)
    assert kept is not None and kept.shipped
    points = read_metadata(file)["curve"]
    assert [point.validation_psnr for point in kept.curve] == [point["validation_psnr"] for point in points]
    (folder.path / "trainings" / f"{weights}.json").write_text("{}")  # what is finished is mended too
    learned(tmp_path / "run", {"weights": weights})[0].finish()
    assert folder.read_training(weights) == kept


def test_weights_that_are_others_by_now_have_no_curve(tmp_path: Path) -> None:
    record, folder = learned(tmp_path / "run", {"weights": "0" * 64})
    record.finish()
    assert folder.read_training("0" * 64) == TrainingRecord(weights="0" * 64)


@pytest.mark.parametrize(
    "curve", [None, 1, [1], [{"step": 1}], [{"step": -1, "validation_psnr": 1, "train_psnr": 1}], "nan"]
)
def test_a_curve_that_is_none_is_done_without(own_cache: Path, tmp_path: Path, curve: object) -> None:
    training = make_plan(Request(methods=("fsrcnn",), scales=(2,)), Registry()).jobs[0].training
    assert training is not None
    content = (training.shipped / training.file_name).read_bytes()
    if curve == "nan":
        curve = [{"step": 1, "validation_psnr": float("nan"), "train_psnr": 1.0}]
    file = own_cache / "weights" / training.file_name
    file.parent.mkdir()
    file.write_bytes(sealed_weights(content, {"curve": curve}))
    record, folder = learned(tmp_path / "run", {"weights": weights_sha256(file)})
    record.finish()
    assert folder.read_training(weights_sha256(file)) == TrainingRecord(weights=weights_sha256(file), shipped=True)


PLUGIN = """
from srbench.method import Method, MethodInfo

class Mine(Method):
    info = MethodInfo(name="mine", family="prediction", channels="any", input="upsampled", halo=0)

    def upscale(self, x, scale):
        return 0.5 * x
"""


def test_notes_do_not_depend_on_which_cell_was_done_first(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    registry = Registry([tmp_path / "mine.py"])
    plan = make_plan(Request(methods=("bicubic", "mine"), scales=(2, 3)), registry)
    found = []
    for order in (range(4), reversed(range(4))):
        record = Record(plan, RunFolder(tmp_path / plan.run_id), "srbench run")
        for index in order:
            id = plan.jobs[index].id
            values = {"psnr": 30.0 if id.method == "bicubic" else 20.0}
            notes = (f"noted at x{id.scale}",)
            rest = {"images": (), "inputs": {}, "environment": {}}
            record.settle(index, "k", CellResult(key="k", id=id, protocol_hash="h", values=values, notes=notes, **rest))
        found.append(record.content().notes)
    assert found[0] == found[1]
    assert found[0][:2] == ("bicubic: noted at x2", "mine: noted at x2")
    assert found[0][-1].startswith("mine is 10.0 dB under bicubic on embedded x2, 10.0 dB under bicubic on embedded x3")
