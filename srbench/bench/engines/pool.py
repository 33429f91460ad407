"""Executes tasks in worker processes, so that a crash, a hang or a memory leak fails one cell only.

Process pools of libraries know neither the events of a running task nor what it printed last. Workers are spawned (a
fork of a process with threads, or with CUDA, is broken) and are reused: importing torch takes seconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from srbench.bench.engines.worker import work
from srbench.bench.task import Began, Event, Failure, Hosting, ImageDone, Outcome, Task, TrainTask, Waiting, time_limit
from srbench.bench.workbench import Setting
from srbench.errors import UsageError
from srbench.isolation.host import ending, interrupts_held, own_program_hidden, safe_path
from srbench.isolation.output import Printed, resident_bytes
from srbench.isolation.settle import DUMP
from srbench.training.progress import TrainingProgress

POLL_MEMORY = 0.1
"""Seconds between two checks of the workers' memory."""
POLL_ALIVE = 1.0
"""Seconds between two checks whether workers live: a child that a worker forked can hide its death."""
DUMP_SILENCE = 0.5
"""Seconds without output after which a worker's stack dump counts as complete."""
DUMP_SECONDS = 5.0
"""Most seconds to wait for a worker's stack dump."""
EXIT_SECONDS = 5.0
"""Seconds for an idle worker to exit."""
SAVE_SECONDS = 60.0
"""Seconds for a worker that trains to save its checkpoint."""
_EVENTS = (Began, Hosting, ImageDone, TrainingProgress, Waiting)


@dataclass(slots=True)
class _Worker:
    """A process, its pipes, and its task."""

    process: BaseProcess
    tasks: Connection
    output: Connection
    printed: Printed
    task: Task | None = None
    began: float | None = None
    """When the work itself began: imports and downloads do not count against the time limit."""
    is_used: bool = False
    """Whether it had another task before this one."""
    device: str = ""
    hosts: set[int] = field(default_factory=set)
    """Ids of the host processes that it started for third-party code."""

    @property
    def memory(self) -> int:
        """Bytes of memory of the worker and its hosts."""
        return sum(map(resident_bytes, (self.process.pid, *self.hosts)))


class WorkerPool:
    """An :class:`srbench.bench.interfaces.Executor`.

    Args:
        setting: what workers need.
        on_event: called with each event of a task.
        say: called with each line that a worker prints.
        workers: most processes; they are started as needed.
        devices: what they compute on, in turn; by default what the setting names.
        timeout: seconds after which a cell's process is killed; 0 for no limit.
        memory: bytes that a worker and its hosts may hold; 0 for no limit.

    Raises:
        UsageError: on Windows, which has neither the signals nor the pipes.
    """

    def __init__(
        self,
        setting: Setting,
        on_event: Callable[[Task, Event], None],
        say: Callable[[str], None],
        *,
        workers: int,
        devices: Sequence[str] = (),
        timeout: float = 0.0,
        memory: int = 0,
    ) -> None:
        if os.name == "nt":
            raise UsageError(
                "Worker processes need Linux or macOS: leave out --jobs, --cell-timeout and --cell-memory."
            )
        self._setting = setting
        self._on_event = on_event
        self._say = say
        self._most = workers
        self._devices = tuple(devices) or (setting.device,)
        self._timeout = timeout
        self._memory = memory
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        """Whether another task can be started."""
        return len(self._busy()) < self._most

    def slots(self) -> int:
        """How many workers there may be."""
        return self._most

    def start(self, task: Task) -> None:
        """Give a task to an idle worker, or to a new one."""
        for worker in [worker for worker in self._workers if worker.task is None]:
            if not worker.process.is_alive():
                self._reap(worker)
                continue
            worker.is_used = True
            self._give(worker, task)
            return
        self._give(self._spawn(), task)

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Wait until a task or its worker ends."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            for worker in self._wait(deadline):
                ended = self._handle(worker)
                if ended is not None:
                    return ended
            for worker in self._busy():
                if reason := self._violation(worker):
                    return self._kill_and_report(worker, reason)
                if not worker.process.is_alive() and (ended := self._handle(worker)) is not None:
                    return ended
            if deadline is not None and time.monotonic() >= deadline:
                return None

    def close(self, *, interrupted: bool) -> None:
        """End the workers; interrupted trainings may save their checkpoints first."""
        try:
            saving = [worker for worker in self._busy() if isinstance(worker.task, TrainTask)]
            for worker in saving if interrupted else ():
                with contextlib.suppress(OSError, TypeError):
                    os.kill(worker.process.pid, signal.SIGINT)  # type: ignore[arg-type]  # started, so it has one
            for worker in [worker for worker in self._workers if worker not in saving]:
                if worker.task is not None:
                    self._kill(worker)
                worker.tasks.close()  # which ends an idle worker
            deadline = time.monotonic() + SAVE_SECONDS
            while interrupted and saving and time.monotonic() < deadline:
                saving = [worker for worker in saving if self._is_saving(worker)]
            for worker in self._workers:
                if worker not in saving:
                    _wait_for_exit(worker.process)
        finally:  # also when Ctrl-C is pressed again
            for worker in list(self._workers):
                self._kill(worker)
                self._reap(worker)

    # one worker -----------------------------------------------------------------------------------------------------

    def _spawn(self) -> _Worker:
        spawn = multiprocessing.get_context("spawn")
        tasks, theirs = spawn.Pipe()
        output, printing = spawn.Pipe(duplex=False)
        used = [worker.device for worker in self._workers]
        setting = replace(self._setting, device=min(self._devices, key=used.count))
        process = spawn.Process(target=work, args=(setting, theirs, printing), name="srbench worker")
        with interrupts_held(), own_program_hidden(), safe_path():
            process.start()
        theirs.close()
        printing.close()
        os.set_blocking(output.fileno(), False)
        worker = _Worker(process, tasks, output, Printed(self._say), device=setting.device)
        self._workers.append(worker)
        return worker

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.task, worker.began = task, None
        worker.printed.forget()
        with contextlib.suppress(OSError):  # it has just died, which `next` notices
            worker.tasks.send(task)

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _wait(self, deadline: float | None) -> list[_Worker]:
        """Wait for workers that sent or printed something, or died; returns none when limits are due to be checked."""
        ends = (deadline, *map(self._end_of, self._busy()))
        waits = [
            POLL_MEMORY if self._memory else POLL_ALIVE,
            *(end - time.monotonic() for end in ends if end is not None),
        ]
        of: dict[Any, _Worker] = {}
        for worker in self._workers:
            of |= dict.fromkeys((worker.tasks, worker.process.sentinel), worker)
            if worker.printed.is_open:
                of[worker.output] = worker
        ready = connection.wait(list(of), max(min(waits), 0.0))
        return list({id(of[item]): of[item] for item in ready}.values())

    def _handle(self, worker: _Worker) -> tuple[Task, Outcome] | None:
        """Handle what a worker sent; returns its task and the outcome once the task has ended."""
        worker.printed.read(worker.output.fileno())
        try:
            while worker.tasks.poll():
                message = worker.tasks.recv()
                task = worker.task
                assert task is not None
                if not isinstance(message, _EVENTS):
                    return self._finished(worker, message)
                if isinstance(message, Hosting):
                    worker.hosts.add(message.pid)
                    continue
                if isinstance(message, Began):
                    worker.began = time.monotonic()
                self._on_event(task, message)
        except (EOFError, OSError):  # it is exiting, or a plugin has closed the pipe
            _wait_for_exit(worker.process)
            self._kill(worker)
        return None if worker.process.is_alive() else self._died(worker)

    def _finished(self, worker: _Worker, outcome: Outcome) -> tuple[Task, Outcome]:
        task, worker.task, worker.began = worker.task, None, None
        assert task is not None
        worker.printed.read(worker.output.fileno())
        # memory that this task leaked must not count against the next
        if self._memory and worker.memory > self._memory / 2:
            self._kill(worker)
            self._reap(worker)
        return task, outcome

    def _died(self, worker: _Worker, why: str = "") -> tuple[Task, Outcome] | None:
        """Handle a dead worker: returns its task and the failure; None without a task, or if it is started again."""
        worker.process.join()
        self._kill(worker)  # and its children
        worker.printed.read(worker.output.fileno())
        self._reap(worker)
        task = worker.task
        if task is None:
            return None
        if worker.is_used and not why:  # an earlier task may have broken it
            self._give(self._spawn(), task)
            return None
        error = why or ending(worker.process.exitcode)
        return task, Failure(kind="method", error=error, traceback=worker.printed.traceback(), fatal=True)

    def _end_of(self, worker: _Worker) -> float | None:
        """When a worker passes its time limit; None without a limit."""
        limit = time_limit(worker.task, self._timeout)
        return None if limit is None or worker.began is None else worker.began + limit

    def _violation(self, worker: _Worker) -> str:
        """Which limit a worker has passed, as a sentence; empty for none."""
        until = self._end_of(worker)
        if until is not None and worker.began is not None and time.monotonic() > until:
            return f"did not finish within {until - worker.began:g} s"
        if self._memory and (used := worker.memory) > self._memory:
            return f"held {used / 2**30:.2f} GiB of memory, and --cell-memory allows {self._memory / 2**30:g}"
        return ""

    def _kill_and_report(self, worker: _Worker, reason: str) -> tuple[Task, Outcome]:
        """Kill a worker after it has dumped its stack; returns its task and the failure."""
        if DUMP is not None and worker.process.pid is not None:
            worker.printed.read(worker.output.fileno())
            worker.printed.expect_dump()
            for pid in (worker.process.pid, *worker.hosts):
                with contextlib.suppress(OSError):
                    os.kill(pid, DUMP)
            until = time.monotonic() + DUMP_SECONDS
            while (
                time.monotonic() < until and connection.wait([worker.output], DUMP_SILENCE) and worker.printed.is_open
            ):
                worker.printed.read(worker.output.fileno())  # until it falls silent
        self._kill(worker)
        ended = self._died(worker, reason)
        assert ended is not None
        return ended

    def _is_saving(self, worker: _Worker) -> bool:
        """Whether an interrupted worker is still running; its events are discarded."""
        with contextlib.suppress(EOFError, OSError):
            connection.wait([worker.tasks, worker.output, worker.process.sentinel], POLL_MEMORY)
            worker.printed.read(worker.output.fileno())
            while worker.tasks.poll():
                if not isinstance(worker.tasks.recv(), _EVENTS):
                    return False
        return worker.process.is_alive()

    def _kill(self, worker: _Worker) -> None:
        """Kill a worker and its children."""
        for group in filter(None, (worker.process.pid, *worker.hosts)):
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        worker.process.kill()

    def _reap(self, worker: _Worker) -> None:
        """Clean up after a dead worker."""
        worker.process.join()
        worker.tasks.close()
        worker.output.close()
        if worker in self._workers:
            self._workers.remove(worker)


def _wait_for_exit(process: BaseProcess) -> None:
    """Give a process time to exit. Not by its sentinel, which it can close without exiting."""
    until = time.monotonic() + EXIT_SECONDS
    while process.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
