"""Scales such as x1.5 from the command line to the report."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import srbench

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--datasets", "photos", "--scales", "2,1.5,2.50", "--protocol", "edsr", "--metrics", "psnr,ssim")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (folder := tmp_path / "photos").mkdir()
    random = np.random.default_rng(3)
    for name, size in (("a", (61, 50)), ("b", (48, 77))):
        small = random.integers(0, 256, (9, 9, 3), np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.resize(small, size, interpolation=cv2.INTER_CUBIC))
    return folder


def test_interpolation_at_fractional_scales_is_run_reported_compared_and_checked(
    cli: Cli, tmp_path: Path, photos: Path
) -> None:
    done = cli(*RUN, "--methods", "bicubic,lanczos", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert '"scale": 1.5' in done.stdout
    assert '"scale": 2,' in done.stdout
    psnr = {(row["method"], row["scale"]): row["value"] for row in rows if row["metric"] == "psnr"}
    assert {scale for _, scale in psnr} == {1.5, 2, 2.5}
    for method in ("bicubic", "lanczos"):
        assert psnr[method, 1.5] > psnr[method, 2] > psnr[method, 2.5]
    (report,) = (tmp_path / "results" / "runs").glob("*/report")
    assert "x1.5" in (report / "report.md").read_text()
    assert '"scales":[1.5,2,2.5]' in (report / "report.html").read_text()
    again = cli(*RUN, "--methods", "bicubic,lanczos")
    assert "0 computed" in again.stderr + again.stdout
    compared = cli("compare", "lanczos", "bicubic", "--scales", "1.5")
    assert compared.returncode == 0, compared.stderr
    assert "x1.5" in compared.stdout
    assert "x2 " not in compared.stdout
    assert cli("check", "--write", "own.csv").returncode == 0
    assert ",1.5," in (tmp_path / "own.csv").read_text()
    checked = cli("check", "--reference", "own.csv")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_methods_and_protocols_for_whole_scales_say_so_in_a_sentence(cli: Cli, photos: Path) -> None:
    for words, reason in (
        (("--methods", "dcci", "--scales", "1.5"), "dcci does not work at x1.5"),
        (("--methods", "fsrcnn", "--scales", "2.5", "--train", "never"), "fsrcnn:standard does not work at x2.5"),
        (("--methods", "bicubic", "--scales", "1.5", "--protocol", "bd"), "protocol 'bd' is for"),
        (("--methods", "bicubic", "--scales", "0.5"), "--scales takes numbers from 1 on such as 2,3,4 or 1.5"),
    ):
        done = cli("run", "--datasets", "photos", *words)
        assert done.returncode == 2
        assert reason in " ".join(done.stderr.split())


def test_a_method_of_ones_own_declares_them(cli: Cli, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from math import ceil\nfrom torch.nn.functional import interpolate\n"
        "from srbench.method import Method, MethodInfo\n"
        "class Own(Method):\n"
        "    info = MethodInfo(name='own', family='interpolation', channels='any', input='lr',\n"
        "                      scales=frozenset({1.5, 2}))\n"
        "    def upscale(self, x, scale):\n"
        "        return interpolate(x, [ceil(side * scale) for side in x.shape[2:]], mode='bilinear')\n"
    )
    done = cli(*RUN, "--methods", "own,bicubic", "--plugin", "own.py", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert {row["scale"] for row in rows if row["method"] == "own"} == {1.5, 2}
    assert "own does not work at x2.5" in " ".join(done.stderr.split())


def test_python_takes_them_too(photos: Path, tmp_path: Path) -> None:
    run = srbench.run(["bicubic"], datasets=str(photos), scales=[2.0, 1.5], metrics="psnr", out=tmp_path / "runs")
    assert {cell.id.scale: type(cell.id.scale) for cell in run.loaded.cells} == {2: int, 1.5: float}
    with pytest.raises(srbench.SrbenchError, match=r"scales takes numbers from 1 on such as 2 or 1.5, not 0.5"):
        srbench.run(["bicubic"], scales=0.5)
