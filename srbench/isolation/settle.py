"""Set-up of a process for third-party code: output goes to srbench, and the process ends with the run."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection

DUMP = getattr(signal, "SIGUSR1", None)
"""The signal that makes a process print its stack; None on systems without it."""


def print_to(output: Connection) -> None:
    """Send all output of this process, and the traceback of a crash, to srbench."""
    os.dup2(output.fileno(), 2)
    os.dup2(2, 1)
    sys.stdout = sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    faulthandler.enable(2)
    if DUMP is not None:
        faulthandler.register(DUMP, 2)


def lead_own_group() -> None:
    """Lead an own process group: Ctrl-C in a terminal reaches the run alone, which saves what is worth keeping."""
    if hasattr(os, "setpgid"):
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)


def die_with_parent() -> None:
    """End with the run, even if the run is killed and this process hangs."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            if ctypes.CDLL(None).prctl(1, signal.SIGKILL) == 0:  # PR_SET_PDEATHSIG
                if os.getppid() != parent.pid:  # it was killed before that
                    os._exit(1)
                return
    _watched_by_thread(parent.sentinel)


def settle(output: Connection, life: Connection, environment: Mapping[str, str]) -> None:
    """Set up a process that the server has forked.

    Args:
        output: receives what is printed.
        life: closes when the run ends.
        environment: the run's variables.
    """
    print_to(output)
    lead_own_group()
    os.environ.clear()
    os.environ.update(environment)
    if not _killed_at_end(life):
        _watched_by_thread(life.fileno())


def _killed_at_end(life: Connection) -> bool:
    """Have the kernel kill this process when the other end of a pipe closes: all own threads may hang by then."""
    try:
        import fcntl

        descriptor = life.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    except (ImportError, AttributeError, OSError):
        return False
    if connection.wait([life], 0.0):  # it was closed before that
        os._exit(1)
    return True


def _watched_by_thread(sentinel: int) -> None:
    threading.Thread(target=_watch, args=(sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    """Wait for the end of the run, and end."""
    connection.wait([sentinel])
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(0, signal.SIGKILL)
    os._exit(1)
