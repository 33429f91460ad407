"""What runs on the nodes of a Ray cluster: carries out errands, and tells the run how they go on."""

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
from srbench.training.progress import Progress
from srbench.weights import trained_folder

PACKAGE = Path(__file__).resolve().parents[2]
"""The folder of srbench's own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all errands of a run have in common.

    Attributes:
        setting: what tasks need, without plugins and models.
        code: the hash of the run's srbench.
        plugins: the files of each plugin, and its path where the run is.
        models: the files of each model, and what it is where the run is.
        networks: the files that metrics need.
        environment: variables that are to be set.
        ear: the actor that hears events.
    """

    setting: Setting
    code: str
    plugins: tuple[tuple[str, Shipment], ...]
    models: tuple[tuple[Spec, Shipment], ...]
    networks: Shipment
    environment: Mapping[str, str]
    ear: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A task on its way to a node.

    Attributes:
        task: without the images of its data set.
        number: tells the tasks of a run apart.
        attempt: tells apart the times that it was sent.
        office: a reference to the run's.
        datasets: of a cell its data set; of a training all that have a part in it.
        weights: files that it begins with.
    """

    task: Task
    number: int
    attempt: int
    office: list[Any]
    datasets: tuple[Shipment, ...] = ()
    weights: tuple[Shipment, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What comes of an errand: the outcome, and of a training the files that it has made, by name."""

    outcome: Outcome
    files: dict[str, bytes] = field(default_factory=dict)


class Ear:
    """Hears what errands tell, until the run asks: an actor beside the run."""

    def __init__(self) -> None:
        self._told: list[tuple[int, int, Event]] = []
        self._is_over = False

    def tell(self, number: int, attempt: int, event: Event) -> bool:
        """Note an event; returns whether the run is over."""
        self._told.append((number, attempt, event))
        return self._is_over

    def told(self) -> list[tuple[int, int, Event]]:
        """What was told since the last time."""
        told, self._told = self._told, []
        return told

    def end(self) -> None:
        """Trainings are to leave their checkpoints."""
        self._is_over = True


class _Line:
    """Tells the ear. What is told in a row arrives in a row, and all of it before the errand ends."""

    def __init__(self, office: Office, errand: Errand) -> None:
        self._ear = office.ear
        self._errand = errand
        self._last: Any = None

    def __call__(self, event: Event) -> None:
        import ray

        self._last = self._ear.tell.remote(self._errand.number, self._errand.attempt, event)
        if isinstance(event, ImageDone) and event.sr is not None:
            ray.get(self._last)  # pictures are not to pile up
        elif isinstance(event, Progress) and ray.get(self._last):
            _interrupt()

    def hang_up(self) -> None:
        """Wait until all was heard."""
        import ray

        if self._last is not None:
            ray.get(self._last)


def _interrupt() -> None:
    """What Ctrl-C does here: a training ends with its batch, and leaves a checkpoint. Ray blocks the signal itself."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, None)


class _Desk:
    """Where a process does a run's errands: it stays for the next one, with torch and images in memory."""

    def __init__(self, office: Office, node: str) -> None:
        self.office = office
        self.receiver = Receiver(node)
        os.environ.update(office.environment)
        trees = [(path, self.receiver.tree(shipment)) for path, shipment in office.plugins]
        models = [_there(spec, self.receiver.tree(shipment)) for spec, shipment in office.models]
        networks = self.receiver.files(office.networks)
        setting = office.setting
        self._setting = replace(
            setting,
            networks={name: networks[str(path.absolute())] for name, path in setting.networks.items()},
            plugins=tuple(places[path] for path, places in trees),
            models=tuple(models),
        )
        self._workbench: Workbench | None = None

    def carry_out(self, errand: Errand) -> Delivery:
        """Do it, with its files where they lie on this node."""
        if code_hash() != self.office.code:
            error = f"Node {os.uname().nodename} has another srbench than this run: install the same on every node."
            return Delivery(Failure(kind="device", error=error))
        line = _Line(self.office, errand)
        try:
            if self._workbench is None:
                self._workbench = self._setting.workbench()
            outcome = self._workbench.carry_out(self._unpacked(errand), line)
        except SrbenchError as error:
            outcome = Failure.of(error)
        line.hang_up()
        return Delivery(outcome, _made(outcome) if isinstance(outcome, Path) else {})

    def _unpacked(self, errand: Errand) -> Task:
        task = errand.task
        datasets = [self.receiver.dataset(shipment) for shipment in errand.datasets]
        files = {path: place for shipment in errand.weights for path, place in self.receiver.files(shipment).items()}
        if isinstance(task, CellTask):
            weights = None if task.weights is None else files[str(task.weights)]
            return replace(task, job=replace(task.job, dataset=datasets[0]), weights=weights)
        if isinstance(task, TrainTask):
            for dataset in datasets:
                supply(dataset)
            for path, place in files.items():  # the trainer looks for what it begins with by name
                own = trained_folder() / Path(path).name
                if own != place and not (own.is_file() and own.read_bytes() == place.read_bytes()):
                    write_atomically(own, place.read_bytes())
        return task


def _there(spec: Spec, places: Mapping[str, Path]) -> Spec:
    """A model whose files lie on this node."""
    return spec.moved(lambda path: places[str(path.absolute())])


_desks: dict[str, _Desk] = {}


def run_errand(errand: Errand) -> Delivery:
    """Do an errand in this process: the body of a Ray task."""
    import ray

    known = errand.office[0].hex()
    if known not in _desks:
        _desks.clear()
        _desks[known] = _Desk(ray.get(errand.office[0]), ray.get_runtime_context().get_node_id())
    try:
        return _desks[known].carry_out(errand)
    except KeyboardInterrupt:
        return Delivery(Failure(kind="method", error="interrupted"))


def _made(weights: Path) -> dict[str, bytes]:
    """Weights, with the curve and the figures beside them."""
    return {path.name: path.read_bytes() for path in [weights, *weights.parent.glob(f"{weights.stem}.*")]}


@lru_cache(maxsize=1)
def code_hash() -> str:
    """The hash of srbench's own code. Methods and metrics have hashes of their own, which each cell checks."""
    root = PACKAGE
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(("methods/", "datasets/", "reference/")):
            digest.update(f"{name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
