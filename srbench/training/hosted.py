"""Training of methods whose code runs in a host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from srbench.data.catalog import supplied
from srbench.errors import MethodError
from srbench.isolation.host import SAVE_SECONDS, Host, RemoteError
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
    """As :func:`srbench.training.trainer.obtain`, in a host. If interrupted, it saves its checkpoint.

    Raises:
        SrbenchError: as there; also if the host ends.
    """
    stages: dict[str, Training] = {}
    stage: Training | None = training
    while stage is not None:
        stages[stage.file_name] = stage
        stage = stage.after
    reports: list[Report] = []

    def on_event(event: dict[str, Any]) -> None:
        try:
            if "began" in event:
                reports.append(watch(stages[event["began"]]))
            elif "waiting" in event:
                waiting(str(event["waiting"]))
            elif reports:
                reports[-1](TrainingProgress(**event["progress"]))
        except (KeyError, TypeError) as error:
            raise MethodError(f"{training.method}'s process sends invalid progress") from error

    try:
        reply = host.ask(
            "train", training, supplied(), device, threads, again, done, on_event=on_event, saving=SAVE_SECONDS
        )
        path = Path(str(reply.head["path"]))
    except RemoteError as error:
        raise MethodError(f"{training.method} raised {error.kind} in training: {error}") from error
    except KeyError:
        raise MethodError(f"{training.method}'s process sent an invalid message") from None
    if path.name != training.file_name or not path.is_file():
        raise MethodError(f"{training.method}'s process trained other weights than requested")
    host.close()  # state that a training leaves behind must not change a value
    return path
