"""What to run and how to execute it: the names, defaults and helps of a run's options. Imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, get_args, get_type_hints

from srbench.errors import UsageError
from srbench.system.device import check_devices, check_threads
from srbench.system.factors import Factor
from srbench.system.places import RUNS

Train = Literal["missing", "always", "never"]
EngineName = Literal["local", "ray"]

DEFAULT_METRICS = ("psnr", "ssim", "mse", "haarpsi")
NO_REFERENCE_METRIC = "niqe"
"""Added to them where a data set has no HR."""
MOST_SECONDS = 10**9
MOST_GIB = 10**6
"""Limits beyond these are none, and clocks and sizes of the system overflow at some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run: the options of ``srbench run`` that decide which numbers come out."""

    methods: Annotated[
        tuple[str, ...],
        (
            "Methods, comma separated: name, name:recipe, name:FILE.toml or globs; models: torch:FILE.py:Class, "
            "spandrel:FILE, onnx:FILE, basicsr:OPTIONS.yml, exported:FILE, torchscript:FILE, hub:ORG/NAME; "
            "SR images: images:DIR; NAME+ is the self-ensemble of any."
        ),
    ] = ("*",)
    datasets: Annotated[
        tuple[str, ...],
        (
            "Data sets: names, name:split, folders, hr=DIR,lr=DIR for pairs, lr=DIR for LR without HR, NAME=DIR, "
            "FILE.toml, hf:ORG/NAME; a comma in a folder's name is \\,."
        ),
    ] = ("embedded",)
    scales: Annotated[tuple[Factor, ...], "Factors by which HR is larger than LR, as 2 or 1.5."] = (2, 3, 4)
    protocol: Annotated[
        str, "vdsr (= classic), srcnn, lapsrn, edsr, selfexsr, … (see `srbench list`), or a TOML file."
    ] = "vdsr"
    metrics: Annotated[
        tuple[str, ...], "What to score; `srbench list` shows what there is. LR images without HR: also niqe."
    ] = DEFAULT_METRICS
    seeds: Annotated[tuple[int, ...], "Seeds of trainings; tables show the mean over them."] = (0,)
    limit: Annotated[int, "Only the first so many images of each data set, for a quick look; 0 is all."] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to execute a run."""

    train: Annotated[Train, "Train weights that are missing, always, or never."] = "missing"
    device: Annotated[str, "auto, cpu, cuda (all GPUs), cuda:1, cuda:0,cuda:1, mps."] = "auto"
    threads: Annotated[int, "CPU threads of torch a process; 0 is one for values, all for timings."] = 0
    jobs: Annotated[
        int | None,
        (
            "Worker processes, each a cell or a part of one at a time; by default as many as there are cores, or GPUs, "
            "and none where there is little to do. 0 runs plugins and models in this process too, for debuggers."
        ),
    ] = None
    """None: as many as the work is worth (:func:`srbench.bench.schedule.workers_for`). Without workers, this process
    computes, and code that is not srbench's own has processes of its own."""
    cell_timeout: Annotated[float, "Seconds after which a cell is given up; 0 never. In a worker."] = 0.0
    cell_memory: Annotated[float, "GiB beyond which a cell's worker is killed; 0 never."] = 0.0
    keep_images: Annotated[int, "SR images kept per cell, from the first on, for crop sheets."] = 20
    out: Annotated[Path, "The folder that holds runs."] = RUNS
    engine: Annotated[EngineName, "Where cells are computed: this machine, or a Ray cluster."] = "local"
    address: Annotated[str, "The Ray cluster: auto, HOST:PORT or ray://HOST:PORT."] = ""
    """Empty for one of this machine's own."""
    gpu_share: Annotated[float, "The part of a GPU that a cell takes on a Ray cluster."] = 1.0
    ship: Annotated[
        tuple[Path, ...], "A file or folder beside a plugin that the nodes of a Ray cluster need. Can be repeated."
    ] = ()
    ship_env: Annotated[tuple[str, ...], "A variable of the environment that they need. Can be repeated."] = ()
    force: Annotated[bool, "Recompute cells that are finished."] = False
    command: str = "srbench run"
    """The command line that repeats the run."""

    @property
    def workers(self) -> int:
        """How many worker processes are asked for; limits need one at least."""
        jobs = self.jobs or 0
        return max(jobs, 1) if self.cell_timeout or self.cell_memory else jobs

    @property
    def one_process(self) -> bool:
        """Whether even code that is not srbench's own runs in this process."""
        return self.in_process and self.jobs == 0

    @property
    def in_process(self) -> bool:
        """Whether cells can be computed in this process."""
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
        check_devices(self.device)
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
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name not in ("force", "command") and value != option.default:
                for one in value if isinstance(value, tuple) else [value]:
                    text = repr(one).removesuffix(".0") if isinstance(one, float) else str(one)
                    words += [f"--{option.name.replace('_', '-')}", text]
        return words


HELP: dict[str, str] = {
    name: hint.__metadata__[0]
    for kind in (Request, Options)
    for name, hint in get_type_hints(kind, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}
"""What each option means, in a sentence."""
