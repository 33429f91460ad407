"""A process for code of one origin, and the communication with it.

A plugin may patch NumPy, change the working directory, close files or crash: in a process of its own that affects no
other method's values. It gets LR and returns SR; HR is never in its memory.

Processes are forked from a server that has imported torch, so that each starts in a fraction of a second (a fork of a
process with threads, or with CUDA, is broken; the server has neither).
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from numpy.typing import NDArray

from srbench.errors import DataError, DeviceError, MethodError, SrbenchError, UsageError
from srbench.isolation.output import Printed
from srbench.isolation.wire import GarbledError, receive

SERVING = "srbench.bench.serving"
"""The module whose ``serve`` a host runs. By name: it is in a higher layer, and only the host imports it."""
preloaded = [SERVING]
"""Modules that the server has imported when hosts are forked from it."""
EXIT_SECONDS = 2.0
"""Seconds for a host to exit."""
SAVE_SECONDS = 60.0
"""Seconds for a host that trains to save its checkpoint."""
POLL_ALIVE = 1.0
"""Seconds between two checks whether a host lives."""

OnEvent = Callable[[dict[str, Any]], None]
_ERRORS: dict[str, type[SrbenchError]] = {
    kind.__name__: kind for kind in (UsageError, DeviceError, DataError, MethodError)
}


class HostError(MethodError):
    """The process of a method ended, or sent an invalid message.

    Attributes:
        trace: the traceback as far as it is known; else what the process printed last.
    """

    trace: str = ""


class RemoteError(Exception):
    """An exception that code in a host raised.

    Attributes:
        kind: the name of its class.
        trace: its traceback.
    """

    def __init__(self, kind: str, message: str, trace: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace


@dataclass(frozen=True, slots=True)
class Reply:
    """A host's reply to a command: plain data, and arrays."""

    head: dict[str, Any]
    arrays: Sequence[NDArray[Any]] = ()


@dataclass(slots=True)
class Host:
    """A process that runs code of one origin, started with the first command.

    Args:
        origin: whose code it runs; it can be pickled.
        say: called with each line that is printed.
        started: called with the process id.
    """

    origin: object
    say: Callable[[str], None]
    started: Callable[[int], None] = lambda pid: None
    _process: BaseProcess | None = None
    _wire: Connection | None = None
    _output: Connection | None = None
    _life: Connection | None = None
    _printed: Printed = field(init=False)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        """Start nothing yet."""
        self._printed = Printed(self.say)

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """The process id, if there is a process."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; it imports the code in the background."""
        if self._process is not None:
            return
        context = multiprocessing.get_context("forkserver")
        self._wire, theirs = context.Pipe()
        self._output, printing = context.Pipe(duplex=False)
        living, self._life = context.Pipe(duplex=False)
        arguments = (SERVING, self.origin, theirs, printing, living, dict(os.environ))
        self._process = context.Process(target=_begin, args=arguments, name="srbench host")
        start_server()
        with interrupts_held(), own_program_hidden():
            self._process.start()
        for end in (theirs, printing, living):
            end.close()
        os.set_blocking(self._output.fileno(), False)
        self._printed = Printed(self.say)
        _running.append(self)
        assert self._process.pid is not None
        self.started(self._process.pid)

    def ask(
        self, command: str, *arguments: Any, on_event: OnEvent = lambda event: None, most: int = 0, saving: float = 0.0
    ) -> Reply:
        """Send a command, and wait for the reply.

        Args:
            command: a method of the server in the host, without its underscore.
            arguments: values that can be pickled.
            on_event: called with each event before the reply.
            most: most elements of the reply's arrays in all.
            saving: seconds to save work if this is interrupted.

        Raises:
            HostError: the process ended, or sent an invalid message.
            RemoteError: the code raised.
            SrbenchError: the code raised one of srbench's own errors.
        """
        self.start()
        self._printed.forget()
        number = next(self._numbers)
        try:
            try:
                assert self._wire is not None
                self._wire.send((number, command, arguments))
            except OSError:
                raise self._ended() from None
            while True:
                answer = self._next(number, most)
                if "event" not in answer.head:
                    break
                on_event(answer.head["event"])
        except (HostError, GarbledError) as error:
            trouble = error if isinstance(error, HostError) else self._gone("sent an invalid message")
            self.kill()
            raise trouble from None
        except BaseException:  # nobody waits for the reply any more
            if saving:
                self._interrupt()
                self._wait(saving)
            self.kill()
            raise
        self._printed.read(self._output.fileno() if self._output else -1)
        _raise_reported(answer.head)
        return answer

    def kill(self) -> None:
        """Kill the process and its children."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.pid is not None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join(EXIT_SECONDS)
        for end in (self._wire, self._output, self._life):
            if end is not None:
                end.close()
        self._wire = self._output = self._life = None
        if self in _running:
            _running.remove(self)

    def close(self) -> None:
        """End the process once it is idle; what it still prints is passed on."""
        if self._process is not None and self._wire is not None:
            self._wire.close()
            until = time.monotonic() + EXIT_SECONDS
            while self._process.is_alive() and time.monotonic() < until:
                self._listen(0.02)
            self._listen(0.0)
        self.kill()

    # communication ----------------------------------------------------------------------------------------------------

    def _interrupt(self) -> None:
        """Do what Ctrl-C does: a training ends after its batch and saves a checkpoint."""
        if self._process is not None and self._process.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(self._process.pid, signal.SIGINT)

    def _wait(self, seconds: float) -> None:
        """Wait for a pending reply."""
        until = time.monotonic() + seconds
        with contextlib.suppress(HostError, GarbledError, OSError):
            while time.monotonic() < until and "event" in self._next(0, 0).head:
                pass

    def _next(self, number: int, most: int) -> Reply:
        """The next message: an event or the reply.

        Raises:
            HostError: the process ended.
            GarbledError: it is invalid, or replies to another command.
        """
        assert self._wire is not None
        while not self._wire.poll():
            assert self._process is not None
            if not self._listen(POLL_ALIVE) and not self._process.is_alive() and not self._wire.poll():
                raise self._ended()
        try:
            head, arrays = receive(self._wire, most)
        except (EOFError, OSError):
            raise self._ended() from None
        if number and head.pop("number", None) != number:
            raise GarbledError
        return Reply(head, arrays)

    def _listen(self, seconds: float) -> bool:
        """Pass on what is printed until a message arrives; returns whether one has."""
        assert self._process is not None
        wanted: list[Any] = [self._process.sentinel]
        if self._wire is not None and not self._wire.closed:
            wanted.append(self._wire)
        if self._printed.is_open and self._output is not None:
            wanted.append(self._output)
        ready = connection.wait(wanted, seconds)
        if self._output is not None:
            self._printed.read(self._output.fileno())
        return self._wire in ready

    def _ended(self) -> HostError:
        """The error of a process that ended, or closed its pipe."""
        process = self._process
        assert process is not None
        process.join(EXIT_SECONDS)
        if self._output is not None:
            self._printed.read(self._output.fileno())
        alive = process.is_alive()
        return self._gone("closed its pipe to srbench" if alive else ending(process.exitcode))

    def _gone(self, words: str) -> HostError:
        error = HostError(f"its process {'was ' if words.startswith('killed') else ''}{words}")
        error.trace = self._printed.traceback()
        return error


_running: list[Host] = []


@atexit.register
def _end_all() -> None:
    """End all hosts with the program."""
    while _running:
        _running.pop().kill()


def start_server() -> None:
    """Start the server that hosts are forked from, in the background, unless it runs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preloaded)
    with safe_path(), interrupts_held():
        forkserver.ensure_running()


@contextmanager
def safe_path() -> Iterator[None]:
    """Keep a new interpreter from looking for modules in the working directory first, which may hold a random.py."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        os.environ.pop("PYTHONSAFEPATH")
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


def _begin(
    serving: str, origin: object, wire: Connection, output: Connection, life: Connection, environment: dict[str, str]
) -> None:
    """The main function of the process."""
    import importlib

    from srbench.isolation.settle import settle

    settle(output, life, environment)
    importlib.import_module(serving).serve(origin, wire)


def _raise_reported(head: dict[str, Any]) -> None:
    """Raise the exception that a reply reports, if any.

    Raises:
        RemoteError, SrbenchError: the exception.
    """
    reported = head.get("error")
    if reported is None:
        return
    kind, message, trace = (_text(reported.get(name, "")) for name in ("kind", "message", "trace"))
    if kind in _ERRORS:
        error = _ERRORS[kind](message)
        error.__cause__ = RemoteError(kind, message, trace)
        raise error
    raise RemoteError(kind, message, trace)


def _text(value: object) -> str:
    """A host's text, as valid UTF-8."""
    return str(value).encode("utf-8", "replace").decode()


def ending(code: int | None) -> str:
    """How a process ended, in words."""
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        hint = ": did the system run out of memory?" if -code == signal.SIGKILL else ""
        return f"killed by signal {-code} ({name}){hint}"
    return f"exited with {code}"


@contextmanager
def own_program_hidden() -> Iterator[None]:
    """Keep a new process from importing the main program, of which it needs nothing.

    A script that calls :func:`srbench.run` without a guard would be executed again.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, Any] = {name: vars(main).pop(name) for name in ("__spec__", "__file__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Block Ctrl-C while a process is started; the process inherits this until it can handle it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
