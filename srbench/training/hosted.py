"""Trains a method whose code runs in a host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from srbench.data.catalog import supplied
from srbench.errors import MethodError
from srbench.isolation.host import TO_SAVE, Host, RemoteError
from srbench.training.job import Training
from srbench.training.progress import Report, TrainingProgress


def obtain_hosted(
    host: Host,
    training: Training,
    device: str,
    threads: int,
    watch: Callable[[Training], Report],
    again: bool,
    done: set[str],
    waiting: Callable[[str], None],
) -> Path:
    """As :func:`srbench.training.trainer.obtain`, in a host. Interrupted, it leaves its checkpoint there.

    Raises:
        SrbenchError: as there; also if the host ends.
    """
    stages: dict[str, Training] = {}
    stage: Training | None = training
    while stage is not None:
        stages[stage.file_name] = stage
        stage = stage.after
    reports: list[Report] = []

    def hear(event: dict[str, Any]) -> None:
        try:
            if "began" in event:
                reports.append(watch(stages[event["began"]]))
            elif "waiting" in event:
                waiting(str(event["waiting"]))
            elif reports:
                reports[-1](TrainingProgress(**event["progress"]))
        except (KeyError, TypeError) as error:
            raise MethodError(f"{training.method}'s process tells what makes no sense") from error

    try:
        told = host.ask("train", training, supplied(), device, threads, again, done, hear=hear, saving=TO_SAVE)
        path = Path(str(told.head["path"]))
    except RemoteError as error:
        raise MethodError(f"{training.method} raised {error.kind} in training: {error}") from error
    except KeyError:
        raise MethodError(f"{training.method}'s process answered what is no answer") from None
    if path.name != training.file_name or not path.is_file():
        raise MethodError(f"{training.method}'s process trained other weights than it was asked for")
    host.close()  # what a training leaves behind must not decide a value
    return path
