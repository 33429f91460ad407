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
import weakref
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import srbench

LATER = (
    *("HOME", "OLDPWD", "PATH", "PWD", "PYTHONPATH", "SHLVL", "_", "MPLCONFIGDIR", "PYTEST_CURRENT_TEST", "TORCH_HOME"),
    *("HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"),
)
LATER_PREFIXES = ("HF_", "RAY_", "SRBENCH_")
"""Variables that nothing reads before the program begins. PYTHONPATH is read for it: :func:`_added_folders`."""
AT_FIRST = os.environ.get("PYTHONPATH", "")
FROM_THE_START = ("sitecustomize.py", "srbench")
"""What a folder in PYTHONPATH must not hold, for it would have been imported before."""
NOT_YET = {"datasets", "huggingface_hub", "ray"}
"""What reads some of them as it is imported."""

IMPORTED = (
    *("cv2", "jinja2", "matplotlib.pyplot", "numpy", "pandas", "pydantic", "rich.progress", "rich.table"),
    *("onnx", "onnxruntime", "safetensors.torch", "scipy.ndimage", "scipy.stats", "skimage.metrics", "torch"),
    *("torch._dynamo", "torch.onnx._internal.exporter._core", "typer.rich_utils"),
)
OF_HOSTS = ("piq", "spandrel", "torch._dynamo", "torchmetrics")
"""What takes code in hosts a second and more to import."""
LEFT_OUT = ("srbench.__main__", "srbench.export.snippet")
HERE = Path(__file__).parent
COMMAND = """#!{python}
import sys
sys.path.insert(0, {here!r})
from forks import command
command({folder!r})
"""


def skip_fsync() -> None:
    """Let the system decide when files reach the disk: no test cuts the power, and many would wait for it."""
    os.fsync = lambda fd: None


class Forks:
    """Runs programs, the first of which takes as long as any.

    Args:
        folder: for a socket, and for a program ``srbench`` that shell scripts find if it is in their PATH.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self, words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """What ``python -m srbench`` with these words does in a folder."""
        pipes = [os.pipe(), os.pipe()]
        with Path(os.devnull).open("rb") as stdin:
            asked = _ask(self.folder, words, cwd, environment, (stdin.fileno(), *(end for _, end in pipes)))
        for _, end in pipes:
            os.close(end)
        stdout, stderr = (os.fdopen(end, "rb") for end, _ in pipes)
        with asked, asked.makefile() as answers, stdout, stderr:
            pid = int(answers.readline())
            printed = {stdout: b"", stderr: b""}
            late = time.monotonic() + timeout
            reading: list[Any] = [stdout, stderr, asked]
            while reading:
                ready, _, _ = select.select(reading, [], [], max(0.0, late - time.monotonic()))
                if not ready:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired([*words], timeout, *printed.values())
                for file in ready:
                    part = b"" if file is asked else os.read(file.fileno(), 1 << 16)
                    if part:
                        printed[file] += part
                    else:
                        reading.remove(file)
            texts = (io.TextIOWrapper(io.BytesIO(part)).read() for part in printed.values())
            return subprocess.CompletedProcess([*words], int(answers.readline()), *texts)

    def start(self) -> None:
        """Have it ready."""
        if self._process is not None:
            return
        environment = os.environ | {"PYTHONPATH": AT_FIRST}  # not that of the test which happens to be the first
        (self.folder / "environment.json").write_text(json.dumps(environment))
        program = self.folder / "srbench"
        program.write_text(COMMAND.format(python=sys.executable, here=str(HERE), folder=str(self.folder)))
        program.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "socket"))
            listener.listen()
            number = listener.fileno()
            # not from the folder that tests are started in: a test is of the srbench that is installed
            code = f"import sys; sys.path[0] = {str(HERE)!r}; import forks; forks.serve({number})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
            )

    def close(self) -> None:
        """End the process that others are forked from."""
        if self._process is not None:
            self._process.communicate(timeout=60)


def suits(folder: Path, environment: Mapping[str, str]) -> bool:
    """Whether a program in this environment can be a fork: all differences are read after the imports."""
    known = json.loads((folder / "environment.json").read_text())
    added = _added_folders(known, environment)
    return not any(Path(each, name).exists() for each in added for name in FROM_THE_START) and all(
        name in LATER or name.startswith(LATER_PREFIXES) or known.get(name) == environment.get(name)
        for name in known.keys() | environment.keys()
    )


def _added_folders(known: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """The folders that an environment's PYTHONPATH has and a known one's has not."""
    before, after = (one.get("PYTHONPATH", "").split(os.pathsep) for one in (known, environment))
    return [each for each in after if each and each not in before]


def command(folder: str) -> None:
    """The program ``srbench`` of shell scripts."""
    if not suits(Path(folder), os.environ):
        os.execv(sys.executable, [sys.executable, "-m", "srbench", *sys.argv[1:]])
    with _ask(Path(folder), sys.argv[1:], Path.cwd(), os.environ, (0, 1, 2)) as asked, asked.makefile() as answers:
        _, code = answers.readline(), int(answers.readline())
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def _ask(
    folder: Path, words: Sequence[str], cwd: Path, environment: Mapping[str, str], streams: Sequence[int]
) -> socket.socket:
    """Have a program started; what is returned tells its process and then its exit code, a line each."""
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(str(folder / "socket"))
    socket.send_fds(asked, [b"!"], streams)
    request = {"words": [*words], "cwd": str(cwd), "environment": dict(environment)}
    asked.sendall(json.dumps(request).encode() + b"\n")
    return asked


def serve(number: int) -> None:
    """Fork for whoever asks, until standard input ends."""
    from srbench.data.catalog import load_manifest, manifest_names
    from srbench.isolation.host import preloaded, start_server
    from srbench.report.html.assets import PACKED, library

    for name in (*IMPORTED, *_own_modules()):
        with contextlib.suppress(ImportError):  # of an extra
            importlib.import_module(name)
    assert not NOT_YET & sys.modules.keys()
    for name in manifest_names():
        load_manifest(name)
    for package in PACKED:
        library(package)
    preloaded.extend(OF_HOSTS)
    sys.path.remove(str(HERE))
    _forget_the_end()
    skip_fsync()
    gc.freeze()
    gc.set_threshold(20_000)
    listener = socket.socket(fileno=number)
    waiting: dict[int, tuple[int, socket.socket]] = {}
    server = -1
    while True:
        readable, _, _ = select.select([0, listener, *waiting], [], [])
        for ended in waiting.keys() & set(readable):
            pid, asked = waiting.pop(ended)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with asked, contextlib.suppress(OSError):
                asked.sendall(b"%d\n" % code)
            os.close(ended)
        if 0 in readable:
            return
        if listener not in readable:
            continue
        if server < 0 or _has_ended(server):
            start_server()
            server = os.pidfd_open(forkserver._forkserver._forkserver_pid)
        asked, _ = listener.accept()
        _, streams, _, _ = socket.recv_fds(asked, 1, 3)
        with asked.makefile() as requests:
            request = json.loads(requests.readline())
        pid = os.fork()
        if pid == 0:
            for other in (listener, asked, *(asked for _, asked in waiting.values())):
                other.close()
            for other in waiting:
                os.close(other)
            _become(request, streams, server)
        for stream in streams:
            os.close(stream)
        asked.sendall(b"%d\n" % pid)
        waiting[os.pidfd_open(pid)] = pid, asked


def _forget_the_end() -> None:
    """Leave what libraries do at an interpreter's end to this process: half of what a short program takes."""
    from torch._dynamo.utils import dump_compile_times

    atexit.unregister(dump_compile_times)
    for known in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        known.atexit = False


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
    for name in ("stdin", "stdout", "stderr"):  # as they are note what could be done with other files
        old = getattr(sys, name)
        mode = "r" if name == "stdin" else "w"
        new = os.fdopen(old.fileno(), mode, encoding=old.encoding, errors=old.errors, closefd=False)
        new.reconfigure(line_buffering=old.line_buffering)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    os.chdir(request["cwd"])
    sys.path[1:1] = _added_folders(os.environ, request["environment"])
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
