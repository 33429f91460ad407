"""What a run is made of: tasks that any process can carry out, what it tells meanwhile, and what comes of them.

All of it is plain data that can be sent to another process, or to another machine. A task reads files and writes none
but weights: results go back to the engine, which alone writes them.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from srbench.bench.plan import PlannedJob
from srbench.bench.results import Computed
from srbench.errors import DataError, DeviceError, SrbenchError
from srbench.isolation.host import HostError, RemoteError
from srbench.speed.record import RunSpeed
from srbench.system.plain import LONGEST_ERROR, LONGEST_TRACEBACK
from srbench.system.text import cut
from srbench.training.job import Training
from srbench.training.progress import TrainingProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """Compute a cell; its outcome is a Computed.

    Attributes:
        job: the cell.
        key: what it will be kept by.
        weights: the file, for a learned method.
        weights_sha256: of its tensors.
        images: how many SR images to keep, from the first on.
        hr: whether to keep their HR images too.
    """

    job: PlannedJob
    key: str
    weights: Path | None = None
    weights_sha256: str | None = None
    images: int = 0
    hr: bool = True

    def __str__(self) -> str:
        return str(self.job.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainTask:
    """Train weights; its outcome is their file.

    Attributes:
        training: which.
        again: train them although they are here.
        done: file names of those that this run has dealt with; the weights that these begin with are among them.
    """

    training: Training
    again: bool = False
    done: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"training {self.training}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedTask:
    """Time methods; its outcome is a RunSpeed.

    Attributes:
        asked: the device and threads as asked for.
        scale: the scale.
        methods: their names.
    """

    asked: str
    scale: int
    methods: tuple[str, ...]

    def __str__(self) -> str:
        return "timing the methods"


Task: TypeAlias = CellTask | TrainTask | SpeedTask


def time_limit(task: Task | None, timeout: float) -> float | None:
    """Seconds that a task may take: a cell the timeout, a timing as much for each method, a training all the time.

    Args:
        task: the task; None has no limit.
        timeout: seconds for a cell; 0 for no limit.
    """
    if not timeout or task is None or isinstance(task, TrainTask):
        return None
    return timeout * (len(task.methods) if isinstance(task, SpeedTask) else 1)


@dataclass(frozen=True, slots=True)
class Began:
    """The work itself begins: all that it needs is imported and fetched. For a training: which, as stages differ."""

    training: Training | None = None


@dataclass(frozen=True, slots=True)
class ImageDone:
    """An image is done: its name, and the PNGs of SR and HR if they are to be kept."""

    name: str
    sr: bytes | None = None
    hr: bytes | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another process is at the same thing, and is waited for."""

    what: str


@dataclass(frozen=True, slots=True)
class Hosting:
    """A process was started for code from outside: it counts, and ends, with the one that tells."""

    pid: int


Event: TypeAlias = Began | Hosting | ImageDone | TrainingProgress | Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """No outcome.

    Attributes:
        kind: whose fault it is; a device that is not here ends the run.
        error: one sentence.
        traceback: of Python, as far as there is one.
        fatal: whether it took a process with it.
    """

    kind: Literal["method", "data", "device"]
    error: str
    traceback: str = ""
    fatal: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """What an exception means."""
        kind: Literal["method", "data", "device"] = "method"
        if isinstance(error, DataError):
            kind = "data"
        elif isinstance(error, DeviceError):
            kind = "device"
        if isinstance(error, HostError):
            return cls(kind=kind, error=str(error), traceback=error.trace, fatal=True)
        sentence = str(error) if isinstance(error, SrbenchError) else f"{type(error).__name__}: {error}"
        if isinstance(error, RemoteError):
            sentence = f"{error.kind}: {error}"
        return cls(kind=kind, error=sentence, traceback=_trace_of(error))

    def __post_init__(self) -> None:
        """Cut what is longer than a record keeps, here, before it is sent anywhere."""
        object.__setattr__(self, "error", cut(self.error, LONGEST_ERROR))
        object.__setattr__(self, "traceback", cut(self.traceback, LONGEST_TRACEBACK))


def _trace_of(error: BaseException) -> str:
    """Where it was raised: in a host, if it comes from there."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RemoteError):
            return cause.trace
        cause = cause.__cause__
    return "".join(traceback.format_exception(error))


Outcome: TypeAlias = Computed | Path | RunSpeed | Failure
