"""Which options go with which engine, and what is said where Ray is missing. No Ray is needed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from srbench.bench.engines import node
from srbench.bench.engines.cluster import Cluster
from srbench.bench.engines.joining import require_answer
from srbench.bench.engines.node import package_hash
from srbench.bench.options import Options, Request
from srbench.bench.planning import make_plan
from srbench.bench.workbench import Setting
from srbench.cli.main import app
from srbench.errors import UsageError
from srbench.plugins.registry import Registry
from srbench.system.installed import install_command


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"engine": "slurm"}, "--engine is local or ray, not 'slurm'."),
        ({"address": "auto"}, "--address and --gpu-share are for --engine ray"),
        ({"gpu_share": 0.5}, "--address and --gpu-share are for --engine ray"),
        ({"engine": "ray", "cell_memory": 8.0}, "--cell-memory is for workers on this machine"),
    ],
)
def test_options_of_the_other_engine_are_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Options(**given).check()
    Options(cell_memory=8.0).check()
    Options(engine="ray", address="auto", gpu_share=0.5).check()


def cluster(device: str) -> Cluster:
    registry = Registry()
    plan = make_plan(Request(methods=("nearest",), scales=(2,)), registry)
    return Cluster(Setting.of(plan, registry, device, 0), lambda task, event: None, print)


def test_ray_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without_ray(name: str, *rest: Any) -> Any:
        return None if name == "ray" else found(name, *rest)

    monkeypatch.setattr("srbench.bench.engines.cluster.find_spec", without_ray)
    with pytest.raises(UsageError, match=re.escape(f"needs Ray: {install_command('ray')} installs it")) as raised:
        cluster("cpu")
    assert raised.value.exit_code == 2


def test_a_gpu_by_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srbench.bench.engines.cluster.find_spec", lambda name: object())
    with pytest.raises(UsageError, match="write --device cuda"):
        cluster("cuda:1")


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nothing_listens_is_said_at_once(scheme: str) -> None:
    with socket.socket() as free, socket.socket() as heard:
        for one in (free, heard):
            one.bind(("127.0.0.1", 0))
        heard.listen()
        with pytest.raises(UsageError, match="There is no Ray cluster at"):
            require_answer(f"{scheme}127.0.0.1:{free.getsockname()[1]}")
        require_answer(f"{scheme}127.0.0.1:{heard.getsockname()[1]}")
    require_answer("auto")
    require_answer("")


def test_the_code_of_the_engine_has_a_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("__init__.py", "protocol.py", "methods/mine.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(node, "PACKAGE", tmp_path)
    before = package_hash.__wrapped__()
    (tmp_path / "methods" / "mine.py").write_text("x = 2\n")  # which has a hash of its own
    assert package_hash.__wrapped__() == before
    (tmp_path / "protocol.py").write_text("x = 2\n")
    assert package_hash.__wrapped__() != before


def test_the_files_for_clusters_are_well_formed() -> None:
    yaml = pytest.importorskip("yaml", reason="comes with the documentation's tools")
    folder = Path(__file__).resolve().parents[2] / "examples" / "cluster"
    if shutil.which("bash"):
        subprocess.run(["bash", "-n", folder / "slurm.sbatch"], check=True)
    claim, job = yaml.safe_load_all((folder / "rayjob.yaml").read_text())
    assert (claim["kind"], job["kind"]) == ("PersistentVolumeClaim", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    assert f"ray:{spec['rayVersion']}-py311" in (folder / "Dockerfile").read_text()
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    # every option of their commands is one of ours
    known = {word for parameter in get_command(app).commands["run"].params for word in parameter.opts}
    for text in (job["spec"]["entrypoint"], (folder / "slurm.sbatch").read_text().partition("\nsrbench run")[2]):
        used = {word for word in text.replace("\n", " ").split() if word.startswith("--")}
        assert used
        assert used <= known


STANDS_IN = {
    "scontrol": "echo node1",
    "srun": 'case "$*" in *hostname*) echo 127.0.0.1;; esac',
    "ray": "exit 0",
    # without the words `run --engine ray --address HOST:PORT`
    "srbench": f'shift 5; exec "{sys.executable}" -m srbench run "$@"',
}


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_slurms_signal_ends_the_run_with_its_exit_code(number: signal.Signals, photos: Path, tmp_path: Path) -> None:
    """With stand-ins for SLURM and Ray: the run is a job in bash's background, which ignores SIGINT."""
    for name, line in STANDS_IN.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "p.py").write_text(
        "import time\nfrom pathlib import Path\nfrom srbench.method import Method, MethodInfo\n"
        "class Slow(Method):\n"
        '    info = MethodInfo(name="slow", family="interpolation", channels="any", input="upsampled", halo=0)\n'
        "    def upscale(self, x, scale):\n"
        f"        Path({str(tmp_path / 'began')!r}).touch()\n        time.sleep(200)\n        return x\n"
    )
    words = ["--methods", "slow", "--datasets", "./photos", "--plugin", "p.py", "--no-report", "--no-speed"]
    process = subprocess.Popen(
        ["bash", Path(__file__).resolve().parents[2] / "examples" / "cluster" / "slurm.sbatch", *words],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "x"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "began").exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "interrupted; what is done is kept. To go on: srbench run" in said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ship": (Path("x"),)}, "--ship and --ship-env are for --engine ray"),
        ({"engine": "ray", "ship": (Path("no/such"),)}, "--ship: there is no no/such"),
        ({"engine": "ray", "ship_env": ("NO_SUCH_NAME",)}, "--ship-env: the environment has no NO_SUCH_NAME"),
    ],
)
def test_what_cannot_be_shipped_is_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Options(**given).check()
    whole = Options(engine="ray", ship=(Path("a"), Path("b c")), ship_env=("HOME",))
    assert whole.words() == ["--engine", "ray", "--ship", "a", "--ship", "b c", "--ship-env", "HOME"]
