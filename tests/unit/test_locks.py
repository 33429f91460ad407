"""Locks between processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from srbench.system.locks import Lock, locked

HOLD = """
import sys, time
from pathlib import Path
from srbench.system.locks import Lock
lock = Lock(Path(sys.argv[1]))
assert lock.acquire()
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that holds a lock."""
    words = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_process_at_a_time_and_the_dead_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    process = holder(path, 600)
    lock = Lock(path)
    assert not lock.acquire()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert lock.acquire()
    lock.release()
    lock.release()  # twice does no harm


def test_who_has_to_wait_is_told_so_once(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    told: list[float] = []
    with locked(path, lambda: told.append(0)):
        pass
    assert not told
    process = holder(path, 1.0)
    with locked(path, lambda: told.append(time.monotonic())):
        assert process.wait() == 0
    assert len(told) == 1


def test_no_locks_in_a_folder_that_cannot_be_written(closed: Path) -> None:
    assert Lock(closed / "a.lock").acquire()


def test_no_locks_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Lock(tmp_path / "file" / "a.lock").acquire()
