"""What runs on the nodes of a Ray cluster: executes tasks and sends their events to the run."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from srbench.bench.engines.shipping import Receiver, Shipment
from srbench.bench.task import CellTask, Event, Failure, ImageDone, Outcome, Task, TrainTask
from srbench.bench.workbench import Setting, Workbench
from srbench.data.catalog import supply
from srbench.errors import SrbenchError
from srbench.models.spec import Spec
from srbench.system.files import write_atomically
from srbench.training.progress import TrainingProgress
from srbench.weights import trained_folder

PACKAGE = Path(__file__).resolve().parents[2]
"""The folder of srbench's own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What all tasks of a run share.

    Attributes:
        setting: what tasks need, without plugins and models.
        code: the :func:`package_hash` of the run.
        plugins: path on the run's node and files, per plugin.
        models: spec on the run's node and files, per model.
        networks: the files of networks that metrics need.
        environment: variables to set.
        sink: the :class:`EventSink` actor.
    """

    setting: Setting
    code: str
    plugins: tuple[tuple[str, Shipment], ...]
    models: tuple[tuple[Spec, Shipment], ...]
    networks: Shipment
    environment: Mapping[str, str]
    sink: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMessage:
    """A task as it is sent to a node.

    Attributes:
        task: without the images of its data set.
        number: identifies the task within the run.
        attempt: how often it was sent before.
        context: a reference to the :class:`RunContext`.
        datasets: the data set of a cell; all data sets of a training.
        weights: weights files that it starts from.
    """

    task: Task
    number: int
    attempt: int
    context: Any
    datasets: tuple[Shipment, ...] = ()
    weights: tuple[Shipment, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The outcome of a task, and the files that a training wrote, by name."""

    outcome: Outcome
    files: dict[str, bytes] = field(default_factory=dict)


class EventSink:
    """An actor beside the run that collects events until the run takes them."""

    def __init__(self) -> None:
        self._events: list[tuple[int, int, Event]] = []
        self._is_stopped = False

    def put(self, number: int, attempt: int, event: Event) -> bool:
        """Add an event; returns whether trainings are to stop."""
        self._events.append((number, attempt, event))
        return self._is_stopped

    def take(self) -> list[tuple[int, int, Event]]:
        """The events since the last call: task number, attempt, event."""
        events, self._events = self._events, []
        return events

    def stop(self) -> None:
        """Have trainings stop and save their checkpoints."""
        self._is_stopped = True


class _EventSender:
    """Sends the events of a task to the sink, in order."""

    def __init__(self, sink: Any, message: TaskMessage) -> None:
        self._sink = sink
        self._message = message
        self._last: Any = None

    def __call__(self, event: Event) -> None:
        import ray

        self._last = self._sink.put.remote(self._message.number, self._message.attempt, event)
        if isinstance(event, ImageDone) and event.sr is not None:
            ray.get(self._last)  # so that images do not pile up
        elif isinstance(event, TrainingProgress) and ray.get(self._last):
            _interrupt()

    def flush(self) -> None:
        """Wait until the sink has all events."""
        import ray

        if self._last is not None:
            ray.get(self._last)


def _interrupt() -> None:
    """Do what Ctrl-C does: a training ends after its batch and saves a checkpoint. Ray blocks the signal itself."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, None)


class _Worker:
    """Executes the tasks of one run in this process, which keeps torch and images in memory between tasks."""

    def __init__(self, context: RunContext, node: str) -> None:
        self.context = context
        self._receiver = Receiver(node)
        os.environ.update(context.environment)
        plugins = [self._receiver.tree(shipment)[path] for path, shipment in context.plugins]
        models = [_moved(spec, self._receiver.tree(shipment)) for spec, shipment in context.models]
        networks = self._receiver.files(context.networks)
        setting = context.setting
        self._setting = replace(
            setting,
            networks={name: networks[str(path.absolute())] for name, path in setting.networks.items()},
            plugins=tuple(plugins),
            models=tuple(models),
        )
        self._workbench: Workbench | None = None

    def run(self, message: TaskMessage) -> TaskResult:
        """Execute a task."""
        if package_hash() != self.context.code:
            error = f"Node {os.uname().nodename} has another srbench than this run: install the same on every node."
            return TaskResult(Failure(kind="device", error=error))
        sender = _EventSender(self.context.sink, message)
        try:
            if self._workbench is None:
                self._workbench = self._setting.workbench()
            outcome = self._workbench.carry_out(self._unpack(message), sender)
        except SrbenchError as error:
            outcome = Failure.of(error)
        sender.flush()
        return TaskResult(outcome, _trained_files(outcome) if isinstance(outcome, Path) else {})

    def _unpack(self, message: TaskMessage) -> Task:
        """The task, with its files on this node."""
        task = message.task
        datasets = [self._receiver.dataset(shipment) for shipment in message.datasets]
        files = {path: own for shipment in message.weights for path, own in self._receiver.files(shipment).items()}
        if isinstance(task, CellTask):
            weights = None if task.weights is None else files[str(task.weights)]
            return replace(task, job=replace(task.job, dataset=datasets[0]), weights=weights)
        if isinstance(task, TrainTask):
            for dataset in datasets:
                supply(dataset)
            for path, place in files.items():  # the trainer looks for them by name
                own = trained_folder() / Path(path).name
                if own != place:
                    write_if_changed(own, place.read_bytes())
        return task


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file unless it holds this already: other processes may be reading it.

    Raises:
        OSError: it cannot be read or written.
    """
    if not (path.is_file() and path.read_bytes() == content):
        write_atomically(path, content)


def _moved(spec: Spec, paths: Mapping[str, Path]) -> Spec:
    """A model with its files on this node."""
    return spec.moved(lambda path: paths[str(path.absolute())])


_workers: dict[str, _Worker] = {}


def run_task(message: TaskMessage) -> TaskResult:
    """Execute a task in this process: the body of a Ray task."""
    import ray

    run = message.context.hex()
    if run not in _workers:
        _workers.clear()
        _workers[run] = _Worker(ray.get(message.context), ray.get_runtime_context().get_node_id())
    try:
        return _workers[run].run(message)
    except KeyboardInterrupt:
        return TaskResult(Failure(kind="method", error="interrupted"))


def _trained_files(weights: Path) -> dict[str, bytes]:
    """A weights file, with the curve and its plot."""
    return {path.name: path.read_bytes() for path in [weights, *weights.parent.glob(f"{weights.stem}.*")]}


@lru_cache(maxsize=1)
def package_hash() -> str:
    """The hash of srbench's own code. Methods and metrics have hashes of their own, which each cell checks."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(("methods/", "datasets/", "reference/")):
            digest.update(f"{name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
