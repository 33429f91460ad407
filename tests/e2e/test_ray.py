"""The Ray engine, on real clusters of two nodes on one machine: the local engine's files, come what may."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from srbench.weights import read_metadata, weights_sha256

pytestmark = pytest.mark.long

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

PLUGIN = """
import os, signal, time
from pathlib import Path
from torch import nn
from srbench.method import LearnedMethod, Method, MethodInfo, Recipe

def info(name):
    return MethodInfo(name=name, family="interpolation", channels="any", input="upsampled", halo=0)

def cache():
    # not by os.environ: a variable that a method reads is in the cell's key, and nodes have other caches
    pairs = (pair.partition("=") for pair in Path("/proc/self/environ").read_text().split("\\0"))
    return {name: value for name, _, value in pairs}["SRBENCH_CACHE"]

class Slow(Method):
    # notes where it computes, and waits until the test has seen that
    info = info("slow")
    def upscale(self, x, scale):
        with open("NOTES/began", "a") as file:
            file.write(f"{scale} {cache()}\\n")
        while not Path("NOTES/go").exists():
            time.sleep(0.05)
        return x * 0.98

class Deadly(Method):
    info = info("deadly")
    def upscale(self, x, scale):
        with open("NOTES/died", "a") as file:
            file.write("x")
        stat = Path(f"/proc/{os.getppid()}/stat").read_text()  # of the server that this process was forked from
        os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)  # Ray's process, which started the server
        time.sleep(60)

class Exits(Method):
    info = info("exits")
    def upscale(self, x, scale):
        os._exit(7)

class Noted(nn.Conv2d):
    def forward(self, x):
        if self.training:
            Path("NOTES/trained").touch()
        return super().forward(x)

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="lr", halo=1)
    recipes = {
        "only": Recipe(train=("./train",), validation=("./train",), patch=24, stride=12, batch=4, steps=20,
                       validate_every=20),
        "endless": Recipe(train=("./train",), validation=("./train",), patch=24, stride=12, batch=4, steps=10**6,
                          validate_every=10**6),
    }
    def network(self, scale):
        return nn.Sequential(Noted(1, scale**2, 3, padding=1), nn.PixelShuffle(scale))
"""
WORDS = ("run", "--plugin", "p.py", "--datasets", "./photos", "--no-report", "--no-speed", "--json")


class Nodes:
    """A Ray cluster: a head, and one more node, each with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.folder = folder
        self._cluster = Cluster()
        self.head = self.add("head")
        self.other = self.add("other")

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def cache(self, name: str) -> Path:
        return self.folder / f"cache-{name}"

    def add(self, name: str) -> Any:
        cache = self.cache(name)
        own = {"SRBENCH_CACHE": str(cache), "SRBENCH_DATA": str(cache / "data"), "RAY_USAGE_STATS_ENABLED": "0"}
        head = {"include_dashboard": False} if name == "head" else {}
        return self._cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20, env_vars=own, **head)

    def lose(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    cluster = Nodes(tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def steady_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster that several tests share, since none takes a node away."""
    cluster = Nodes(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture
def work(tmp_path: Path, photos: Path) -> Path:
    """A folder with a plugin, images to score and images to train on; the nodes know none of them."""
    from conftest import photograph, save

    (tmp_path / "p.py").write_text(PLUGIN.replace("NOTES", str(tmp_path)))
    for number in range(2):
        save(tmp_path / "train" / f"{number}.png", photograph(60, 64, number + 10))
    return tmp_path


def left_by(out: Path) -> dict[str, bytes]:
    """Cells and pictures of the run in a folder of runs."""
    (run,) = [path for path in out.iterdir() if path.is_dir()]
    paths = [*run.glob("cells/*.json"), *run.glob("images/**/*.png")]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str], stderr: Path) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, stderr.read_text()
        assert time.monotonic() < deadline, stderr.read_text()
        time.sleep(0.05)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_node_is_lost_in_the_middle(
    cli: Cli, start: Callable[..., subprocess.Popen[str]], nodes: Nodes, work: Path, own_cache: Path
) -> None:
    words = (*WORDS, "--methods", "bicubic,net:only,slow", "--scales", "2,3")
    process = start(*words, "--engine", "ray", "--address", nodes.address, "--out", "ray")
    # both nodes are at a cell that waits, and some others are stored
    began = work / "began"
    wait_for(lambda: len({line.split()[1] for line in lines(began)}) == 2, process, work / "stderr")
    wait_for(lambda: len(list(work.glob("ray/*/cells/*.json"))) >= 2, process, work / "stderr")
    stored = {path: path.stat().st_mtime_ns for path in work.glob("ray/*/cells/*.json")}
    nodes.lose(nodes.other)
    wait_for(lambda: "a node was lost" in (work / "stderr").read_text(), process, work / "stderr")
    (work / "go").touch()
    out, _ = process.communicate(timeout=240)
    said = (work / "stderr").read_text()
    assert process.returncode == 0, said
    assert "cells: 6 computed, 0 known before, 0 failed" in said
    assert {path: path.stat().st_mtime_ns for path in stored} == stored
    scales = [line.split()[0] for line in lines(began)]
    lost = [line.split()[0] for line in lines(began) if line.endswith("cache-other")]
    assert sorted(scales) == sorted([*"222333", *lost])  # each image, and the first again; but for what was under way
    # the nodes had the plugin, the images and what is trained from the run alone
    assert list(nodes.cache("other").glob("shipped/*/*.png"))
    # and the local engine, with weights of its own, leaves the same bytes
    local = cli(*words, "--out", "local", SRBENCH_CACHE=str(work / "cache-local"))
    assert local.returncode == 0, local.stderr
    assert json.loads(out)["results"] == json.loads(local.stdout)["results"]
    assert left_by(work / "ray") == left_by(work / "local")
    assert len(left_by(work / "ray")) == 6 + 2 * 6 + 2 * 2
    trained = sorted((own_cache / "weights").glob("*.safetensors"))
    assert len(trained) == 2
    for path in trained:
        assert weights_sha256(path) == weights_sha256(work / "cache-local" / "weights" / path.name)
        assert path.with_suffix(".csv").is_file()
    again = cli(*words, "--engine", "ray", "--address", nodes.address, "--out", "ray")
    assert "cells: 0 computed, 6 known before, 0 failed" in again.stderr


def test_what_kills_its_process_fails_one_cell(cli: Cli, steady_nodes: Nodes, work: Path) -> None:
    (work / "go").touch()
    words = (*WORDS, "--methods", "deadly,exits,nearest,slow", "--scales", "2")
    result = cli(*words, "--engine", "ray", "--address", steady_nodes.address)
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)
    assert {row["method"] for row in document["results"]} == {"nearest", "slow"}
    assert [row["error"] for row in document["failed"]] == ["its process crashed, twice", "its process exited with 7"]
    assert (work / "died").read_text() == "xx"  # once more, as an earlier cell may have broken the process; no more


def test_ctrl_c_keeps_what_is_done_and_what_limits_a_cell(
    cli: Cli, start: Callable[..., subprocess.Popen[str]], steady_nodes: Nodes, work: Path
) -> None:
    words = (*WORDS, "--engine", "ray", "--address", steady_nodes.address, "--scales", "2")
    process = start(*words, "--methods", "bicubic,slow,net:endless")
    stderr = work / "stderr"

    def all_began() -> bool:
        return (work / "began").exists() and (work / "trained").exists() and "bicubic photos x2" in stderr.read_text()

    wait_for(all_began, process, stderr)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=120)
    assert process.returncode == 130, stderr.read_text()
    assert "To go on: srbench run --methods bicubic,slow,net:endless" in stderr.read_text()
    assert f"--engine ray --address {steady_nodes.address}" in stderr.read_text()
    assert "Traceback" not in stderr.read_text()
    assert len(list(work.glob("results/runs/*/cells/*.json"))) == 1
    (checkpoint,) = steady_nodes.folder.glob("cache-*/weights/checkpoints/net*")  # long before the first that is due
    assert read_metadata(checkpoint)["step"] < 10**6
    # a cell that hangs is given up, and its node computes the next one
    result = cli(*words, "--methods", "slow,nearest", "--cell-timeout", "2", "--jobs", "1")
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)
    assert [row["error"] for row in document["failed"]] == ["did not finish within 2 s"]
    assert {row["method"] for row in document["results"]} == {"nearest"}


def test_another_srbench_on_a_node_is_refused(steady_nodes: Nodes, work: Path) -> None:
    """The run takes its own code for another than it is, as nodes find the run's modules on one machine."""
    words = (*WORDS, "--methods", "nearest", "--scales", "2", "--engine", "ray", "--address", steady_nodes.address)
    code = "import srbench.bench.engines.cluster as c, srbench.cli.main as m; c.package_hash = lambda: 'x'; m.main()"
    result = subprocess.run([sys.executable, "-c", code, *words], cwd=work, capture_output=True, text=True, timeout=240)
    assert result.returncode == 2, result.stderr
    assert "has another srbench than this run: install the same on every node." in result.stderr
    assert "Traceback" not in result.stderr


SHIPPED = """
import os, time
from pathlib import Path
from srbench.method import Method, MethodInfo

class Scaled(Method):
    info = MethodInfo(name="scaled", family="interpolation", channels="any", input="upsampled", halo=0)
    def upscale(self, x, scale):
        factor = float((Path(__file__).parent / "data" / "factor.txt").read_text())
        factor *= float(os.environ["SECOND_FACTOR"])
        with open("NOTES/began", "a") as file:
            file.write(f"{os.environ['SRBENCH_CACHE']}\\n")
        while len(set(Path("NOTES/began").read_text().split())) < int(os.environ["PLACES"]):
            time.sleep(0.05)
        return x * factor
"""


def test_files_and_variables_that_a_plugin_needs_reach_the_nodes(cli: Cli, steady_nodes: Nodes, work: Path) -> None:
    (work / "p.py").write_text(SHIPPED.replace("NOTES", str(work)))
    (work / "data").mkdir()
    (work / "data" / "factor.txt").write_text("0.9")
    words = (*WORDS, "--methods", "scaled", "--scales", "2,3")
    on_ray = ("--engine", "ray", "--address", steady_nodes.address)
    ship = ("--ship", "data", "--ship-env", "SECOND_FACTOR", "--ship-env", "PLACES")
    environment = {"SECOND_FACTOR": "0.5", "PLACES": "2"}  # both nodes are at it at the same time
    lacking = cli(*words, *on_ray, **environment)
    assert lacking.returncode == 3, lacking.stderr
    assert not (work / "began").exists()
    result = cli(*words, *on_ray, *ship, **environment)
    assert result.returncode == 0, result.stderr
    local = cli(*words, "--out", "local", **environment | {"PLACES": "1"})
    assert json.loads(result.stdout)["results"] == json.loads(local.stdout)["results"]
    (there,) = steady_nodes.cache("other").glob("shipped/trees/*/data/factor.txt")
    assert there.read_text() == "0.9"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A head as `ray start` starts one, in a home without a token; it wants one all the same."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
    words += ["--num-cpus=1", "--include-dashboard=false", f"--object-store-memory={80 * 2**20}"]
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
    with (tmp_path / "head").open("wb") as told:
        process = subprocess.Popen(words, stdout=told, stderr=told, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while "Ray runtime started" not in (tmp_path / "head").read_text():
        said = (tmp_path / "head").read_text()
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    yield process, f"127.0.0.1:{port}"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


TOKEN = "a" * 32


def test_tokens_sigterm_and_a_lost_head(
    cli: Cli,
    start: Callable[..., subprocess.Popen[str]],
    started: tuple[subprocess.Popen[bytes], str],
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, address = started
    words = (*WORDS, "--methods", "slow", "--scales", "2", "--engine", "ray")
    on_ray = (*words, "--address", address)
    for other in ({}, {"RAY_AUTH_TOKEN": "b" * 32}, {"RAY_AUTH_MODE": "token"}):
        refused = cli(*on_ray, **other)  # Ray itself asks for 20 seconds
        assert refused.returncode == 2
        assert refused.stderr == (
            f"srbench: The Ray cluster at {address} wants a token that this run does not have: set "
            "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the one that the cluster was started "
            "with.\n"
        )
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    stderr = work / "stderr"
    process = start(*on_ray)
    wait_for(lambda: lines(work / "began"), process, stderr)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130, stderr.read_text()
    assert "interrupted; what is done is kept. To go on: srbench run" in stderr.read_text()
    (work / "began").unlink()
    process = start(*on_ray)
    wait_for(lambda: lines(work / "began"), process, stderr)
    os.killpg(head.pid, signal.SIGKILL)
    assert process.wait(timeout=120) == 5, stderr.read_text()
    assert "srbench: The Ray cluster is gone (" in stderr.read_text()
    assert "Traceback" not in stderr.read_text()

    # a cluster of the run's own leaves no token, with which the next cluster would refuse
    (work / "go").touch()
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    alone = cli(*words)
    assert alone.returncode == 0, alone.stderr
    assert not (work / ".ray").exists()
