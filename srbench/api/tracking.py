"""Experiment trackers: runs in wandb, MLflow and trackio, trainings in TensorBoard.

Each tracker is imported when it is first used, and needs its own package. ``NAME`` may be followed by a project:
``wandb:sr``. Where it writes to is the tracker's own business (``WANDB_MODE=offline``, ``MLFLOW_TRACKING_URI`` …).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from srbench.api.progress import Silent
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.system.installed import install_command
from srbench.system.names import unknown
from srbench.training.job import Training
from srbench.training.progress import Report, TrainingProgress

PROJECT = "srbench"


class Tracker(Protocol):
    """What a tracker must do. :func:`log_run` takes an object of your own."""

    def start(self, name: str, config: Mapping[str, Any]) -> None:
        """Begin a run with its settings."""

    def values(self, values: Mapping[str, float]) -> None:
        """Record the final values, by names such as ``set5/x2/fsrcnn:standard/psnr``."""

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record a table."""

    def artefact(self, path: Path) -> None:
        """Record a file."""

    def finish(self) -> None:
        """End the run."""


def log_run(run: LoadedRun, tracker: str | Tracker, artefacts: Sequence[Path] = ()) -> None:
    """Record a run: its protocol and settings, a value for each cell and metric, the table, and files.

    Args:
        run: the run.
        tracker: ``wandb``, ``mlflow`` or ``trackio``, with ``:PROJECT`` or without; or one of your own.
        artefacts: files of its report.

    Raises:
        UsageError: there is no such tracker, or its package is not installed.
    """
    found = make_tracker(tracker) if isinstance(tracker, str) else tracker
    record = run.record
    config = {
        "run": record.id,
        "command": record.command,
        "protocol": record.protocol,
        "protocol_hash": record.protocol_hash,
        **{f"environment/{name}": value for name, value in record.environment.items()},
    }
    rows = [
        {**cell.id.model_dump(), "metric": metric, "value": value}
        for cell in run.cells
        for metric, value in cell.values.items()
    ]
    values = {
        f"{cell.id.dataset}/x{cell.id.scale}/{cell.id.method_label}"
        f"{f'/seed{cell.id.seed}' if cell.id.seed else ''}/{metric}": value
        for cell in run.cells
        for metric, value in cell.values.items()
        if math.isfinite(value)
    }
    found.start(record.id, config)
    try:
        found.values(values)
        found.table("results", rows)
        for path in artefacts:
            found.artefact(path)
    finally:
        found.finish()


def make_tracker(name: str) -> Tracker:
    """A tracker by ``NAME`` or ``NAME:PROJECT``.

    Raises:
        UsageError: there is none of that name, or its package is not installed.
    """
    kind, _, project = name.partition(":")
    if kind not in TRACKERS:
        raise unknown("tracker", kind, TRACKERS)
    return TRACKERS[kind](_package(kind), project or PROJECT)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError(f"{name} is not installed: {install_command('trackers')} installs it.") from None


class Wandb:
    """Weights & Biases."""

    def __init__(self, package: Any, project: str) -> None:
        self._package, self._project = package, project

    def start(self, name: str, config: Mapping[str, Any]) -> None:
        """Begin a run."""
        self._run = self._package.init(project=self._project, name=name, config=dict(config))

    def values(self, values: Mapping[str, float]) -> None:
        """As the run's summary."""
        self._run.summary.update(dict(values))

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """As a table."""
        columns = list(rows[0]) if rows else []
        data = [[row[column] for column in columns] for row in rows]
        self._run.log({name: self._package.Table(columns=columns, data=data)})

    def artefact(self, path: Path) -> None:
        """In the run's files."""
        self._run.save(str(path), base_path=str(path.parent), policy="now")

    def finish(self) -> None:
        """End the run."""
        self._run.finish()


class Mlflow:
    """MLflow."""

    def __init__(self, package: Any, project: str) -> None:
        self._package, self._project = package, project

    def start(self, name: str, config: Mapping[str, Any]) -> None:
        """Begin a run in the project's experiment."""
        self._package.set_experiment(self._project)
        self._package.start_run(run_name=name)
        self._package.log_params({_plain(key): str(value)[:5000] for key, value in config.items()})

    def values(self, values: Mapping[str, float]) -> None:
        """As metrics."""
        self._package.log_metrics({_plain(key): value for key, value in values.items()})

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """As a JSON artefact."""
        self._package.log_dict({"rows": [_finite(row) for row in rows]}, f"{name}.json")

    def artefact(self, path: Path) -> None:
        """As an artefact."""
        self._package.log_artifact(str(path))

    def finish(self) -> None:
        """End the run."""
        self._package.end_run()


class Trackio:
    """trackio. It keeps tables and values; files of reports have no place in it."""

    def __init__(self, package: Any, project: str) -> None:
        self._package, self._project = package, project

    def start(self, name: str, config: Mapping[str, Any]) -> None:
        """Begin a run."""
        settings = {key: str(value) for key, value in config.items()}
        self._package.init(project=self._project, name=name, config=settings, embed=False)

    def values(self, values: Mapping[str, float]) -> None:
        """As one step."""
        self._package.log(dict(values))

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """As a table."""
        import pandas as pd

        self._package.log({name: self._package.Table(dataframe=pd.DataFrame([_finite(row) for row in rows]))})

    def artefact(self, path: Path) -> None:
        """Left out."""

    def finish(self) -> None:
        """End the run."""
        self._package.finish()


TRACKERS: dict[str, Callable[[Any, str], Tracker]] = {"wandb": Wandb, "mlflow": Mlflow, "trackio": Trackio}


def _plain(key: str) -> str:
    """A name of MLflow's: letters, digits, and some signs."""
    return "".join(char if char.isalnum() or char in "_-. /" else "_" for char in key)


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values without infinity, which JSON lacks."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


# trainings -----------------------------------------------------------------------------------------------------------


class TensorBoard(Silent):
    """Writes the progress of trainings for TensorBoard, each to a folder of its own.

    It is a watcher of a run: ``srbench.run("fsrcnn", progress=srbench.TensorBoard("runs"))``.

    Args:
        folder: for the event files.
        then: what else is told of a training; returns what to call with its progress.

    Raises:
        UsageError: the package tensorboard is not installed.
    """

    def __init__(self, folder: str | Path, then: Callable[[Training], Report] | None = None) -> None:
        _package("tensorboard")
        self._writer: Any = _package("torch.utils.tensorboard").SummaryWriter
        self._folder = Path(folder)
        self._then = then or super().training

    def training(self, training: Training) -> Report:
        """Report loss, the validation's PSNR, and the best, by batches."""
        writer = self._writer(str(self._folder / Path(training.file_name).stem))
        report = self._then(training)
        seen: dict[str, float] = {}

        def both(progress: TrainingProgress) -> None:
            known = {"train/loss": progress.loss, "validation/psnr": progress.psnr, "validation/best": progress.best}
            for name, value in known.items():
                if value is not None and seen.get(name) != value:
                    writer.add_scalar(name, value, progress.step)
                    writer.flush()  # a training may be interrupted at any time
                    seen[name] = value
            report(progress)

        return both
