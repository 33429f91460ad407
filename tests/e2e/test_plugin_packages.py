"""Packages of their own beside srbench, from a fresh environment on: the examples, and what ``srbench new`` writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from conftest import photograph, save

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


class Environment:
    """A fresh virtual environment with srbench in it, and with all that srbench depends on."""

    def __init__(self, folder: Path, dependencies: Path) -> None:
        venv.create(folder, with_pip=False)
        self.bin = folder / "bin"
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "dependencies.pth").write_text(f"{dependencies}\n")

    def install(self, package: Path) -> None:
        """As `pip install` does, which is not here: from the outside, and without a network."""
        words = [sys.executable, "-m", "pip", f"--python={self.bin / 'python'}", "install", "-q", "--no-deps"]
        words += ["--no-index", "--no-build-isolation", str(package)]
        subprocess.run(words, check=True)

    def run(self, line: str, cwd: Path) -> str:
        """What a command prints; it has to end well."""
        path = os.pathsep.join((str(self.bin), os.environ["PATH"]))
        result = subprocess.run(
            ["bash", "-c", line],
            cwd=cwd,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def listed(self, name: str, cwd: Path) -> dict[str, Any]:
        """A method's row in the list."""
        (row,) = [row for row in json.loads(self.run("srbench list --json", cwd))["methods"] if row["name"] == name]
        found: dict[str, Any] = row
        return found

    def follow_workflow(self, package: Path) -> str:
        """Run the commands of a package's workflow, but for the installations."""
        workflow = (package / ".github" / "workflows" / "test.yml").read_text("utf-8")
        steps = [line.partition("- run: ")[2] for line in workflow.splitlines() if "- run: " in line]
        steps = [step for step in steps if not step.startswith("pip install ")]
        assert steps == ["srbench list", "python -m pytest"]
        return "\n".join(self.run(step, package) for step in steps)


@pytest.fixture(scope="module")
def environment(source: Path, dependencies: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"), dependencies)
    made.install(source)
    return made


def copied(name: str, folder: Path) -> Path:
    """A copy of an example's package, so that its build leaves nothing in the checkout."""
    package = folder / name
    shutil.copytree(EXAMPLES / name, package, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    return package


def test_the_example_is_listed_keeps_the_contract_trains_and_gets_a_row(
    environment: Environment, tmp_path: Path
) -> None:
    package = copied("srbench-plugin-espcn", tmp_path)
    environment.install(package)
    row = environment.listed("espcn", tmp_path)
    assert row["origin"] == "srbench-plugin-espcn"
    assert row["recipes"] == ["quick", "standard"]

    weights = Path(environment.run("srbench train espcn:quick --scales 2", tmp_path).strip())
    assert weights.is_file()
    told = environment.follow_workflow(package)
    assert "not srbench's own: espcn (srbench-plugin-espcn)" in told
    assert re.search(r"\b10 passed", told)

    words = "--scales 2 --metrics psnr --no-report --no-speed --json"
    run = json.loads(environment.run(f"srbench run --methods bicubic,espcn:quick {words}", tmp_path))
    psnr = {row["method"]: row["value"] for row in run["results"]}
    assert psnr["espcn"] > psnr["bicubic"] + 0.5
    assert run["failed"] == []


def test_the_tutorials_are_listed_keep_the_contract_and_squash_pairs(environment: Environment, tmp_path: Path) -> None:
    package = copied("srbench-plugin-tutorials", tmp_path)
    environment.install(package)
    recipes = {
        "tutorial-srcnn-rgb": ["t1", "t1-mse", "t2", "t2-mse"],
        "tutorial-fsrcnn-rgb": ["t2", "t2-mse"],
        "tutorial-srcnn-y": ["t4"],
    }
    for name, known in recipes.items():
        row = environment.listed(name, tmp_path)
        assert (row["origin"], row["recipes"]) == ("srbench-plugin-tutorials", known)
    assert re.search(r"\b78 passed", environment.follow_workflow(package))
    for side, step in (("hr", 1), ("lr", 2)):
        save(tmp_path / "p" / side / "1.png", photograph(48, 60)[::step, ::step])
    environment.run("python -m srbench_plugin_tutorials.squash hr=p/hr,lr=p/lr --out small.toml --side 40", tmp_path)
    words = "--datasets small.toml --scales 1 --protocol paired-rgb --metrics psnr --no-report --no-speed --json"
    run = json.loads(environment.run(f"srbench run --methods bicubic,tutorial-* {words}", tmp_path))
    assert [row["method"] for row in run["results"]] == ["bicubic"]  # a glob trains nothing that takes long


@pytest.mark.parametrize("sort", ["--learned", "--plain --input upsampled"])
def test_a_new_package_works_as_it_is(environment: Environment, tmp_path: Path, sort: str) -> None:
    name = f"mine-{sort.split()[0].strip('-')}"
    folder = Path(environment.run(f"srbench new method {name} {sort}", tmp_path).strip())
    package = tmp_path / folder
    environment.install(package)
    assert environment.listed(name, tmp_path)["origin"] == folder.name
    assert re.search(r"\b10 passed", environment.follow_workflow(package))
    words = "--scales 2 --metrics psnr --no-report --no-speed --json"
    run = json.loads(environment.run(f"srbench run --methods {name} {words}", tmp_path))
    assert [row["method"] for row in run["results"]] == [name]
