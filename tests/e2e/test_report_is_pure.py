"""A report is a function of its run: on another machine, without caches and plugins, it has the same bytes."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from conftest import photograph, save

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

PLUGIN = """
from statistics import median
from torch import nn
from srbench.method import LearnedMethod, MethodInfo, Recipe
from srbench.metrics.metric import Metric

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="rgb", input="lr", halo=1)
    recipes = {
        "tiny": Recipe(
            train=("./train",), validation=("./val",), patch=24, stride=24, batch=4, steps=6, validate_every=3
        )
    }
    def network(self, scale):
        return nn.Sequential(nn.Conv2d(3, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

WORST = Metric("worst", lambda pair: float(abs(pair.sr - pair.target).max()), higher_is_better=False, pool=median)
"""


def installed(site: Path) -> Path:
    """A package with a method that is trained, and a metric that pools in a way of its own."""
    info = site / "ours-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench.methods]\nnet = ours:Net\n[srbench.metrics]\nworst = ours:WORST\n")
    (site / "ours.py").write_text(PLUGIN)
    return site


def files(folder: Path) -> dict[str, bytes]:
    """A report's files, without the stamp by which srbench tells whether it is up to date there."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found.pop("report.json")
    return found


def test_a_run_s_folder_gives_the_same_report_on_another_machine(cli: Cli, tmp_path: Path, own_cache: Path) -> None:
    for number in range(6):
        save(tmp_path / "photos" / f"{number}.png", photograph(48, 60, number))
    for number in range(3):
        save(tmp_path / "train" / f"{number}.png", photograph(60, 70, number + 10))
    save(tmp_path / "val" / "v.png", photograph(60, 70, 20))
    (tmp_path / "mine.toml").write_text('base = "vdsr"\naggregate = "pooled"\n')
    here = {"PYTHONPATH": str(installed(tmp_path / "site"))}
    words = ("--methods", "lanczos,bicubic,net:tiny", "--datasets", "./photos", "--scales", "2", "--metrics")
    made = cli("run", *words, "psnr,ssim,worst", "--protocol", "mine.toml", "--no-report", "--train", "missing", **here)
    assert made.returncode == 0, made.stderr
    (run,) = (tmp_path / "results" / "runs").iterdir()
    asked = ("--intervals", "--baseline", "bicubic", "--to")
    first = cli("report", str(run), *asked, str(tmp_path / "first"), **here)
    assert first.returncode == 0, first.stderr

    away = tmp_path / "away"
    shutil.copytree(run, away / run.name, copy_function=shutil.copyfile)
    for gone in (tmp_path / "results", tmp_path / "site", tmp_path / "mine.toml", tmp_path / "photos", own_cache):
        (shutil.rmtree if gone.is_dir() else os.remove)(gone)
    there = {"SRBENCH_CACHE": str(away / "cache"), "HOME": str(away / "home")}
    second = cli("report", str(away / run.name), *asked, str(away / "second"), **there)
    assert second.returncode == 0, second.stderr

    ours, theirs = files(tmp_path / "first"), files(away / "second")
    assert theirs.keys() == ours.keys() and [name for name in ours if ours[name] != theirs[name]] == []
    assert second.stdout == first.stdout
    # what once came from the machine is in it
    assert any(name.startswith("plots/curve-net-tiny") for name in ours)
    assert "No intervals of worst: it pools images in its own way." in ours["report.md"].decode()
    rows = list(csv.DictReader(io.StringIO(ours["results.csv"].decode())))
    assert not any(row["ci_low"] for row in rows)  # of fewer than ten images
    assert {row["metric"] for row in rows} == {"psnr", "ssim", "worst"}
