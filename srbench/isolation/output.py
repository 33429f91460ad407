"""What a process prints, and how much memory it holds."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path

KEPT = 200
"""Lines of a task's output that are kept in case there is no traceback."""
MOST_TRACE = 1000
"""Lines of a traceback."""
AT_ONCE = 2**20
"""Most bytes per read, so that endless output does not block."""
MOST_SAID = 2**18
"""Most characters of a task's output that are passed on."""
LONGEST_LINE = 2000
"""Characters of a line."""


class Printed:
    """What a worker prints: passed on line by line, except for faulthandler's traceback of a crash.

    Args:
        say: called with each line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.is_open = True
        self._say = say
        self._part = b""
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._dump: list[str] | None = None
        self._said = 0

    def expect_dump(self) -> None:
        """Treat the next output as the stack dump that was requested."""
        self._dump = []

    def forget(self) -> None:
        """Start anew for another task."""
        self._lines.clear()
        self._dump = None
        self._said = 0

    def read(self, descriptor: int) -> None:
        """Read what is available, up to :data:`AT_ONCE`, without waiting."""
        taken = 0
        try:
            while data := os.read(descriptor, 65536):
                *lines, self._part = (self._part + data).split(b"\n")
                self._part = self._part[-4 * LONGEST_LINE :]
                for line in lines:
                    self._take(line.decode("utf-8", "replace").rstrip("\r"))
                taken += len(data)
                if taken >= AT_ONCE:
                    return
            self.is_open = False
        except BlockingIOError:
            return
        except OSError:
            self.is_open = False

    def traceback(self) -> str:
        """The worker's stack when it ended, if known; else what it printed last."""
        if self._part:
            self._take(self._part.decode("utf-8", "replace"))
            self._part = b""
        return "\n".join(self._dump or self._lines)

    def _take(self, line: str) -> None:
        if len(line) > LONGEST_LINE:
            line = f"{line[:LONGEST_LINE]} ..."
        if self._dump is None and line.startswith("Fatal Python error"):
            self._dump = []
        if self._dump is not None:
            if len(self._dump) < MOST_TRACE:
                self._dump.append(line)
            return
        self._lines.append(line)
        if self._said < MOST_SAID:
            self._said += len(line) + 1
            self._say(line if self._said < MOST_SAID else "... it prints more than is shown here")


def resident_bytes(pid: int | None) -> int:
    """The resident memory of a process in bytes; 0 if it has ended or that is unknown."""
    if pid is None:
        return 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):  # macOS, BSD
        result = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
        return int(result.stdout) * 1024
    return 0
