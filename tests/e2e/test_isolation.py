"""Worker processes: what crashes, hangs or grows takes its own cell along; the numbers are the same bits."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import photograph, save

from srbench.weights import read_metadata

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="signals"), pytest.mark.long]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]

HEAD = """
import ctypes, os, sys, time
from torch import nn
from srbench.method import LearnedMethod, Method, MethodInfo, Recipe

def info(name):
    return MethodInfo(name=name, family="interpolation", channels="any", input="upsampled", halo=0)
"""
BAD = {
    "segv": "print('about to crash', flush=True); ctypes.string_at(0)",
    "sleeps": "time.sleep(10**6)",
    "stuck": "ctypes.PyDLL(None).sleep(10**6)",  # and holds the interpreter's lock
    "eats": "held = [b'x' * 2**26 for _ in range(48)]; time.sleep(10**6)",
    "exits": "os._exit(7)",
    "writes": "os.write(1, b'not json'); print('neither'); return x",
}
ERRORS = {
    "segv": "killed by signal 11 (SIGSEGV)",
    "sleeps": "did not finish within 25 s",
    "stuck": "did not finish within 25 s",
    "eats": "GiB of memory, and --cell-memory allows 1.5",
    "exits": "exited with 7",
}
NET = """
class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="lr", halo=1)
    recipes = {"only": Recipe(train=("./train",), validation=("./train",), patch=24, stride=12, batch=4, steps=STEPS,
                              validate_every=STEPS)}
    def network(self, scale):
        return nn.Sequential(nn.Conv2d(1, scale**2, 3, padding=1), nn.PixelShuffle(scale))
"""


@pytest.fixture
def cli(program: Cli) -> Cli:
    """The whole program: that its hosts are apart from it is the matter here."""
    return program


def method(name: str, body: str) -> str:
    return f"class M{name}(Method):\n    info = info('{name}')\n    def upscale(self, x, scale):\n        {body}\n"


def net(folder: Path, steps: int) -> str:
    for number in range(2):
        save(folder / "train" / f"{number}.png", photograph(60, 64, number + 10))
    return NET.replace("STEPS", str(steps))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self").exists()


def said(folder: Path) -> str:
    """What has been printed on stderr so far."""
    return (folder / "stderr").read_text()


def wait_for(condition: Callable[[], object], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_takes_its_process_along_takes_one_cell(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(HEAD + "".join(method(name, body) for name, body in BAD.items()))
    names = "bicubic,segv,sleeps,stuck,eats,exits,writes,nearest"
    words = ("run", "--datasets", "./photos", "--scales", "2", "--no-report", "--no-speed", "--json")
    limits = ("--jobs", "2", "--cell-timeout", "25", "--cell-memory", "1.5")
    result = cli(*words, "--methods", names, "--plugin", "p.py", *limits)
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)  # whatever plugins print
    assert {row["method"] for row in document["results"]} == {"bicubic", "writes", "nearest"}
    failed = {row["method"]: row["error"] for row in document["failed"]}
    assert failed.keys() == ERRORS.keys()
    for name, error in ERRORS.items():
        assert error in failed[name]
    for printed in ("about to crash", "not json", "neither"):
        assert printed in result.stderr
    assert "Traceback" not in result.stderr
    assert "Fatal Python error" not in result.stderr
    (record,) = tmp_path.glob("results/runs/*/run.json")
    traces = {row["id"]["method"]: row["traceback"] for row in json.loads(record.read_text())["failed"]}
    for name in ("segv", "sleeps", "stuck", "eats"):
        assert "p.py" in traces[name]
        assert "in upscale" in traces[name]
    assert "Segmentation fault" in traces["segv"]


def test_the_same_bits_however_many_processes(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(HEAD + net(tmp_path, 20))
    words = ("run", "--methods", "net,bicubic,dcci,srcnn-y,fsrcnn", "--plugin", "p.py", "--datasets", "./photos")
    left = []
    for jobs in ("0", "1", "2"):
        cache = tmp_path / f"cache{jobs}"
        options = ("--scales", "2,3", "--no-report", "--no-speed", "--jobs", jobs, "--out", jobs)
        environment = {"OMP_NUM_THREADS": "2"} if jobs == "0" else {}  # what torch takes by itself is no matter
        result = cli(*words, *options, SRBENCH_CACHE=str(cache), **environment)
        assert result.returncode == 0, result.stderr
        assert "10 computed" in result.stderr
        (run,) = (tmp_path / jobs).iterdir()
        paths = [*run.glob("cells/*.json"), *run.glob("images/**/*.png")]
        left.append({str(path.relative_to(run)): path.read_bytes() for path in paths})
        assert len(paths) == 10 + 2 * 10 + 2 * 2
    assert left[0] == left[1] == left[2]


def test_ctrl_c_keeps_cells_and_checkpoints(
    start: Callable[..., subprocess.Popen[str]], photos: Path, tmp_path: Path, own_cache: Path
) -> None:
    body = "open('pids', 'a').write(f'{os.getpid()}\\n'); time.sleep(10**6)"
    (tmp_path / "p.py").write_text(HEAD + method("slow", body) + net(tmp_path, 10**6))
    words = ("--methods", "bicubic,slow,net", "--plugin", "p.py", "--datasets", "./photos", "--scales", "2")
    process = start("run", *words, "--jobs", "2", "--no-report")
    wait_for(lambda: "training net:only x2" in said(tmp_path) and (tmp_path / "pids").exists())
    process.send_signal(signal.SIGINT)
    process.wait(timeout=240)
    errors = said(tmp_path)
    assert process.returncode == 130, errors
    assert "srbench run --methods bicubic,slow,net --datasets ./photos --scales 2 --jobs 2 --no-report" in errors
    assert "Traceback" not in errors
    assert len(list(tmp_path.glob("results/runs/*/cells/*.json"))) == 1
    (checkpoint,) = (own_cache / "weights" / "checkpoints").glob("net*")  # long before the first that is due
    assert read_metadata(checkpoint)["step"] < 10**6
    assert not is_alive(int((tmp_path / "pids").read_text()))


def test_workers_do_not_outlive_a_killed_run(
    start: Callable[..., subprocess.Popen[str]], photos: Path, tmp_path: Path
) -> None:
    bodies = {"sleeps": BAD["sleeps"], "stuck": BAD["stuck"]}
    note = "open('pids', 'a').write(f'{os.getpid()}\\n'); "
    (tmp_path / "p.py").write_text(HEAD + "".join(method(name, note + body) for name, body in bodies.items()))
    process = start("run", "--methods", "sleeps,stuck", "--plugin", "p.py", "--datasets", "./photos", "--jobs", "2")
    pids = tmp_path / "pids"
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    process.kill()
    wait_for(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()), 10)


def test_two_runs_of_one_folder_share_the_work(
    start: Callable[..., subprocess.Popen[str]], photos: Path, tmp_path: Path
) -> None:
    body = "open(f'done-{os.getpid()}', 'a').write(f'{scale}\\n'); time.sleep(1); return x * 0.9"
    (tmp_path / "p.py").write_text(HEAD + method("slow", body))
    words = ("run", "--methods", "slow", "--plugin", "p.py", "--datasets", "./photos", "--no-speed", "--json")
    both = [start(*words, "--no-report", "--jobs", jobs) for jobs in ("0", "1")]
    documents = []
    for process in both:
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said(tmp_path)
        documents.append(json.loads(out))
    assert documents[0] == documents[1]
    computed = [line for path in tmp_path.glob("done-*") for line in path.read_text().split()]
    assert sorted(computed) == sorted("222333444")  # two images at three scales, and the first again, each once
    (run,) = (tmp_path / "results" / "runs").iterdir()
    assert len(list(run.glob("cells/*.json"))) == 3


def test_a_full_disk_is_one_sentence(photos: Path, tmp_path: Path) -> None:
    """Stood in for by a limit on the size of files."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    result = subprocess.run(
        [sys.executable, "-m", "srbench", "run", "--methods", "bicubic", "--datasets", "./photos", "--out", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    assert result.returncode == 4
    assert "Results cannot be written to out/" in result.stderr
    assert "Traceback" not in result.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_up_in_mid_run(cli: Cli, photos: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        result = cli("run", "--methods", "bicubic,nearest", "--datasets", "./photos", "--out", "disk")
        assert result.returncode == 4, result.stderr
        assert "No space left on device" in result.stderr
        assert "Traceback" not in result.stderr
        for path in disk.rglob("*.json"):
            json.loads(path.read_text())
    finally:
        subprocess.run(["umount", disk], check=True)


def test_code_that_changes_in_mid_run_is_not_taken_for_the_planned_one(
    start: Callable[..., subprocess.Popen[str]], photos: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "p.py"
    crash = "open('begun', 'w'); time.sleep(2); os._exit(1)"
    plugin.write_text(HEAD + method("crashes", crash) + method("mine", "return x"))
    words = ("run", "--methods", "crashes,mine", "--plugin", "p.py", "--datasets", "./photos", "--scales", "2")
    process = start(*words, "--jobs", "1", "--no-report", "--no-speed", "--json")
    wait_for((tmp_path / "begun").exists)
    plugin.write_text(plugin.read_text().replace("return x", "return x * 0"))
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 3, said(tmp_path)
    failed = {row["method"]: row["error"] for row in json.loads(out)["failed"]}
    assert failed["crashes"] == "its process exited with 1"
    assert "was changed while the run was going on" in failed["mine"]
