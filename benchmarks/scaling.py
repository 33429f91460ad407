"""How well runs scale over workers on this machine and on a Ray cluster: cells of known length, and no images.

    python -m benchmarks.scaling --seconds 2 --workers 1,2,4,8,16,32,64
    python -m benchmarks.scaling --engine local --workers 64 --rounds 156 --spread 1 --empty 0

Everything is srbench's own but for the cell itself, which sleeps (``simulated.py``): the engine's locks and records,
the files it writes, worker processes, Ray's scheduler and object store. The cluster is one machine that claims as many
cores as there are workers, which sleeping cells do not miss. Two things are measured:

- cells of some seconds, with ``--spread`` of uneven ones: the efficiency, which is the time that the cells take by
  themselves, shared evenly over the workers, over the time that the run takes. The workers' processes are started
  before: a run that takes hours does not notice how long they take.
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
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.simulated import Silent, Simulated, lengths, options_of, plan_of, simulated
from srbench.bench.engine import Engine
from srbench.bench.engines.cluster import Cluster
from srbench.bench.engines.node import TaskMessage
from srbench.bench.engines.pool import WorkerPool
from srbench.bench.interfaces import Executor
from srbench.bench.record import Record
from srbench.bench.store import RunFolder
from srbench.bench.task import SpeedTask
from srbench.plugins.registry import Registry

EMPTY_WORKERS = 4
ON_FEW_CORES = {
    "RAY_worker_register_timeout_seconds": "1800",
    "RAY_worker_maximum_startup_concurrency": "4",
    "RAY_idle_worker_killing_time_threshold_ms": "3600000",
    "RAY_memory_monitor_refresh_ms": "0",
}
"""Sixty-four processes that start on two cores take minutes, after which Ray would start others in their place; and to
end and start some that are idle for a second, as Ray does, takes a tenth of the time of cells of four seconds."""


class SimulatedEngine(Engine):
    """An engine whose cells sleep.

    Args:
        name: local or ray.
        workers: how many.
        seconds: of each cell.
        folder: for its run.
    """

    def __init__(self, name: str, workers: int, seconds: list[float], folder: Path) -> None:
        registry = Registry()
        super().__init__(plan_of(len(seconds), registry, folder), registry, options_of(folder), Silent())
        self._name = name
        self._most = workers
        self._lengths = tuple(seconds)

    @cached_property
    def _executor(self) -> Executor:
        setting: Simulated = simulated(self, self._lengths)
        if self._name == "local":
            return WorkerPool(setting, self._on_event, print, workers=self._most)
        return Cluster(setting, self._on_event, print, jobs=self._most)


def measure(name: str, workers: int, seconds: list[float]) -> tuple[float, float]:
    """Seconds that a run of cells takes on processes that are there already; and of the run's own processor time."""
    with tempfile.TemporaryDirectory() as temporary, SimulatedEngine(name, workers, seconds, Path(temporary)) as engine:
        executor: Any = engine._executor
        if name == "ray":
            executor.slots()  # connects, and Ray is told of that many cores
            executor._jobs = 0  # and no bound on what is sent ahead
        warm_up(executor, workers)
        began, used = time.perf_counter(), time.process_time()
        engine.execute()
        return time.perf_counter() - began, time.process_time() - used


def warm_up(executor: Any, workers: int) -> None:
    """Have every process started and ready for the first cell."""
    pause = 1.0
    found: set[str] = set()
    while len(found) < workers:
        task = SpeedTask(asked=str(pause), scale=2, methods=(), seconds=0.0)
        if isinstance(executor, Cluster):
            import ray

            message = TaskMessage(task=task, number=0, attempt=0, context=executor._context)
            found |= {
                result.outcome.error for result in ray.get([executor._run.remote(message) for _ in range(workers)])
            }
        else:
            for _ in range(workers):
                executor.start(task)
            found |= {executor.next()[1].error for _ in range(workers)}
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
    parser.add_argument("--engine", choices=("local", "ray"), default="ray")
    parser.add_argument("--spread", type=float, default=0.0, help="sigma of the logarithm of the cells' lengths")
    parser.add_argument("--workers", default="1,2,4,8,16,32,64")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a cell")
    parser.add_argument("--rounds", type=int, default=5, help="cells a worker")
    parser.add_argument("--empty", type=int, default=200, help="cells of no length, for the overhead")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ |= ON_FEW_CORES
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # where workers find what sleeps
    rows = []
    for workers in map(int, given.workers.split(",")):
        seconds = lengths(workers * given.rounds, given.seconds, given.spread)
        took, used = measure(given.engine, workers, seconds)
        ideal = max(sum(seconds) / workers, *seconds)
        row = {"workers": workers, "cells": workers * given.rounds, "seconds": took, "efficiency": ideal / took}
        row["run_cpu_ms_a_cell"] = used / (workers * given.rounds) * 1e3
        rows.append(row)
        show(row, given.json)
    if given.empty:
        took, used = measure(given.engine, EMPTY_WORKERS, [0.0] * given.empty)
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
