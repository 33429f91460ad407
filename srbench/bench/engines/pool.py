"""Carries out tasks in worker processes, so that what crashes, hangs or grows takes one cell along and no more.

A supervisor of its own, since libraries' pools know neither what a task tells while it goes on nor what it last
printed. Workers are spawned (a fork of a process with threads, or with CUDA, is broken) and stay for the next task:
importing torch takes them seconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from srbench.bench.engines.worker import serve
from srbench.bench.task import Began, Event, Failure, Hosting, ImageDone, Outcome, Task, TrainTask, Waiting, time_limit
from srbench.bench.workbench import Setting
from srbench.errors import UsageError
from srbench.isolation.host import ending, interrupts_held, own_program_hidden, safe_path
from srbench.isolation.output import Printed, resident_bytes
from srbench.isolation.settle import DUMP
from srbench.training.progress import Progress

LOOK = 0.1
"""Seconds between two looks at the workers' memory."""
TURN = 1.0
"""Seconds between two looks at whether workers live: a child that a worker forked can hide its death."""
TO_TELL = 0.5
"""Seconds of silence after which a worker that hangs has told where it is, or cannot."""
TO_DUMP = 5.0
"""Seconds after which it has told, though it be not silent."""
TO_END = 5.0
"""Seconds for a worker with nothing to do to end."""
TO_SAVE = 60.0
"""Seconds for a worker that trains to leave its checkpoint."""
_EVENTS = (Began, Hosting, ImageDone, Progress, Waiting)


@dataclass(slots=True)
class _Worker:
    """A process, its pipes, and what it is at."""

    process: BaseProcess
    tasks: Connection
    output: Connection
    printed: Printed
    task: Task | None = None
    began: float | None = None
    """When the work itself did: imports and downloads are on nobody's clock."""
    is_used: bool = False
    """Whether it had another task before."""
    hosts: set[int] = field(default_factory=set)
    """The processes that it has started for code from outside."""

    @property
    def held(self) -> int:
        """Bytes of memory, with those of its hosts."""
        return sum(map(resident_bytes, (self.process.pid, *self.hosts)))


class Pool:
    """An :class:`srbench.bench.engine.Executor`.

    Args:
        setting: what workers need.
        hear: told what a task tells.
        say: told what a worker prints.
        workers: how many processes at most; they are started as tasks come.
        timeout: seconds after which a cell's process is killed; 0 for none.
        memory: bytes that a process may hold; 0 for any.

    Raises:
        UsageError: on Windows, which has neither the signals nor the pipes.
    """

    def __init__(
        self,
        setting: Setting,
        hear: Callable[[Task, Event], None],
        say: Callable[[str], None],
        *,
        workers: int,
        timeout: float = 0.0,
        memory: int = 0,
    ) -> None:
        if os.name == "nt":
            raise UsageError(
                "Worker processes need Linux or macOS: leave out --jobs, --cell-timeout and --cell-memory."
            )
        self._setting = setting
        self._hear = hear
        self._say = say
        self._most = workers
        self._timeout = timeout
        self._memory = memory
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        """Whether another task can be started."""
        return len(self._busy()) < self._most

    def start(self, task: Task) -> None:
        """Give a task to an idle worker, or to a new one."""
        for worker in [worker for worker in self._workers if worker.task is None]:
            if not worker.process.is_alive():
                self._bury(worker)
                continue
            worker.is_used = True
            self._give(worker, task)
            return
        self._give(self._spawn(), task)

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Wait until a task ends, or its worker does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            for worker in self._ready(deadline):
                ended = self._attend(worker)
                if ended is not None:
                    return ended
            for worker in self._busy():
                if reason := self._transgression(worker):
                    return self._put_down(worker, reason)
                if not worker.process.is_alive() and (ended := self._attend(worker)) is not None:
                    return ended
            if deadline is not None and time.monotonic() >= deadline:
                return None

    def close(self, *, interrupted: bool) -> None:
        """End the workers. Of those at work only trainings are waited for, until they have left their checkpoints."""
        try:
            saving = [worker for worker in self._busy() if isinstance(worker.task, TrainTask)]
            for worker in saving if interrupted else ():
                with contextlib.suppress(OSError, TypeError):
                    os.kill(worker.process.pid, signal.SIGINT)  # type: ignore[arg-type]  # started, so it has one
            for worker in [worker for worker in self._workers if worker not in saving]:
                if worker.task is not None:
                    self._kill(worker)
                worker.tasks.close()  # to an idle one this says that all is over
            deadline = time.monotonic() + TO_SAVE
            while interrupted and saving and time.monotonic() < deadline:
                saving = [worker for worker in saving if self._is_saving(worker)]
            for worker in self._workers:
                if worker not in saving:
                    _wait_for_end(worker.process)
        finally:  # also when Ctrl-C is pressed again
            for worker in list(self._workers):
                self._kill(worker)
                self._bury(worker)

    # one worker -----------------------------------------------------------------------------------------------------

    def _spawn(self) -> _Worker:
        spawn = multiprocessing.get_context("spawn")
        tasks, theirs = spawn.Pipe()
        output, printing = spawn.Pipe(duplex=False)
        process = spawn.Process(target=serve, args=(self._setting, theirs, printing), name="srbench worker")
        with interrupts_held(), own_program_hidden(), safe_path():
            process.start()
        theirs.close()
        printing.close()
        os.set_blocking(output.fileno(), False)
        worker = _Worker(process, tasks, output, Printed(self._say))
        self._workers.append(worker)
        return worker

    def _give(self, worker: _Worker, task: Task) -> None:
        worker.task, worker.began = task, None
        worker.printed.forget()
        with contextlib.suppress(OSError):  # it has just died, which will be noticed
            worker.tasks.send(task)

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _ready(self, deadline: float | None) -> list[_Worker]:
        """The workers that have something to say, or have died; none if it is time to look after them."""
        ends = (deadline, *map(self._end_of, self._busy()))
        waits = [LOOK if self._memory else TURN, *(end - time.monotonic() for end in ends if end is not None)]
        of: dict[Any, _Worker] = {}
        for worker in self._workers:
            of |= dict.fromkeys((worker.tasks, worker.process.sentinel), worker)
            if worker.printed.is_open:
                of[worker.output] = worker
        ready = connection.wait(list(of), max(min(waits), 0.0))
        return list({id(of[item]): of[item] for item in ready}.values())

    def _attend(self, worker: _Worker) -> tuple[Task, Outcome] | None:
        """Take what a worker has to say; its task and the outcome if that is the end of it."""
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
                self._hear(task, message)
        except (EOFError, OSError):  # it is ending, or a plugin has closed what is not its own
            _wait_for_end(worker.process)
            self._kill(worker)
        return None if worker.process.is_alive() else self._died(worker)

    def _finished(self, worker: _Worker, outcome: Outcome) -> tuple[Task, Outcome]:
        task, worker.task, worker.began = worker.task, None, None
        assert task is not None
        worker.printed.read(worker.output.fileno())
        # what this cell has left must not count against the next
        if self._memory and worker.held > self._memory / 2:
            self._kill(worker)
            self._bury(worker)
        return task, outcome

    def _died(self, worker: _Worker, why: str = "") -> tuple[Task, Outcome] | None:
        """A worker has ended by itself, or was ended; None if that is nobody's end, since it goes on elsewhere."""
        worker.process.join()
        self._kill(worker)  # what it had started in turn
        worker.printed.read(worker.output.fileno())
        self._bury(worker)
        task = worker.task
        if task is None:
            return None
        if worker.is_used and not why:  # an earlier task may have left it broken
            self._give(self._spawn(), task)
            return None
        error = why or ending(worker.process.exitcode)
        return task, Failure(kind="method", error=error, traceback=worker.printed.traceback(), fatal=True)

    def _end_of(self, worker: _Worker) -> float | None:
        """When a worker's time is over."""
        limit = time_limit(worker.task, self._timeout)
        return None if limit is None or worker.began is None else worker.began + limit

    def _transgression(self, worker: _Worker) -> str:
        """Which limit a worker has passed, in words; empty for none."""
        until = self._end_of(worker)
        if until is not None and worker.began is not None and time.monotonic() > until:
            return f"did not finish within {until - worker.began:g} s"
        if self._memory and (held := worker.held) > self._memory:
            return f"held {held / 2**30:.2f} GiB of memory, and --cell-memory allows {self._memory / 2**30:g}"
        return ""

    def _put_down(self, worker: _Worker, reason: str) -> tuple[Task, Outcome]:
        """Kill a worker, once it has told where it is."""
        if DUMP is not None and worker.process.pid is not None:
            worker.printed.read(worker.output.fileno())
            worker.printed.expect_dump()
            for pid in (worker.process.pid, *worker.hosts):
                with contextlib.suppress(OSError):
                    os.kill(pid, DUMP)
            until = time.monotonic() + TO_DUMP
            while time.monotonic() < until and connection.wait([worker.output], TO_TELL) and worker.printed.is_open:
                worker.printed.read(worker.output.fileno())  # until it is silent
        self._kill(worker)
        ended = self._died(worker, reason)
        assert ended is not None
        return ended

    def _is_saving(self, worker: _Worker) -> bool:
        """Whether a worker that was interrupted is still there; what it tells is of no interest any more."""
        with contextlib.suppress(EOFError, OSError):
            connection.wait([worker.tasks, worker.output, worker.process.sentinel], LOOK)
            worker.printed.read(worker.output.fileno())
            while worker.tasks.poll():
                if not isinstance(worker.tasks.recv(), _EVENTS):
                    return False
        return worker.process.is_alive()

    def _kill(self, worker: _Worker) -> None:
        """Kill a worker and what it has started."""
        for group in filter(None, (worker.process.pid, *worker.hosts)):
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        worker.process.kill()

    def _bury(self, worker: _Worker) -> None:
        """Forget a worker that is dead."""
        worker.process.join()
        worker.tasks.close()
        worker.output.close()
        if worker in self._workers:
            self._workers.remove(worker)


def _wait_for_end(process: BaseProcess) -> None:
    """Give a process some time to end. Not by its sentinel, which it can close and live on."""
    until = time.monotonic() + TO_END
    while process.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
