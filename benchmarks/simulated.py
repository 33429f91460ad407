"""Cells that sleep: everything is srbench's own but for the cell itself, which returns a result made up beforehand."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srbench.bench.engine import Engine
from srbench.bench.options import Options, Request
from srbench.bench.part import Part
from srbench.bench.plan import Plan, PlannedJob
from srbench.bench.planning import make_plan
from srbench.bench.results import CellResult, Computed, FailedCell, ImageResult
from srbench.bench.task import Began, CellTask, Event, Failure, ImageDone, SpeedTask
from srbench.bench.workbench import Setting
from srbench.data.dataset import ImageFile, Item
from srbench.isolation.watch import Reads
from srbench.metrics.scoring import Scoring
from srbench.plugins.registry import Registry
from srbench.system.hashes import digest

IMAGES = 20
"""A cell has as many rows as one of an ordinary test set; their images are never looked at."""


def lengths(cells: int, mean: float, spread: float) -> list[float]:
    """Seconds of each cell: equal ones, or drawn from a log-normal distribution of that sigma."""
    rng = random.Random(0)
    drawn = [rng.lognormvariate(0.0, spread) if spread else 1.0 for _ in range(cells)]
    return [mean * cells * one / sum(drawn) for one in drawn]


@dataclass(frozen=True, slots=True)
class Sleeps:
    """A workbench whose cells take the time that their seed stands for, and parts of them their share of it."""

    scoring: Scoring
    seconds: tuple[float, ...]

    def carry_out(self, task: CellTask | SpeedTask, tell: Callable[[Event], None]) -> Computed | Part | Failure:
        if isinstance(task, SpeedTask):  # says which process it is: see warm_up
            time.sleep(float(task.asked))
            return Failure(kind="method", error=str(os.getpid()))
        tell(Began())
        first, behind = task.span or (0, IMAGES)
        values = dict.fromkeys(self.scoring.hashes, 30.0)
        rows = tuple(ImageResult(name=str(n), width=480, height=320, values=values) for n in range(first, behind))
        if not task.parts:
            time.sleep(self.seconds[task.job.id.seed] * len(rows) / IMAGES)
            for row in rows:
                tell(ImageDone(row.name))
        if task.span is not None:
            return Part(
                images=rows,
                scored=(),
                extents=(),
                reads=Reads(),
                notes=(),
                unsteady="",
                pairing="",
                same=0,
                environment={},
            )
        inputs = task.job.inputs(self.scoring, task.weights_sha256)
        cell = CellResult(
            key=digest(inputs),
            id=task.job.id,
            protocol_hash=self.scoring.protocol.hash,
            values=values,
            images=rows,
            inputs=inputs,
            environment={},
        )
        return Computed(cell)

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Simulated(Setting):
    """A setting whose workbench sleeps."""

    seconds: tuple[float, ...] = ()

    def workbench(self) -> Any:
        registry = Registry()
        metrics = tuple(registry.metric(name) for name in self.metrics)
        return Sleeps(Scoring(self.protocol, metrics, self.hashes, self.networks), self.seconds)


def simulated(engine: Engine, seconds: tuple[float, ...]) -> Simulated:
    """The setting of an engine's workers."""
    bare = Setting.of(engine.plan, engine.registry, "cpu", 0)
    return Simulated(**{name: getattr(bare, name) for name in Setting.__dataclass_fields__}, seconds=seconds)


class Silent:
    """Watches without a word."""

    def cell_started(self, job: PlannedJob) -> None: ...
    def image_done(self, job: PlannedJob) -> None: ...
    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        assert isinstance(outcome, CellResult), outcome
        assert not known

    def training(self, training: Any) -> Any: ...
    def training_ended(self, training: Any) -> None: ...
    def waiting(self, what: str) -> None: ...
    def output(self, text: str) -> None: ...


def plan_of(cells: int, registry: Registry, folder: Path) -> Plan:
    """So many cells: seeds of one method on a data set whose files are never read."""
    plan = make_plan(Request(methods=("nearest",), scales=(2,)), registry)
    job = plan.jobs[0]
    path = folder / "image"
    path.write_bytes(b"never read")
    items = tuple(Item(str(n), ImageFile(path=path, sha256=str(n))) for n in range(IMAGES))
    dataset = replace(job.dataset, items=items)
    jobs = tuple(replace(job, id=job.id.model_copy(update={"seed": seed}), dataset=dataset) for seed in range(cells))
    return replace(plan, jobs=jobs)


def options_of(folder: Path) -> Options:
    """A run without images."""
    return Options(out=folder, keep_images=0)
