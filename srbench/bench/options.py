"""How to execute a run, as opposed to what to run. Light: the command line takes its defaults from here."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from srbench.errors import UsageError
from srbench.system.device import check_device, check_threads
from srbench.system.places import RUNS

Train = Literal["missing", "always", "never"]
EngineName = Literal["local", "ray"]

MOST_SECONDS = 10**9
MOST_GIB = 10**6
"""Limits beyond these are none, and clocks and sizes of the system overflow at some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to execute, as opposed to what."""

    train: Train = "missing"
    device: str = "auto"
    threads: int = 0
    """CPU threads of torch; 0 is one for values, and all for timings."""
    jobs: int | None = None
    """Worker processes. None: this process computes, unless cells have limits, and code that is not srbench's own has
    processes of its own; 0: all in this process, for debuggers."""
    cell_timeout: float = 0.0
    """Seconds after which a cell is given up; 0 never."""
    cell_memory: float = 0.0
    """GiB of memory beyond which a worker is killed; 0 never."""
    keep_images: int = 20
    """SR images kept for each cell, from the first on, for crop sheets."""
    out: Path = RUNS
    engine: EngineName = "local"
    address: str = ""
    """Of the Ray cluster; empty for one of this machine's own."""
    gpu_share: float = 1.0
    """The part of a GPU that a cell takes on a Ray cluster."""
    ship: tuple[Path, ...] = ()
    """Files and folders beside plugins that the nodes of a Ray cluster need."""
    ship_env: tuple[str, ...] = ()
    """Variables of the environment that they need."""
    force: bool = False
    command: str = "srbench run"
    """The command line that repeats the run."""

    @property
    def workers(self) -> int:
        """How many worker processes; limits need one at least."""
        jobs = self.jobs or 0
        return max(jobs, 1) if self.cell_timeout or self.cell_memory else jobs

    @property
    def one_process(self) -> bool:
        """Whether even code that is not srbench's own runs in this process."""
        return self.in_process and self.jobs == 0

    @property
    def in_process(self) -> bool:
        """Whether cells are computed in this process."""
        return self.engine == "local" and not self.workers

    def check(self) -> None:
        """Refuse what does not exist, and what does not go together.

        Raises:
            UsageError: says which.
        """
        if self.train not in get_args(Train):
            raise UsageError(f"--train is missing, always or never, not '{self.train}'.")
        if self.engine not in get_args(EngineName):
            raise UsageError(f"--engine is local or ray, not '{self.engine}'.")
        if self.engine == "local" and (self.address or self.gpu_share != 1.0):
            raise UsageError("--address and --gpu-share are for --engine ray: add it, or leave them out.")
        if self.engine == "local" and (self.ship or self.ship_env):
            raise UsageError("--ship and --ship-env are for --engine ray: here, everything is at hand; leave them out.")
        for path in self.ship:
            if not path.exists():
                raise UsageError(f"--ship: there is no {path}.")
        for name in self.ship_env:
            if name not in os.environ:
                raise UsageError(f"--ship-env: the environment has no {name}: export it, or leave it out.")
        if self.engine == "ray" and self.cell_memory:
            raise UsageError(
                "--cell-memory is for workers on this machine: leave it out, Ray watches its nodes' memory."
            )
        check_device(self.device)
        check_threads(self.threads)
        for name in ("jobs", "keep_images"):
            if (getattr(self, name) or 0) < 0:
                raise UsageError(f"--{name.replace('_', '-')} is 0 or more, not {getattr(self, name)}.")
        for name, most in (("cell_timeout", MOST_SECONDS), ("cell_memory", MOST_GIB)):
            if not 0 <= getattr(self, name) <= most:  # nor NaN
                raise UsageError(f"--{name.replace('_', '-')} is a number from 0 to {most}, not {getattr(self, name)}.")
        if not 0.01 <= self.gpu_share <= 1.0:
            raise UsageError(f"--gpu-share is from 0.01 to 1, not {self.gpu_share}.")

    def words(self) -> list[str]:
        """The words of the command line that a resumed run needs: what is not as it would be without them."""
        words = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ("force", "command") and value != field.default:
                for one in value if isinstance(value, tuple) else [value]:
                    text = repr(one).removesuffix(".0") if isinstance(one, float) else str(one)
                    words += [f"--{field.name.replace('_', '-')}", text]
        return words
