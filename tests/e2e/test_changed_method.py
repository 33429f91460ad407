"""What srbench does when one of its own methods changes: in a copy of the checkout, where that is harmless."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ("run", "--methods", "nearest,bilinear,bicubic", "--scales", "2", "--no-report", "--no-speed", "--out", "out")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy that can be edited; run from its root it is the srbench that is used."""
    for name in ("srbench", "methods", "datasets", "results/reference"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def srbench(checkout: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout), **environment}
    command = [sys.executable, "-m", "srbench", *words]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


def test_one_character_recomputes_that_method_only(checkout: Path) -> None:
    assert "3 computed" in srbench(checkout, *RUN).stderr
    source = checkout / "methods" / "nearest.py"
    source.write_text(source.read_text() + "#")
    again = srbench(checkout, *RUN)
    assert "1 computed, 2 known before" in again.stderr, again.stderr
    assert "nearest embedded x2" in again.stderr


def test_a_change_of_the_engine_recomputes_everything(checkout: Path) -> None:
    srbench(checkout, *RUN)
    source = checkout / "srbench" / "protocols" / "protocol.py"
    source.write_text(source.read_text() + "#\n")
    assert "3 computed, 0 known before" in srbench(checkout, *RUN).stderr


def test_bicubic_swapped_for_bilinear_fails_the_gate(checkout: Path) -> None:
    assert srbench(checkout, *RUN).returncode == 0
    assert srbench(checkout, "check", "--out", "out").returncode == 0
    bilinear = (checkout / "methods" / "bilinear.py").read_text()
    lowered = bilinear.replace("class Bilinear", "class Bicubic").replace('name="bilinear"', 'name="bicubic"')
    (checkout / "methods" / "bicubic.py").write_text(lowered)
    assert srbench(checkout, *RUN).returncode == 0
    check = srbench(checkout, "check", "--out", "out", "--junit", "check.xml", GITHUB_ACTIONS="true")
    assert check.returncode == 1, check.stderr
    assert "::error" in check.stdout
    assert "bicubic embedded x2 vdsr psnr: 30.03" in check.stdout
    assert "30.90643" in check.stdout
    assert "bicubic embedded x2" in (checkout / "check.xml").read_text()
