"""Data sets of LR images without HR, ``lr=DIR``: methods run, and what needs no HR is reported."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import photograph, save

from srbench.api.scoring import score
from srbench.imaging.files import read_image
from srbench.imaging.resize import imresize

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
RUN = ("run", "--protocol", "paired", "--no-speed", "--methods")
WHY = "no psnr, ssim, mse, haarpsi: photos has no HR images, which they need"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with three LR images, which are large enough for NIQE at x2."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        save(folder / name, photograph(64 + number, 112, number))
    return folder


def run_folder(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    return folder


def values(result: subprocess.CompletedProcess[str]) -> dict[tuple[str, str, str], Any]:
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["results"]
    return {(row["dataset"], row["method"], row["metric"]): row for row in rows}


def test_a_complete_report(cli: Cli, photos: Path, tmp_path: Path) -> None:
    ended = cli(*RUN, "bicubic,lanczos", "--datasets", "lr=photos", "--scales", "2")
    assert ended.returncode == 0, ended.stderr
    assert "photos (3 images): NIQE ↓" in ended.stdout
    assert WHY in ended.stdout
    assert "PSNR" not in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80
    report = run_folder(tmp_path) / "report"
    page = (report / "report.md").read_text("utf-8")
    assert f"{WHY[0].upper()}{WHY[1:]}." in page.replace("\\", "")
    assert "### photos: NIQE ↓" in page
    assert page.count("### photos") == 1
    assert "photos has no HR images" in (report / "tables.tex").read_text("utf-8")
    assert "niqe compares" not in page
    with (report / "results.csv").open(newline="") as file:
        rows = {(row["method"], row["metric"]): row for row in csv.DictReader(file)}
    assert {metric: rows["bicubic", metric]["status"] for _, metric in rows} == {
        "psnr": "unavailable", "ssim": "unavailable", "mse": "unavailable", "haarpsi": "unavailable", "niqe": "ok"
    }  # fmt: skip
    assert rows["bicubic", "psnr"]["value"] == ""
    document = json.loads((report / "results.json").read_text())
    (psnr,) = (r for r in document["results"] if (r["method"], r["metric"]) == ("bicubic", "psnr"))
    assert psnr["error"] == "psnr compares SR with HR, and photos has no HR images"
    assert {"psnr-photos-x2.png", "niqe-photos-x2.png"} & {p.name for p in (report / "plots").iterdir()} == {
        "niqe-photos-x2.png"
    }
    assert (report / "crops" / "crops-photos-x2.png").is_file()
    assert "NIQE" in (report / "compare.md").read_text("utf-8")
    assert (report / "report.html").is_file()


def test_values_and_images(cli: Cli, photos: Path, tmp_path: Path) -> None:
    """The value is that of the SR image by itself, as ``srbench score`` has it, and the kept LR is the one given."""
    found = values(cli(*RUN, "bicubic", "--datasets", "lr=photos", "--scales", "2", "--json"))
    lr = read_image(photos / "b.png")
    sr = imresize(lr, 2)
    per_image = found["photos", "bicubic", "niqe"]["per_image"]
    (value,) = (row["value"] for row in per_image if row["image"] == "b")
    assert value == score(sr, metrics="niqe")["niqe"]
    kept = {path.relative_to(run_folder(tmp_path) / "images").parts[0]: path for path in
            (run_folder(tmp_path) / "images").rglob("b.png")}  # fmt: skip
    assert "hr" not in kept
    np.testing.assert_array_equal(read_image(kept.pop("lr")), lr.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(read_image(*kept.values()), sr)


def test_beside_a_set_with_hr(cli: Cli, photos: Path, tmp_path: Path) -> None:
    """No-reference values do not depend on HR; values that do are there where HR is."""
    for path in photos.iterdir():
        save(tmp_path / "hr" / path.name, imresize(read_image(path), 2))
    words = ("--datasets", "lr=photos,both=hr=hr,lr=photos", "--scales", "2")
    found = values(cli(*RUN, "bicubic,nearest", *words, "--json"))
    for method in ("bicubic", "nearest"):
        assert found["photos", method, "niqe"]["value"] == found["both", method, "niqe"]["value"]
        assert found["photos", method, "psnr"]["status"] == "unavailable"
        assert found["both", method, "psnr"]["status"] == "ok"
    shown = cli("report").stdout
    assert "both (3 images): PSNR (dB) / SSIM" in shown
    assert "photos (3 images): PSNR" not in shown
    assert "photos (3 images): NIQE" in shown
    compared = (run_folder_named(tmp_path, "both") / "report" / "compare.csv").read_text()
    assert {row["metric"] for row in csv.DictReader(compared.splitlines()) if row["dataset"] == "photos"} == {"niqe"}


def run_folder_named(tmp_path: Path, part: str) -> Path:
    (folder,) = (path for path in (tmp_path / "results" / "runs").iterdir() if part in path.name)
    return folder


def test_nothing_is_computed_twice(cli: Cli, photos: Path) -> None:
    words = (*RUN, "bicubic", "--datasets", "lr=photos", "--scales", "2,3")
    assert "2 computed" in cli(*words).stderr
    assert "0 computed, 2 known before" in cli(*words).stderr
    more = cli(*words, "--metrics", "niqe,mse,ssim")  # metrics that it has no values of decide nothing
    assert "0 computed, 2 known before" in more.stderr, more.stderr


def test_in_a_worker(cli: Cli, photos: Path) -> None:
    words = (*RUN, "bicubic", "--datasets", "lr=photos", "--scales", "2", "--json")
    alone = values(cli(*words, "--out", "alone"))
    there = values(cli(*words, "--jobs", "1", "--out", "there"))
    assert alone["photos", "bicubic", "niqe"] == there["photos", "bicubic", "niqe"]


def test_images_made_elsewhere(cli: Cli, photos: Path, tmp_path: Path) -> None:
    for path in photos.iterdir():
        save(tmp_path / "sr" / f"{path.stem}_out.png", imresize(read_image(path), 2))
    words = ("--datasets", "lr=photos", "--scales", "2", "--json")
    found = values(cli(*RUN, "bicubic,images:sr", *words))
    assert found["photos", "images:sr", "niqe"]["value"] == found["photos", "bicubic", "niqe"]["value"]
    save(tmp_path / "sr" / "b_out.png", photograph(64, 112, 1))
    small = cli(*RUN, "images:sr", *words)
    assert small.returncode == 4
    assert "b_out.png is 112x64, and SR of 'b' is 224x130 at this scale" in small.stderr
    save(tmp_path / "sr" / "b_out.png", photograph(130, 224, 1)[..., 0])
    assert "SR is gray and LR has colours; save SR as LR is" in cli(*RUN, "images:sr", *words).stderr


def test_gray_images(cli: Cli, tmp_path: Path) -> None:
    """Under a protocol that reads gray images so they stay gray, and a network for RGB gets three channels."""
    save(tmp_path / "gray" / "a.png", photograph(64, 112)[..., 0])
    found = values(cli(*RUN, "bicubic,srcnn-rgb", "--datasets", "lr=gray", "--scales", "2", "--json"))
    assert found["gray", "bicubic", "niqe"]["n"] == found["gray", "srcnn-rgb", "niqe"]["n"] == 1


def test_images_too_small_for_the_metric(cli: Cli, tmp_path: Path) -> None:
    """NIQE needs two blocks: the cell fails in words, as any that has no value."""
    save(tmp_path / "small" / "a.png", photograph(20, 20))
    ended = cli(*RUN, "bicubic", "--datasets", "lr=small", "--scales", "2")
    assert ended.returncode == 4
    assert "a cannot be scored" in ended.stdout
    assert "no psnr" in ended.stdout


def test_compare(cli: Cli, photos: Path) -> None:
    cli(*RUN, "bicubic,lanczos", "--datasets", "lr=photos", "--scales", "2", "--no-report")
    compared = cli("compare", "lanczos", "bicubic")
    assert compared.returncode == 0, compared.stderr
    assert "NIQE ↓" in compared.stdout
    refused = cli("compare", "lanczos", "bicubic", "--metric", "psnr")
    assert refused.returncode == 2
    assert "psnr compares SR with HR, and photos has no HR images" in refused.stderr


def test_a_baseline(cli: Cli, photos: Path) -> None:
    cli(*RUN, "bicubic", "--datasets", "lr=photos", "--scales", "2", "--no-report")
    made = cli("check", "--write", "baseline.csv")
    assert made.returncode == 0, made.stderr
    assert cli("check", "--reference", "baseline.csv").returncode == 0


def test_by_a_name(cli: Cli, photos: Path, tmp_path: Path) -> None:
    added = cli("data", "add", "mine", "lr=photos")
    assert added.returncode == 0, added.stderr
    found = values(cli(*RUN, "bicubic", "--datasets", "mine", "--scales", "2", "--json"))
    assert found["mine", "bicubic", "niqe"]["n"] == 3
    assert cli("data", "verify", "mine").returncode == 0
    save(photos / "a.png", photograph(64, 112, 7))
    assert cli("data", "verify", "mine").returncode == 4


def test_leaderboard(cli: Cli, photos: Path, tmp_path: Path) -> None:
    for method in ("bicubic", "nearest"):
        cli(*RUN, method, "--datasets", "lr=photos", "--scales", "2", "--no-report")
    names = [path.name for path in (tmp_path / "results" / "runs").iterdir()]
    board = cli("report", *names, "--no-plots")
    assert board.returncode == 0, board.stderr
    lines = [line.split() for line in board.stdout.splitlines() if line.startswith(("bicubic", "nearest"))]
    assert sorted(name for name, *_ in lines) == ["bicubic", "nearest"]
    assert float(lines[0][-1]) < float(lines[1][-1])  # the best first: NIQE is better if it is smaller


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "'lr=photos' supplies LR; score it under --protocol paired."),
        (
            ("--protocol", "paired", "--metrics", "psnr,ssim"),
            "'lr=photos' has no HR images, which psnr,ssim needs: add a metric that needs none, such as niqe.",
        ),
    ],
)
def test_refused(cli: Cli, photos: Path, words: tuple[str, ...], why: str) -> None:
    ended = cli("run", "--methods", "bicubic", "--datasets", "lr=photos", *words)
    assert ended.returncode == 2
    assert ended.stderr == f"srbench: {why}\n"


def test_what_needs_hr_says_so(cli: Cli, photos: Path, tmp_path: Path) -> None:
    recipe = 'train = ["lr=photos"]\nvalidation = ["lr=photos"]\nprotocol = "paired"\npatch = 8\n'
    (tmp_path / "mine.toml").write_text(recipe)
    for words in (
        ("explain", "30", "--images", "photos", "--dataset", "lr=photos", "--scale", "2"),
        ("explain", "30", "--method", "bicubic", "--dataset", "lr=photos", "--scale", "2"),
        ("score", "photos", "--hr", "lr=photos", "--scale", "1"),
        ("train", "fsrcnn:mine.toml", "--scales", "2"),
    ):
        ended = cli(*words)
        assert ended.returncode in (2, 3, 4), (words, ended.stderr)
        assert "HR" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not (MIRROR / "real_crops").is_dir(), reason="SRBENCH_MIRROR names no folder with real_crops")
def test_real_lr_with_published_sr(cli: Cli, tmp_path: Path) -> None:
    """RealSR's LR alone and the SR of a public method: its published NIQE by pyiqa comes out, image by image."""
    real = MIRROR / "real_crops" / "realsr"
    for folder in ("lr", "sr_osediff"):
        shutil.copytree(real / folder, tmp_path / folder)
    words = ("--datasets", "lr=lr", "--scales", "4", "--metrics", "psnr,niqe-pyiqa", "--json")
    found = values(cli(*RUN, "images:sr_osediff", *words))
    with (MIRROR / "real_crops" / "realsr_osediff_metrics.csv").open(newline="") as file:
        published = {row["image"]: float(row["niqe"]) for row in csv.DictReader(file)}
    (name,) = {dataset for dataset, _, _ in found}
    rows = found[name, "images:sr_osediff", "niqe-pyiqa"]["per_image"]
    near = [abs(row["value"] / published[row["image"]] - 1) < 1e-4 for row in rows]
    assert len(rows) == 12
    assert near.count(True) >= 10
