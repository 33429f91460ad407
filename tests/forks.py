"""Programs that begin where their imports end: each is a fork of one process that has imported torch.

``python -m srbench`` takes seconds of processor time to import what it needs, and as long again for the server that its
hosts are forked from. Here both are done once. What a test starts is a process of its own all the same: it has its own
folder, environment, standard streams and exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import srbench

LATER = ("NO_PROXY", "PYTEST_CURRENT_TEST", "TORCH_HOME")
"""Variables that nothing reads before the program begins, beside those of srbench."""

IMPORTED = (
    *("cv2", "jinja2", "matplotlib.pyplot", "numpy", "pandas", "pydantic", "rich.progress", "rich.table"),
    *("safetensors.torch", "scipy.ndimage", "scipy.stats", "skimage.metrics", "torch", "typer.rich_utils"),
)
LEFT_OUT = ("srbench.__main__", "srbench.export.snippet")
HERE = Path(__file__).parent


class Forks:
    """Runs programs, the first of which takes as long as any."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a program in this environment can be a fork: all differences are read after the imports."""
        known = self._environment or os.environ
        names = (name for name in known.keys() | environment.keys() if not name.startswith("SRBENCH_"))
        same = all(known.get(name) == environment.get(name) for name in names if name not in LATER)
        return same and hasattr(os, "pidfd_open")

    def run(
        self, words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """What ``python -m srbench`` with these words does in a folder."""
        self._start()
        ours, theirs = socket.socketpair()
        pipes = [os.pipe(), os.pipe()]
        with theirs, Path(os.devnull).open("rb") as stdin:
            socket.send_fds(self._control, [b"!"], [theirs.fileno(), stdin.fileno(), *(end for _, end in pipes)])
        for _, end in pipes:
            os.close(end)
        stdout, stderr = (os.fdopen(end, "rb") for end, _ in pipes)
        with ours, ours.makefile() as answers, stdout, stderr:
            request = {"words": [*words], "cwd": str(cwd), "environment": dict(environment)}
            ours.sendall(json.dumps(request).encode() + b"\n")
            pid = int(answers.readline())
            printed = {stdout: b"", stderr: b""}
            late = time.monotonic() + timeout
            reading: list[Any] = [stdout, stderr, ours]
            while reading:
                ready, _, _ = select.select(reading, [], [], max(0.0, late - time.monotonic()))
                if not ready:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired([*words], timeout, *printed.values())
                for file in ready:
                    part = b"" if file is ours else os.read(file.fileno(), 1 << 16)
                    if part:
                        printed[file] += part
                    else:
                        reading.remove(file)
            texts = (io.TextIOWrapper(io.BytesIO(part)).read() for part in printed.values())
            return subprocess.CompletedProcess([*words], int(answers.readline()), *texts)

    def close(self) -> None:
        """End the process that others are forked from."""
        if self._process is not None:
            self._control.close()
            self._process.wait(60)

    def _start(self) -> None:
        if self._process is not None:
            return
        self._control, theirs = socket.socketpair()
        with theirs:
            code = f"import sys; sys.path.insert(1, {str(HERE)!r}); import forks; forks.serve({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._environment = dict(os.environ)


def serve(number: int) -> None:
    """Fork for whoever asks, until nobody can."""
    from srbench.isolation.host import start_server

    for name in (*IMPORTED, *_own_modules()):
        with contextlib.suppress(ImportError):  # of an extra
            importlib.import_module(name)
    sys.path.remove(str(HERE))
    gc.freeze()
    control = socket.socket(fileno=number)
    waiting: dict[int, tuple[int, socket.socket]] = {}
    server = -1
    while True:
        readable, _, _ = select.select([control, *waiting], [], [])
        for ended in waiting.keys() & set(readable):
            pid, client = waiting.pop(ended)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with client, contextlib.suppress(OSError):
                client.sendall(b"%d\n" % code)
            os.close(ended)
        if control not in readable:
            continue
        _, descriptors, _, _ = socket.recv_fds(control, 1, 4)
        if not descriptors:
            return
        if server < 0 or _has_ended(server):
            start_server()
            server = os.pidfd_open(forkserver._forkserver._forkserver_pid)
        client = socket.socket(fileno=descriptors[0])
        with client.makefile() as requests:
            request = json.loads(requests.readline())
        pid = os.fork()
        if pid == 0:
            for other in (control, client, *(client for _, client in waiting.values())):
                other.close()
            for other in waiting:
                os.close(other)
            _become(request, descriptors[1:], server)
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        client.sendall(b"%d\n" % pid)
        waiting[os.pidfd_open(pid)] = pid, client


def _own_modules() -> Iterator[str]:
    folder = Path(srbench.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        name = ".".join(("srbench", *file.relative_to(folder).with_suffix("").parts))
        if name not in LEFT_OUT:
            yield name.removesuffix(".__init__")


def _has_ended(process: int) -> bool:
    return bool(select.select([process], [], [], 0)[0])


def _become(request: dict[str, Any], streams: Sequence[int], server: int) -> None:
    """Be the program that was asked for, to its end."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for name in ("stdout", "stderr"):  # as they are note what could be done with other files
        old = getattr(sys, name)
        new = os.fdopen(old.fileno(), "w", encoding=old.encoding, errors=old.errors, closefd=False)
        new.reconfigure(line_buffering=old.line_buffering)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["-m", *request["words"]]
    sys.path[0] = request["cwd"]
    tempfile.tempdir = None
    _fork_hosts_from(server)
    try:
        runpy._run_module_as_main("srbench")
    except SystemExit as error:
        code = error.code
    else:
        code = None
    # The interpreter's own end, but for freeing what there is: a third of a second of processor time with torch.
    threading._shutdown()
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    for file in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            file.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _fork_hosts_from(server: int) -> None:
    """Use the server that was started before this process as if it had been started by it."""
    known: Any = forkserver._forkserver

    def ensure_running() -> None:
        resource_tracker.ensure_running()
        if _has_ended(server):
            os.close(known._forkserver_alive_fd)
            known._forkserver_address = known._forkserver_alive_fd = known._forkserver_pid = None
            del known.ensure_running
            forkserver.ensure_running = known.ensure_running
            known.ensure_running()

    known.ensure_running = forkserver.ensure_running = ensure_running
