"""Metrics of a whole set of images in runs: one value, none of images, in every report; and in a plugin's process."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import photograph, save

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
PLUGIN = """
import numpy as np
from srbench.metrics.metric import Metric

def moments(pair):
    return np.array([[pair.sr.mean(), pair.sr.std()], [pair.target.mean(), pair.target.std()]])

def gap(parts):
    if len(parts) < 2:
        raise ValueError("gap needs two images")
    sr, hr = np.stack(parts, axis=1)
    return float(((sr.mean(axis=0) - hr.mean(axis=0)) ** 2).sum() + (sr.std(axis=0) - hr.std(axis=0)).sum() ** 2)

GAP = Metric("gap", moments, higher_is_better=False, digits=5, input="image", combine=gap)
"""
IMAGES = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``photos``, and ``sr``: what is a bit darker."""
    for seed in range(IMAGES):
        hr = photograph(48, 60, seed)
        save(tmp_path / "photos" / f"{seed}.png", hr)
        save(tmp_path / "sr" / f"{seed}.png", darker(hr))
    (tmp_path / "gap.py").write_text(PLUGIN)
    return tmp_path


def darker(image: np.ndarray) -> np.ndarray:
    return (image * 0.9).astype(np.uint8)


def expected() -> float:
    """The gap of ``sr``, by itself."""
    hr = [photograph(48, 60, seed) for seed in range(IMAGES)]
    moments = [np.array([[image.mean(), image.std()] for image in images]) for images in (map(darker, hr), hr)]
    sr, target = moments
    return float(((sr.mean(0) - target.mean(0)) ** 2).sum() + (sr.std(0) - target.std(0)).sum() ** 2)


BASE = ("--datasets", "./photos", "--scales", "2", "--plugin", "gap.py", "--methods", "bicubic,images:sr")


def run(cli: Cli, *words: str, metrics: str = "psnr,gap") -> dict[tuple[str, str], dict[str, Any]]:
    result = cli("run", *BASE, "--metrics", metrics, "--json", *words)
    assert result.returncode == 0, result.stderr
    return {(row["method"], row["metric"]): row for row in json.loads(result.stdout)["results"]}


def test_one_value_of_the_set_and_none_of_images(cli: Cli, folder: Path) -> None:
    found = run(cli)
    row = found["images:sr", "gap"]
    assert row["value"] == pytest.approx(expected(), rel=1e-12)
    assert (row["status"], row["ci_low"], row["per_image"]) == ("ok", None, [])
    assert len(found["images:sr", "psnr"]["per_image"]) == IMAGES
    (made,) = (folder / "results" / "runs").iterdir()
    tables = {path.name: path.read_text("utf-8") for path in (made / "report").rglob("*.csv")}
    assert "gap" in "".join(tables.values())
    report = "".join(path.read_text("utf-8") for path in (made / "report").glob("*.md"))
    assert "No intervals of gap: it is one of the whole set" in report
    page = (made / "report" / "report.html").read_text("utf-8")
    assert f'"images":[{",".join(["null"] * IMAGES)}]' in page.replace(" ", "")


def test_the_same_in_one_process_and_in_workers(cli: Cli, folder: Path) -> None:
    whole = [run(cli, "--no-report", "--force", *words) for words in (("--jobs", "0"), ("--jobs", "2"))]
    for found in whole:
        assert found["images:sr", "gap"]["value"] == pytest.approx(expected(), rel=1e-12)
        assert found["bicubic", "gap"]["value"] == whole[0]["bicubic", "gap"]["value"]


def test_it_is_known_again(cli: Cli, folder: Path) -> None:
    run(cli, "--no-report")
    again = cli("run", *BASE, "--metrics", "psnr,gap", "--no-report")
    assert "0 computed, 2 known before" in again.stdout + again.stderr


def test_alone_it_makes_a_report_too(cli: Cli, folder: Path) -> None:
    """Pictures have nothing to say below, and differences no images to show."""
    assert run(cli, metrics="gap")["images:sr", "gap"]["value"] == pytest.approx(expected(), rel=1e-12)


def test_methods_are_compared_by_it(cli: Cli, folder: Path) -> None:
    run(cli, "--no-report")
    result = cli("compare", "images:sr", "bicubic", "--metric", "gap")
    assert result.returncode == 0, result.stderr
    words = " ".join((result.stdout + result.stderr).split())
    assert "gap is one of the whole set: its images have no values to test" in words
    assert "no interval (—): it is one of the whole set" in words
    document = json.loads(cli("compare", "images:sr", "bicubic", "--metric", "gap", "--json").stdout)
    (comparison,) = document["comparisons"]
    assert comparison["difference"] > 0
    assert comparison["p"] is None


def test_a_gate_holds_it(cli: Cli, folder: Path) -> None:
    run(cli, "--no-report")
    assert cli("check", "--write", "gap.csv").returncode == 0
    assert "gap" in (folder / "gap.csv").read_text()
    good = cli("check", "--reference", "gap.csv")
    assert good.returncode == 0, good.stdout + good.stderr
    with (folder / "gap.csv").open() as file:
        rows = list(csv.DictReader(file))
    (row,) = (row for row in rows if (row["method"], row["metric"]) == ("images:sr", "gap"))
    row["value"] = f"{expected() / 2:.5f}"
    with (folder / "lower.csv").open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert cli("check", "--reference", "lower.csv").returncode == 1


def test_a_folder_is_scored_by_it(cli: Cli, folder: Path) -> None:
    words = ("sr", "--hr", "photos", "--scale", "2", "--metrics", "psnr,gap", "--plugin", "gap.py")
    result = cli("score", *words)
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[2][-1] == "—"  # the first image, below the protocol and the heads
    whole = next(line for line in lines if line[:2] == ["value", "of"])
    assert float(whole[-1]) == pytest.approx(expected(), abs=1e-5)
    document = json.loads(cli("score", *words, "--json").stdout)
    gap = next(metric for metric in document["metrics"] if metric["name"] == "gap")
    assert gap["value"] == pytest.approx(expected(), rel=1e-12)
    assert (gap["of_set"], gap["ci_low"], gap["n"]) == (True, None, IMAGES)
    assert "gap" not in document["images"][0]["values"]


def test_too_small_a_set(cli: Cli, folder: Path) -> None:
    for name in ("photos", "sr"):
        for path in (folder / name).iterdir():
            if path.stem != "0":
                path.unlink()
    words = ("sr", "--hr", "photos", "--scale", "2", "--metrics", "psnr,gap", "--plugin", "gap.py")
    result = cli("score", *words)
    assert result.returncode == 0, result.stderr
    assert "there is no gap: gap needs two images" in result.stderr
    found = run(cli, "--no-report")
    assert ("images:sr", "psnr") in found
    assert ("images:sr", "gap") not in found
    alone = cli("run", *BASE, "--metrics", "gap", "--no-report")
    assert alone.returncode
    assert "gap needs two images" in alone.stdout + alone.stderr
