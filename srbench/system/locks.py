"""Locks between processes: one process at a time writes a cell, trains weights or fetches a data set.

A lock is an empty file that the system locks for a process, and frees when that process ends, however it ends: what
is left of a killed one blocks nobody. Where the system cannot lock (a read-only folder, a network drive without locks)
there are none: every file is written atomically, so that the worst is work done twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL = 0.2
"""Seconds between two looks at a lock that another process holds."""


class Lock:
    """The lock of a path; not held to begin with."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock

        self._path = path
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Take it; False if another process holds it."""
        from filelock import Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except (OSError, NotImplementedError):  # no locks here
            return True
        return True

    def release(self) -> None:
        """Let go of it."""
        self._lock.release(force=True)


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock, once the process that has it is done.

    Args:
        path: of the lock's file.
        waiting: called once, if another process holds it.
    """
    lock = Lock(path)
    if not lock.acquire():
        waiting()
        while not lock.acquire():
            time.sleep(POLL)
    try:
        yield
    finally:
        lock.release()
