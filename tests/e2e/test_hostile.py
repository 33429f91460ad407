"""What went wrong when somebody tried to break it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import photograph, save

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--methods", "bicubic,nearest", "--scales", "2", "--no-report", "--no-speed")

HEAD = """
import sys
from srbench.method import Method, MethodInfo
from srbench.metrics.metric import Metric

def info(name):
    return MethodInfo(name=name, family="interpolation", channels="any", input="upsampled", halo=0)
"""


def plugin(folder: Path, body: str, name: str = "p.py") -> Path:
    path = folder / name
    path.write_text(HEAD + body)
    return path


def method(name: str, body: str) -> str:
    return f"class M{name}(Method):\n    info = info('{name}')\n    def upscale(self, x, scale):\n        {body}\n"


def psnrs(result: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], Any]:
    rows = json.loads(result.stdout)["results"]
    return {(row["method"], row["dataset"]): row["value"] for row in rows if row["metric"] == "psnr"}


def test_the_same_images_under_another_name(cli: Cli, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "copy")
    first = psnrs(cli(*RUN, "--datasets", "./photos", "--json"))
    renamed = cli(*RUN, "--datasets", "./copy", "--json")
    assert renamed.returncode == 0
    assert "0 computed, 2 known before" in renamed.stderr
    assert psnrs(renamed) == {(name, "copy"): value for (name, _), value in first.items()}
    both = cli(*RUN, "--datasets", "./photos,./copy", "--json")
    assert set(psnrs(both)) == {(name, folder) for name in ("bicubic", "nearest") for folder in ("photos", "copy")}
    table = cli("report", "--no-plots").stdout
    assert "not run yet" not in table


def test_the_same_protocol_under_another_name(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "vdsr"\n')
    cli(*RUN, "--datasets", "./photos")
    mine = cli(*RUN, "--datasets", "./photos", "--protocol", "mine.toml", "--json")
    assert mine.returncode == 0
    assert {row["protocol"] for row in json.loads(mine.stdout)["results"]} == {"mine"}


def test_hr_pictures_belong_to_the_images_that_were_scored(cli: Cli, photos: Path, tmp_path: Path) -> None:
    words = ("run", "--methods", "bicubic", "--scales", "2", "--datasets", "./photos", "--no-report", "--no-speed")
    cli(*words)
    save(photos / "first.png", photograph(48, 60, 99))
    cli(*words)
    kept = [path for path in (tmp_path / "results").rglob("first.png") if "/hr/" in str(path)]
    assert len({path.read_bytes() for path in kept}) == len(kept) == 2


def test_results_removed_in_mid_run_are_no_success(cli: Cli, photos: Path, tmp_path: Path) -> None:
    body = "import shutil, pathlib; [shutil.rmtree(p) for p in pathlib.Path('results/runs').glob('*/cells')]; return x"
    plugin(tmp_path, method("vandal", body))
    words = ("run", "--methods", "bicubic,vandal", "--plugin", "p.py", "--scales", "2", "--no-report", "--no-speed")
    result = cli(*words, "--datasets", "./photos")
    assert result.returncode == 4


def test_an_interrupted_run_is_not_taken_for_the_one_before(cli: Cli, photos: Path, tmp_path: Path) -> None:
    plugin(tmp_path, method("mine", "return x"))
    words = ["run", "--methods", "mine", "--plugin", "p.py", "--scales", "2,3", "--datasets", "./photos"]
    cli(*words, "--no-report", "--no-speed")
    assert cli("check", "--write", "base.csv").returncode == 0
    assert cli("check", "--reference", "base.csv").returncode == 0
    plugin(tmp_path, method("mine", "import time; open('begun', 'w'); time.sleep(60)"))
    process = subprocess.Popen([sys.executable, "-m", "srbench", *words], cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    check = cli("check", "--reference", "base.csv")
    assert check.returncode == 1
    assert "no result" in check.stdout


def test_a_report_never_outlives_its_numbers(cli: Cli, photos: Path, tmp_path: Path) -> None:
    plugin(tmp_path, method("mine", "return x"))
    words = ("run", "--methods", "mine", "--plugin", "p.py", "--scales", "2", "--datasets", "./photos")
    assert cli(*words).returncode == 0
    plugin(tmp_path, method("mine", "raise ValueError('boom')"))
    assert cli(*words).returncode == 3
    (report,) = tmp_path.glob("results/runs/*/report/report.md")
    assert "boom" in report.read_text()
    assert "0 of 1 cells" in report.read_text()


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit(0)",
        "from srbench.protocols.protocol import get_protocol; get_protocol('nonsense')",
        "from srbench.errors import DataError; raise DataError('not mine')",
        "from srbench.system.files import StoreError; raise StoreError('not mine')",
        "return (x * 255).byte()",
    ],
)
def test_whatever_a_method_does_the_others_are_scored(cli: Cli, photos: Path, tmp_path: Path, body: str) -> None:
    plugin(tmp_path, method("bad", body))
    words = (
        "run",
        "--methods",
        "bad,bicubic,nearest",
        "--plugin",
        "p.py",
        "--scales",
        "2",
        "--no-report",
        "--no-speed",
    )
    result = cli(*words, "--datasets", "./photos", "--json")
    assert result.returncode == 3, result.stderr
    assert {name for name, _ in psnrs(result)} == {"bicubic", "nearest"}
    (failed,) = json.loads(result.stdout)["failed"]
    assert failed["method"] == "bad"
    assert failed["kind"] == "method"


@pytest.mark.parametrize("recipe", ["protocol='nope'", "train=('./nowhere',)", "train=('no-such-set',)"])
def test_a_recipe_that_cannot_be_trained_fails_its_own_cells(
    cli: Cli, photos: Path, tmp_path: Path, recipe: str
) -> None:
    body = "from torch import nn\nfrom srbench.method import LearnedMethod, Recipe\n"
    body += f"class Net(LearnedMethod):\n    info = info('net')\n    recipes = {{'only': Recipe({recipe})}}\n"
    body += "    def network(self, scale):\n        return nn.Conv2d(1, 1, 1)\n"
    plugin(tmp_path, body)
    words = ("run", "--methods", "net,bicubic", "--plugin", "p.py", "--scales", "2", "--no-report", "--no-speed")
    result = cli(*words, "--datasets", "./photos", "--json")
    assert result.returncode in (3, 4), result.stderr
    assert {name for name, _ in psnrs(result)} == {"bicubic"}
    assert "Traceback" not in result.stderr


def test_a_metric_cannot_spoil_the_others(cli: Cli, photos: Path, tmp_path: Path) -> None:
    plugin(tmp_path, "def wipe(pair):\n    pair.target[:] = 0\n    return 0.0\nWIPE = Metric('wipe', wipe)\n")
    words = ("run", "--methods", "bicubic", "--plugin", "p.py", "--metrics", "wipe,psnr", "--scales", "2")
    result = cli(*words, "--datasets", "./photos", "--no-report", "--no-speed", "--json")
    assert result.returncode == 0, result.stderr  # what it wrote into is its own process's
    alone = cli("run", "--methods", "bicubic", "--metrics", "psnr", *words[-2:], "--datasets", "./photos", "--json")
    psnr = [[row for row in json.loads(each.stdout)["results"] if row["metric"] == "psnr"] for each in (result, alone)]
    assert psnr[0] == psnr[1] != []


def test_what_a_plugin_prints_is_no_result(cli: Cli, photos: Path, tmp_path: Path) -> None:
    plugin(tmp_path, "print('imported')\n" + method("chatty", "print('scoring'); return x"))
    words = ("run", "--methods", "chatty", "--plugin", "p.py", "--scales", "2", "--datasets", "./photos")
    result = cli(*words, "--no-report", "--no-speed", "--json")
    assert len(psnrs(result)) == 1
    assert "scoring" in result.stderr


def test_partial_functions_are_metrics_too(cli: Cli, photos: Path, tmp_path: Path) -> None:
    body = "import functools\ndef power(pair, n):\n    return float(abs(pair.sr - pair.target).mean() ** n)\n"
    plugin(tmp_path, body + "P = Metric('p1', functools.partial(power, n=1), higher_is_better=False)\n")
    words = (
        "run",
        "--methods",
        "bicubic",
        "--plugin",
        "p.py",
        "--metrics",
        "p1",
        "--scales",
        "2",
        "--no-report",
        "--no-speed",
    )
    assert cli(*words, "--datasets", "./photos").returncode == 0
    assert cli("list", "--plugin", "p.py").returncode == 0


def test_a_closed_pipe_is_no_regression(photos: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "80"}
    words = "run --methods bicubic,nearest --scales 2 --datasets ./photos"
    command = f"set -o pipefail; {sys.executable} -m srbench {words} | true"
    result = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode in (0, 141)
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr
    assert list(tmp_path.glob("results/runs/*/report/report.md"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods = {a = 1}", "methods cannot be"),
        ('out = ["a", "b"]', "out cannot be"),
        ("threads = true", "threads cannot be"),
        ("json = 1", "json cannot be"),
        ("config = 'x'", "config"),
    ],
)
def test_wrong_types_in_a_config_file(cli: Cli, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    result = cli("run", "--config", "c.toml")
    assert result.returncode == 2
    assert message in result.stderr


def test_the_command_line_wins_over_the_config_file_in_switches_too(cli: Cli, photos: Path, tmp_path: Path) -> None:
    plugin(tmp_path, method("mine", "return x"))
    text = 'methods = "mine"\ndatasets = "./photos"\nscales = 2\nplugin = "p.py"\njson = true\nno-report = true\n'
    (tmp_path / "c.toml").write_text(text)
    assert len(psnrs(cli("run", "--config", "c.toml"))) == 1
    table = cli("run", "--config", "c.toml", "--no-json", "--report")
    assert table.stdout.startswith("protocol")
    assert list(tmp_path.glob("results/runs/*/report/report.md"))


def test_empty_lists_are_refused(cli: Cli) -> None:
    for option in ("--metrics", "--methods", "--datasets"):
        result = cli("run", option, "")
        assert result.returncode == 2
        assert "at least one" in result.stderr


def test_links_are_written_through(cli: Cli, photos: Path, tmp_path: Path) -> None:
    cli(*RUN, "--datasets", "./photos")
    (tmp_path / "real.csv").write_text("")
    (tmp_path / "link.csv").symlink_to("real.csv")
    assert cli("check", "--write", "link.csv").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert "bicubic" in (tmp_path / "real.csv").read_text()
