"""Fixtures that several folders of tests share. No test touches the user's own cache, data or weights."""

from __future__ import annotations

import fcntl
import functools
import gc
import itertools
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from forks import OF_HOSTS, Forks, skip_fsync, suits

from srbench.isolation import host
from srbench.report.plots import drawing

# Files of tests run side by side, a core each; threads of torch that wait for one another would spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# `tools` is the repository's, not the package's. Last, so that srbench is the one that is installed.
sys.path.append(str(Path(__file__).parents[1]))

host.preloaded.extend(OF_HOSTS)

skip_fsync()
# Reports that tests write themselves are drawn where matplotlib is imported; those of programs in processes, as ever.
drawing.MANY = 10**6
_NUMBERS = itertools.count()


def pytest_collection_finish() -> None:
    """What is there by now stays; looking through it for garbage again and again is a tenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Once = Callable[[str, Callable[[], Any]], Any]


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Undo what a library that a test uses has put into the environment; where it differs, no program can be a fork."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the test's own. pytest's looks through those of all tests before it for the next number."""
    folder = tmp_path_factory.getbasetemp() / f"{re.sub(r'[^a-zA-Z0-9_]', '_', request.node.name)[:27]}{next(_NUMBERS)}"
    folder.mkdir(0o700)
    return folder


@pytest.fixture(autouse=True)
def own_cache(own_environment: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    cache = tmp_path_factory.getbasetemp() / "caches" / str(next(_NUMBERS))
    cache.mkdir(0o700, parents=True)
    monkeypatch.setenv("SRBENCH_CACHE", str(cache))
    monkeypatch.setenv("SRBENCH_DATA", str(cache / "data"))
    monkeypatch.setenv("SRBENCH_DATASETS", str(cache / "own"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return cache


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes what takes long once for all processes of a test run: by its name, and a function."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def made(name: str, make: Callable[[], Any]) -> Any:
        path = folder / f"{name}.pickle"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_bytes(pickle.dumps(make()))
        return pickle.loads(path.read_bytes())

    return made


@pytest.fixture(scope="session")
def torchlib() -> None:
    """Have torch's exporter parse the sources of its functions once, and not half a second for each graph."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    parsed = functools.cache(ONNXRegistry.from_torchlib)
    ONNXRegistry.from_torchlib = staticmethod(parsed)  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks | None]:
    """Starts programs whose imports are done, where the system can."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:  # a short name, as a socket's must be
        forks = Forks(Path(folder))
        yield forks
        forks.close()


@pytest.fixture
def program(tmp_path: Path) -> Cli:
    """Runs ``srbench`` as a user does, from the interpreter's start to its end, in an empty folder."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "srbench", *words],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def cli(tmp_path: Path, program: Cli, forks: Forks | None) -> Cli:
    """The same without the seconds that imports take, where the environment allows."""
    if forks is None:
        return program
    forks.start()

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        whole = {**os.environ, **environment}
        return forks.run(words, tmp_path, whole, 300) if suits(forks.folder, whole) else program(*words, **environment)

    return run


def hear_interrupts() -> None:
    """For ``preexec_fn``: programs that a shell starts in the background ignore SIGINT, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the program in the background."""
    started: list[subprocess.Popen[str]] = []

    def popen(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "srbench", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "stderr").open("a"),
            text=True,
            preexec_fn=hear_interrupts,
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth RGB picture with edges and a little texture: (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = []
    for _ in range(3):
        a, b, c = rng.uniform(0.05, 0.4, 3)
        plane = 120 + 60 * np.sin(a * x + b * y) + 40 * ((x * c + y) % 17 > 8) + rng.normal(0, 3, x.shape)
        planes.append(plane)
    return np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8)


def save(path: Path, image: np.ndarray) -> Path:
    """Write an RGB, RGBA or gray image by OpenCV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = {2: image, 3: image[..., ::-1] if image.ndim == 3 else image}[image.ndim]
    if image.ndim == 3 and image.shape[2] == 4:
        order = image[..., [2, 1, 0, 3]]
    assert cv2.imwrite(str(path), order)
    return path


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that nobody can write into, root neither."""
    folder = tmp_path / "closed"
    if os.geteuid() != 0:
        folder.mkdir(mode=0o500)
    elif Path("/sys/kernel").is_dir():
        folder.symlink_to("/sys/kernel")
    else:
        pytest.skip("root may write everywhere")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two small photographs."""
    folder = tmp_path / "photos"
    save(folder / "first.png", photograph(48, 60, 1))
    save(folder / "second.png", photograph(53, 41, 2))
    return folder
