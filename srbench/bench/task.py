"""Tasks of a run, their events and their outcomes.

All are plain data that can be sent to another process or machine. A task writes no files except weights: results go
back to the engine, which alone writes them.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from srbench.bench.part import Part, Span
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
    """Compute a cell: its outcome is a Computed. With a span, a part of it: then it is a Part.

    Attributes:
        job: the cell.
        key: of the cell.
        span: the images to compute; None for all.
        parts: all parts of the cell, if they are computed: then they are put together, and the outcome is a Computed.
        weights: the file, for a learned method.
        weights_sha256: of the tensors.
        images: how many SR images to keep, from the first on.
        hr: whether to keep their HR images too, or where there is no HR enlarged LR.
    """

    job: PlannedJob
    key: str
    span: Span | None = None
    parts: tuple[Part, ...] = ()
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
        training: the training.
        again: train even if the weights exist.
        done: file names of weights that this run has trained or found, including those that this training starts from.
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
        asked: the requested device and threads.
        scale: the scale.
        methods: their names.
        seconds: for the warm-up, and for the runs, of each.
    """

    asked: str
    scale: int
    methods: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return "timing the methods"


Task: TypeAlias = CellTask | TrainTask | SpeedTask


def time_limit(task: Task | None, timeout: float) -> float | None:
    """The time limit of a task in seconds: the timeout for a cell, and per method for a timing; none for a training.

    Args:
        task: None has no limit.
        timeout: seconds for a cell; 0 for no limit.
    """
    if not timeout or task is None or isinstance(task, TrainTask):
        return None
    return timeout * (len(task.methods) if isinstance(task, SpeedTask) else 1)


@dataclass(frozen=True, slots=True)
class Began:
    """The work begins: imports and downloads are done. For a training: of which stage."""

    training: Training | None = None


@dataclass(frozen=True, slots=True)
class ImageDone:
    """An image is done: its name, and the PNGs of SR and HR, or enlarged LR, if they are to be kept.

    ``planes`` are the SR planes that were scored, where they are not the SR image to look at: luma alone, or samples
    that are not rounded.
    """

    name: str
    sr: bytes | None = None
    hr: bytes | None = None
    planes: bytes | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The task waits for another process that does the same."""

    what: str


@dataclass(frozen=True, slots=True)
class Hosting:
    """A host process was started: its memory counts, and it is killed, with the task's process."""

    pid: int


Event: TypeAlias = Began | Hosting | ImageDone | TrainingProgress | Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A task failed.

    Attributes:
        kind: what caused it; ``device`` ends the run.
        error: one sentence.
        traceback: Python's, if there is one.
        fatal: whether it ended a process.
    """

    kind: Literal["method", "data", "device"]
    error: str
    traceback: str = ""
    fatal: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure for an exception."""
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
        """Cut long texts to what a record keeps."""
        object.__setattr__(self, "error", cut(self.error, LONGEST_ERROR))
        object.__setattr__(self, "traceback", cut(self.traceback, LONGEST_TRACEBACK))


def _trace_of(error: BaseException) -> str:
    """The traceback, of the host if the exception comes from one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RemoteError):
            return cause.trace
        cause = cause.__cause__
    return "".join(traceback.format_exception(error))


Outcome: TypeAlias = Computed | Part | Path | RunSpeed | Failure
