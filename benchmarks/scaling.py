"""What it costs to have cells computed on a Ray cluster, and how well it scales: cells of known length, and no images.

    python -m benchmarks.scaling --seconds 2 --workers 1,2,4,8,16,32,64

Everything is srbench's own but for the cell itself, which sleeps and returns a result made up beforehand: the engine's
locks and records, the files it writes, Ray's scheduler and object store. The cluster is one machine that claims as many
cores as there are workers, which sleeping cells do not miss. Two things are measured:

- cells of some seconds: the efficiency, which is the time that the cells take by themselves, shared evenly over the
  workers, over the time that the run takes. The workers' processes are started before: a run that takes hours does not
  notice how long they take.
- cells of no length: the time a cell.

Beside both stands the processor time of the run's own process a cell. It bounds the cells a second of one run, however
large the cluster, and depends little on what else the machine does. A part of it grows with the run: run.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srbench.bench.engine import Engine
from srbench.bench.engines.cluster import Cluster
from srbench.bench.engines.node import Errand
from srbench.bench.interfaces import Executor
from srbench.bench.options import Options, Request
from srbench.bench.plan import Plan, PlannedJob, make_plan
from srbench.bench.record import Record
from srbench.bench.results import CellResult, FailedCell, ImageResult
from srbench.bench.store import RunFolder
from srbench.bench.task import Began, CellTask, Event, Failure, ImageDone, SpeedTask
from srbench.bench.workbench import Setting
from srbench.data.dataset import ImageFile, Item
from srbench.plugins.registry import Registry
from srbench.system.hashes import digest

EMPTY_WORKERS = 4
IMAGES = 20
"""A cell has as many rows as one of an ordinary test set; their images are never looked at."""


@dataclass(frozen=True, slots=True)
class Sleeps:
    """A workbench whose cells take a known time."""

    plan: Plan
    seconds: float

    def carry_out(self, task: CellTask | SpeedTask, tell: Callable[[Event], None]) -> CellResult | Failure:
        if isinstance(task, SpeedTask):  # says which process it is: see warm_up
            time.sleep(float(task.asked))
            return Failure(kind="method", error=str(os.getpid()))
        tell(Began())
        time.sleep(self.seconds)
        values = dict.fromkeys(self.plan.scoring.hashes, 30.0)
        rows = tuple(ImageResult(name=str(n), width=480, height=320, values=values) for n in range(IMAGES))
        for row in rows:
            tell(ImageDone(row.name))
        inputs = task.job.inputs(self.plan.scoring, task.weights_sha256)
        return CellResult(
            key=digest(inputs),
            id=task.job.id,
            protocol_hash=self.plan.scoring.protocol.hash,
            values=values,
            images=rows,
            inputs=inputs,
            environment={},
        )


@dataclass(frozen=True, slots=True)
class Simulated(Setting):
    """A setting whose workbench sleeps."""

    seconds: float = 0.0

    def workbench(self) -> Any:
        return Sleeps(self.plan, self.seconds)


class SimulatedEngine(Engine):
    """An engine whose cells sleep."""

    def __init__(self, plan: Plan, registry: Registry, options: Options, seconds: float) -> None:
        self.seconds = seconds
        self.first = self.last = 0.0
        self.done = 0
        super().__init__(plan, registry, options, Silent())

    def _make_executor(self) -> Executor:
        bare = Setting.of(self.plan, self.registry, "cpu", 0)
        fields = {name: getattr(bare, name) for name in Setting.__dataclass_fields__}
        setting: Any = Simulated(**fields, seconds=self.seconds)
        return Cluster(setting, self._hear, print, jobs=self.options.jobs)


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


def measure(workers: int, cells: int, seconds: float) -> tuple[float, float]:
    """Seconds that a run of cells takes on processes that are there already; and of the run's own processor time."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        registry = Registry()
        plan = plan_of(cells, registry, folder)
        options = Options(out=folder, keep_images=0)
        with SimulatedEngine(plan, registry, options, seconds) as engine:
            executor: Any = engine._executor
            executor._jobs = workers  # the cores that Ray is told of
            executor._sender = executor._connect()
            executor._jobs = 0  # and no bound on what is sent ahead
            warm_up(executor, workers)
            began, used = time.perf_counter(), time.process_time()
            engine.execute()
            return time.perf_counter() - began, time.process_time() - used


def warm_up(executor: Any, workers: int) -> None:
    """Have every process started and ready for the first cell."""
    import ray

    pause = 1.0
    found: set[str] = set()
    while len(found) < workers:
        task = SpeedTask(asked=str(pause), scale=2, methods=())
        errand = Errand(task=task, number=0, attempt=0, office=executor._office)
        sent = [executor._run.remote(errand) for _ in range(workers)]
        found |= {delivery.outcome.error for delivery in ray.get(sent)}
        pause += 1.0


def record_seconds(cells: int) -> float:
    """Processor time of writing run.json once, which is done once a second."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plan = plan_of(cells, Registry(), folder)
        record = Record(plan, RunFolder(folder / "run"), "srbench run")
        record.begin()
        began = time.process_time()
        record._write(None)
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,2,4,8,16,32,64")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a cell")
    parser.add_argument("--rounds", type=int, default=5, help="cells a worker")
    parser.add_argument("--empty", type=int, default=200, help="cells of no length, for the overhead")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    for workers in map(int, given.workers.split(",")):
        took, used = measure(workers, workers * given.rounds, given.seconds)
        ideal = given.rounds * given.seconds
        row = {"workers": workers, "cells": workers * given.rounds, "seconds": took, "efficiency": ideal / took}
        row["run_cpu_ms_a_cell"] = used / (workers * given.rounds) * 1e3
        rows.append(row)
        show(row, given.json)
    if given.empty:
        took, used = measure(EMPTY_WORKERS, given.empty, 0.0)
        row = {"workers": EMPTY_WORKERS, "cells": given.empty, "ms_a_cell_of_no_length": took / given.empty * 1e3}
        row["run_cpu_ms_a_cell"] = used / given.empty * 1e3
        rows.append(row)
        show(row, given.json)
    for cells in (100, 1000, 10_000):
        row = {"cells": cells, "cpu_ms_to_write_run_json": record_seconds(cells) * 1e3}
        rows.append(row)
        show(row, given.json)
    if given.json:
        print(json.dumps({"schema_version": 1, "seconds_a_cell": given.seconds, "rows": rows}, indent=1))


def show(row: dict[str, float], as_json: bool) -> None:
    if not as_json:
        print(", ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
