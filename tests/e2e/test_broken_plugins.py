"""Installed plugins that are broken, each in its own way: rows with an error, that cost nobody else anything."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

SOUND = """
print("as it is imported")
from srbench.method import Method, MethodInfo

class Half(Method):
    info = MethodInfo(name="half", family="interpolation", channels="any", input="upsampled", halo=0)
    def upscale(self, x, scale):
        return x / 2
"""
LEARNED = """
from srbench.method import LearnedMethod, MethodInfo

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="lr")
    RECIPES
    def network(self, scale): ...
"""
MODULES = {
    "sound": SOUND,
    "raises": "import nothing_of_this_name",
    "syntax": "x = (",
    "nul": "x = 1\0",
    "exits": "print('bye'); import sys; sys.exit(0)",
    "body": SOUND.replace("    def", "    1 / 0\n    def"),
    "info": SOUND.replace('"half"', '"No Name"'),
    "abstract": SOUND.replace("def upscale", "def upscaled"),
    "function": "def Half(): ...",
    "bare": LEARNED.replace("RECIPES", ""),
    "listed": LEARNED.replace("RECIPES", "recipes = ['quick']").replace('"net"', '"listed"'),
    "dicts": LEARNED.replace("RECIPES", "recipes = {'quick': {'steps': 5}}").replace('"net"', '"dicts"'),
    "stops": "import time; open('begun', 'w').close(); time.sleep(1000)",
}
BROKEN = {
    "missing": ("no_such_module:Half", "cannot be imported: there is no such module"),
    "missing-package": ("no_such_package.module:Half", "cannot be imported: ModuleNotFoundError"),
    "missing-class": ("sound:Quarter", "cannot be imported: AttributeError"),
    "garbled": ("not a module at all", "cannot be imported: "),
    "built-in": ("sys:Half", "leads to a module without a file"),
    "raises": ("raises:Half", "No module named 'nothing_of_this_name'"),
    "syntax": ("syntax:Half", "cannot be imported: SyntaxError"),
    "nul": ("nul:Half", "cannot be imported: "),
    "exits": ("exits:Half", "cannot be imported: SystemExit: 0"),
    "body": ("body:Half", "cannot be imported: ZeroDivisionError"),
    "info": ("info:Half", "a method's name is lower case"),
    "abstract": ("abstract:Half", "lacks `info` or `upscale`"),
    "function": ("function:Half", "is not a subclass of srbench.method.Method"),
    "other-name": ("sound:Half", "calls itself 'half'"),
    "net": ("bare:Net", "`recipes` maps names to Recipes"),
    "listed": ("listed:Net", "`recipes` maps names to Recipes"),
    "dicts": ("dicts:Net", "`recipes` maps names to Recipes"),
}


def install(folder: Path, package: str, **groups: dict[str, str]) -> None:
    """Write what pip leaves of a package, so that its entry points are found."""
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = []
    for group, entries in groups.items():
        lines += [f"[srbench.{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path) -> str:
    """A folder where one sound plugin is installed, and many broken ones."""
    folder = tmp_path / "site"
    install(folder, "srbench-plugin-sound", methods={"half": "sound:Half"})
    install(folder, "broken", methods={name: value for name, (value, _) in BROKEN.items()}, metrics={"mae": "raises:M"})
    install(folder, "namesake", methods={"bicubic": "sound:Half"}, metrics={"psnr": "sound:Half"})
    return str(folder)


def test_a_broken_plugin_is_a_row_with_its_error(cli: Cli, site: str) -> None:
    result = cli("list", "--json", PYTHONPATH=site)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)  # whatever plugins print
    assert "as it is imported" in result.stderr
    rows = {row["name"]: row for row in document["methods"] if "error" in row}
    for name, (_, words) in BROKEN.items():
        assert words in rows[name]["error"]
        assert rows[name]["origin"] == "broken"
    assert rows.keys() == {*BROKEN, "bicubic"}
    assert rows["bicubic"]["origin"] == "namesake"
    assert rows["bicubic"]["error"] == (
        "Method 'bicubic' of namesake is left out: srbench has a method of that name; rename one, or uninstall it."
    )
    sound = {row["name"]: row["origin"] for row in document["methods"] if "error" not in row}
    assert sound["half"] == "srbench-plugin-sound"
    assert sound["bicubic"] == "srbench"
    broken_metrics = [row["name"] for row in document["metrics"] if "error" in row]
    assert broken_metrics == ["mae", "psnr"]
    assert "psnr" in [row["name"] for row in document["metrics"] if "error" not in row]

    told = cli("list", PYTHONPATH=site)
    assert told.returncode == 0
    assert "not srbench's own: half (srbench-plugin-sound)" in told.stdout
    assert "'exits' (exits:Half) cannot be imported: SystemExit: 0." in told.stdout
    assert "bye" not in told.stdout
    assert "Traceback" not in told.stderr


def test_the_others_do_not_notice(cli: Cli, site: str, photos: Path) -> None:
    assert cli("--help", PYTHONPATH=site).returncode == 0
    words = ("--datasets", str(photos), "--scales", "2", "--metrics", "psnr", "--no-report", "--no-speed", "--json")
    run = cli("run", "--methods", "bicubic", *words, PYTHONPATH=site)
    assert run.returncode == 0, run.stderr
    assert "imported" not in run.stderr  # nobody asked for it
    run = cli("run", "--methods", "bi*,half", *words, PYTHONPATH=site)
    assert run.returncode == 0, run.stderr
    assert {row["method"] for row in json.loads(run.stdout)["results"]} == {
        "bicubic",
        "bicubic-ibp",
        "bilinear",
        "half",
    }
    asked = cli("run", "--methods", "bicubic,raises", *words, PYTHONPATH=site)
    assert asked.returncode == 2
    assert asked.stderr.splitlines() == [
        "srbench: 'raises' (raises:Half) cannot be imported: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'."
    ]


def test_doctor_names_them(cli: Cli, site: str) -> None:
    result = cli("doctor", "--json", PYTHONPATH=site)
    assert result.returncode == 4
    problems = json.loads(result.stdout)["problems"]
    assert len(problems) == len(BROKEN) + 2
    assert any("left out: srbench has a metric" in problem for problem in problems)


@pytest.mark.parametrize("where", ["installed", "file"])
def test_an_interruption_is_not_the_plugins_fault(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "installed":
        install(tmp_path / "site", "stops", methods={"stops": "stops:Half"})
    else:
        (tmp_path / "stops.py").write_text(MODULES["stops"])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    process = start("list", *(("--plugin", "stops.py") if where == "file" else ()))
    until = time.monotonic() + 120
    while not (tmp_path / "begun").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert (tmp_path / "stderr").read_text().splitlines()[-1] == "srbench: interrupted"


@pytest.mark.parametrize("name", ["raises", "syntax", "exits", "body", "function"])
def test_a_broken_file_is_one_sentence(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.py").write_text(MODULES[name])
    result = cli("list", "--plugin", "mine.py")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("srbench: Plugin mine.py ")
    assert "Traceback" not in result.stderr


def test_what_a_method_prints_in_training_is_not_a_result(cli: Cli, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "mine.py").write_text(
        """
print("as it is imported")
from torch import nn
from srbench.method import LearnedMethod, MethodInfo, Recipe

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="upsampled", halo=1)
    recipes = {"quick": Recipe(train=("./photos",), validation=("./photos",), patch=24, steps=2, validate_every=2)}
    def network(self, scale):
        print("as it is made")
        return nn.Conv2d(1, 1, 3, padding=1)
"""
    )
    result = cli("train", "net", "--scales", "2", "--plugin", "mine.py")
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert Path(line).is_file()
    assert {"as it is imported", "as it is made"} <= set(result.stderr.splitlines())
