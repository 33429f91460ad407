"""A worker: a process that carries out tasks one by one, until its pipe closes. Here runs what may crash."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection

from srbench.bench.task import Failure
from srbench.bench.workbench import Setting
from srbench.errors import SrbenchError

DUMP = getattr(signal, "SIGUSR1", None)
"""The signal at which a worker prints where it is; systems without it do not tell."""


def serve(setting: Setting, tasks: Connection, output: Connection) -> None:
    """The life of a worker.

    Args:
        setting: what tasks need.
        tasks: brings them; events and outcomes go back.
        output: gets all that is printed here.
    """
    try:
        _settle_down(output)
        try:
            workbench = setting.workbench()
        except SrbenchError as error:  # a plugin that was edited meanwhile
            while True:
                tasks.recv()
                tasks.send(Failure.of(error))
        while True:
            tasks.send(workbench.carry_out(tasks.recv(), tasks.send))
            sys.stdout.flush()
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return  # the run is over, or gone


def _settle_down(output: Connection) -> None:
    """Print to the run and not to its results, tell where it crashed, and outlive nobody."""
    os.dup2(output.fileno(), 2)
    os.dup2(2, 1)
    sys.stdout = sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    faulthandler.enable(2)
    if DUMP is not None:
        faulthandler.register(DUMP, 2)
    if hasattr(os, "setpgid"):  # Ctrl-C in a terminal is for the run, which knows what is worth keeping
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _die_with_parent()


def _die_with_parent() -> None:
    """End when the run ends, even if that was killed and this process hangs."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            if ctypes.CDLL(None).prctl(1, signal.SIGKILL) == 0:  # PR_SET_PDEATHSIG
                if os.getppid() != parent.pid:  # it was killed before that
                    os._exit(1)
                return
    threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    """Wait for the end of the run, and end."""
    connection.wait([sentinel])
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(0, signal.SIGKILL)
    os._exit(1)
