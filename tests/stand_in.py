"""A workbench for workers that need no torch: its tasks are lines of Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.bench.task import Began, Failure


@dataclass(frozen=True)
class Do:
    """Python to be executed; what it calls ``result`` is the outcome."""

    code: str


class Bench:
    """Keeps its names from task to task, as a process keeps what was left in it."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def carry_out(self, task: Do, tell: Callable[[Any], None]) -> Path | Failure:
        tell(Began())
        self.names["result"] = "none"
        try:
            exec(task.code, self.names)
        except Exception as error:
            return Failure.of(error)
        return Path(str(self.names["result"]))


@dataclass(frozen=True)
class Setting:
    """What :class:`srbench.bench.workbench.Setting` is to workers."""

    device: str = "cpu"

    def workbench(self) -> Bench:
        return Bench()
