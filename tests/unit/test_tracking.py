"""Trackers: what is recorded, without a network, and read again by each tracker's own package."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import photograph, save

import srbench
from srbench.api.progress import Silent
from srbench.api.tracking import TensorBoard, make_tracker
from srbench.errors import UsageError
from srbench.plugins.registry import Registry
from srbench.training.job import plan_training
from srbench.training.progress import TrainingProgress


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> srbench.Run:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "photos" / "a.png", photograph(40, 44, 1))
    return srbench.run(["bicubic", "nearest"], "photos", scales=2, metrics="psnr", progress=False)


def psnr(run: srbench.Run, method: str) -> float:
    return float(run.table("psnr").loc[method].iloc[0])


class Recorder:
    """A tracker of one's own."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def start(self, name: str, config: Mapping[str, Any]) -> None:
        self.calls.append(("start", (name, dict(config))))

    def values(self, values: Mapping[str, float]) -> None:
        self.calls.append(("values", dict(values)))

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.calls.append(("table", [dict(row) for row in rows]))

    def artefact(self, path: Path) -> None:
        self.calls.append(("artefact", path.name))

    def finish(self) -> None:
        self.calls.append(("finish", None))


def test_a_run_is_settings_values_rows_and_files(run: srbench.Run) -> None:
    recorder = Recorder()
    run.log(recorder, run.report(formats="csv", plots=False))
    names = [name for name, _ in recorder.calls]
    assert names[:3] == ["start", "values", "table"]
    assert names[-1] == "finish"
    said = dict(recorder.calls)
    name, config = said["start"]
    assert (name, config["protocol"]) == (run.loaded.record.id, "vdsr")
    assert said["values"]["photos/x2/bicubic/psnr"] == psnr(run, "bicubic")
    assert [row["method"] for row in said["table"]] == ["bicubic", "nearest"]
    assert "results.csv" in [value for name, value in recorder.calls if name == "artefact"]


def test_a_tracker_that_fails_is_finished(run: srbench.Run) -> None:
    class Failing(Recorder):
        def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
            raise OSError("full")

    recorder = Failing()
    with pytest.raises(OSError, match="full"):
        run.log(recorder)
    assert recorder.calls[-1] == ("finish", None)


def test_what_is_no_tracker_or_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no tracker 'wandbb'. Did you mean wandb"):
        make_tracker("wandbb:sr")
    monkeypatch.setitem(__import__("sys").modules, "trackio", None)
    with pytest.raises(UsageError, match=r"trackio is not installed: `pip install .*trackers"):
        make_tracker("trackio")


def test_mlflow_has_the_run(run: srbench.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    files = run.report(formats="csv", plots=False)
    run.log("mlflow:sr", files)
    experiment = mlflow.get_experiment_by_name("sr")
    (found,) = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    assert found.data.metrics["photos/x2/bicubic/psnr"] == psnr(run, "bicubic")
    assert found.data.params["protocol"] == "vdsr"
    assert found.info.status == "FINISHED"
    artefacts = {item.path for item in mlflow.MlflowClient().list_artifacts(found.info.run_id)}
    assert {"results.json", "results.csv"} <= artefacts


def test_wandb_has_the_run(run: srbench.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    run.log("wandb:sr", run.report(formats="csv", plots=False))
    wandb.teardown()  # its own process writes the last records after `finish` has returned; this waits for its end
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    content = b"".join(path.read_bytes() for path in folder.glob("*.wandb"))
    assert b"photos/x2/bicubic/psnr" in content
    assert str(psnr(run, "bicubic")).encode()[:12] in content
    assert (folder / "files" / "results.csv").exists()
    tables = [json.loads(path.read_text()) for path in folder.rglob("*.table.json")]
    assert [len(table["data"]) for table in tables] == [2]


def test_trackio_has_the_run(run: srbench.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio", reason="trackio is not installed")
    run.log("trackio:sr")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "trackio").rglob("sr.db*"))
    assert b"photos/x2/bicubic/psnr" in kept


def test_tensorboard_has_each_training(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    card = Registry().card("fsrcnn")
    training = plan_training(card, card.recipes["standard"], 2, 0, "fsrcnn:standard")
    told: list[TrainingProgress] = []

    class Then(Silent):
        def training(self, training: Any) -> Any:
            return told.append

    report = TensorBoard(tmp_path, Then().training).training(training)
    for progress in (
        TrainingProgress(0, 100),
        TrainingProgress(50, 100, 0.5, 30.0, 30.0),
        TrainingProgress(60, 100, 0.25, 30.0, 30.0),
    ):
        report(progress)
    assert [progress.step for progress in told] == [0, 50, 60]
    (folder,) = tmp_path.iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert [(each.step, each.value) for each in events.Scalars("train/loss")] == [(50, 0.5), (60, 0.25)]
    assert [(each.step, each.value) for each in events.Scalars("validation/psnr")] == [(50, 30.0)]
