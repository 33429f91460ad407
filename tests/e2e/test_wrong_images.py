"""Images that a user should not have given: one sentence that names the file, and nothing else lost."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import photograph, save
from PIL import Image

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--methods", "bicubic", "--scales", "2", "--no-report", "--no-speed")


def refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, (result.stdout, result.stderr)
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


def test_an_empty_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(cli(*RUN, "--datasets", "./empty"), 4, "empty")


def test_a_text_file_named_png(cli: Cli, photos: Path) -> None:
    (photos / "notes.png").write_text("not a picture")
    refused(cli(*RUN, "--datasets", "./photos"), 4, "notes.png")


def test_a_truncated_file(cli: Cli, photos: Path) -> None:
    whole = (photos / "first.png").read_bytes()
    (photos / "first.png").write_bytes(whole[: len(whole) // 2])
    refused(cli(*RUN, "--datasets", "./photos"), 4, "first.png")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (4, 60)])
def test_an_image_too_small_to_score(cli: Cli, tmp_path: Path, height: int, width: int) -> None:
    save(tmp_path / "small" / "tiny.png", photograph(height, width))
    refused(cli(*RUN, "--datasets", "./small"), 4, "tiny")


def test_an_image_too_small_at_one_scale_is_scored_at_the_others(cli: Cli, tmp_path: Path) -> None:
    save(tmp_path / "small" / "little.png", photograph(11, 11))
    result = cli("run", "--methods", "bicubic", "--datasets", "./small", "--no-report", "--json")
    assert result.returncode == 4
    document = json.loads(result.stdout)
    assert {row["scale"] for row in document["results"]} == {2, 3}
    assert {row["scale"] for row in document["failed"]} == {4}


def test_a_metric_that_an_image_is_too_small_for_costs_no_other_metric(cli: Cli, tmp_path: Path) -> None:
    """SSIM's window does not fit into one image: the set has no SSIM, and all else."""
    save(tmp_path / "mixed" / "large.png", photograph(40, 44))
    save(tmp_path / "mixed" / "small.png", photograph(14, 14))
    result = cli(*RUN, "--datasets", "./mixed")
    assert result.returncode == 0, result.stderr
    assert (
        "note: bicubic: has no ssim: small cannot be scored: SSIM needs at least 11x11 pixels, and 10x10"
        in result.stderr
    )
    assert "/ —" in result.stdout
    again = cli(*RUN, "--datasets", "./mixed", "--json")
    assert "1 known before" in again.stderr
    values = {row["metric"]: row["value"] for row in json.loads(again.stdout)["results"]}
    assert values["psnr"] > 10 and values["haarpsi"] > 0.1 and "ssim" not in values


def test_cmyk_is_refused_by_name(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "print").mkdir()
    Image.fromarray(photograph(40, 40)).convert("CMYK").save(tmp_path / "print" / "cover.jpg")
    refused(cli(*RUN, "--datasets", "./print"), 4, "cover.jpg", "CMYK")


def test_transparency_is_refused_by_name(cli: Cli, tmp_path: Path) -> None:
    clear = np.dstack([photograph(40, 40), np.full((40, 40), 90, np.uint8)])
    save(tmp_path / "clear" / "logo.png", clear)
    refused(cli(*RUN, "--datasets", "./clear"), 4, "logo.png")


def test_images_of_every_other_kind_are_scored(cli: Cli, tmp_path: Path) -> None:
    """Gray, 16 bit, opaque alpha and palette give the figures of the same picture as plain RGB."""
    image = photograph(44, 52, 3)
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    save(tmp_path / "rgb" / "a.png", image)
    save(tmp_path / "rgba" / "a.png", opaque)
    save(tmp_path / "deep" / "a.png", image.astype(np.uint16) * 257)
    save(tmp_path / "gray" / "a.png", image[..., 1])
    figures = {}
    for folder in ("rgb", "rgba", "deep", "gray"):
        result = cli(*RUN, "--datasets", f"./{folder}", "--json")
        assert result.returncode == 0, result.stderr
        figures[folder] = json.loads(result.stdout)["results"][0]["value"]
    assert figures["rgba"] == figures["rgb"]
    assert figures["deep"] == figures["rgb"]
    assert figures["gray"] != figures["rgb"]


def test_pairs_that_do_not_fit(cli: Cli, photos: Path, tmp_path: Path) -> None:
    save(tmp_path / "lr" / "first.png", photograph(24, 30))
    refused(cli(*RUN, "--datasets", "hr=photos,lr=lr", "--protocol", "paired"), 4, "second")
    save(tmp_path / "lr" / "second.png", photograph(20, 20))
    refused(cli(*RUN, "--datasets", "hr=photos,lr=lr", "--protocol", "paired"), 4, "second")
