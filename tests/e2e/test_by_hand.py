"""Data sets that people get by hand: srbench knows the names of their images, and `srbench data add` checks them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import photograph, save

from srbench.data.catalog import load_manifest, protected_pixels, resolve
from srbench.imaging.files import pixels_sha256

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--methods", "bicubic", "--scales", "2", "--no-report", "--no-speed", "--metrics", "psnr", "--datasets")
NAMES = [entry.name for entry in load_manifest("manga109").splits["test"].entries()]


@pytest.fixture
def manga(tmp_path: Path) -> Path:
    """Pictures called as the set's images are, in a layout of others."""
    picture = photograph(16, 20)
    for number, name in enumerate(NAMES):
        picture[0, 0] = np.full(3, number)
        save(tmp_path / "Manga109" / "HR" / f"{name}.png", picture)
        save(tmp_path / "Manga109" / "LR" / f"{name}x2.png", picture[::2, ::2])
    return tmp_path / "Manga109"


def test_not_here(cli: Cli) -> None:
    way = "its owners give it to who asks at http://www.manga109.org/en/; then run `srbench data add manga109 DIR`"
    for words in (("data", "fetch", "manga109"), (*RUN, "manga109")):
        ended = cli(*words)
        assert ended.returncode == 4
        assert way in ended.stderr + ended.stdout.replace("\n", " "), ended
        assert "Traceback" not in ended.stderr
    listed = json.loads(cli("data", "list", "--json").stdout)["datasets"]
    (record,) = (record for record in listed if record["name"] == "manga109")
    assert (record["present"], record["images"], record["own"]) == ("no", 109, False)
    lsdir = next(record for record in listed if record["name"] == "lsdir")
    assert (lsdir["splits"], lsdir["role"]) == ({"train": 84991}, "train")


def test_add_checks_and_pins(cli: Cli, manga: Path) -> None:
    added = cli("data", "add", "manga109", "Manga109")
    assert added.returncode == 0, added.stderr
    assert "manga109: hr, test 109; described in" in added.stdout
    ended = cli(*RUN, "manga109", "--json")
    assert ended.returncode == 0, ended.stderr
    (row,) = json.loads(ended.stdout)["results"]
    assert (row["dataset"], row["n"]) == ("manga109", 109)
    assert {image["image"] for image in row["per_image"]} == set(NAMES)
    assert cli("data", "verify", "manga109").returncode == 0
    save(manga / "HR" / "ARMS.png", photograph(16, 20, 5))
    assert cli("data", "verify", "manga109").returncode == 4
    again = cli("data", "add", "manga109", "Manga109/HR")
    assert again.returncode == 2
    assert "--replace" in again.stderr
    assert cli("data", "add", "manga109", "Manga109/HR", "--replace").returncode == 0
    assert cli("data", "remove", "manga109").returncode == 0
    assert cli(*RUN, "manga109").returncode == 4


def test_its_folder_is_the_set_then(cli: Cli, manga: Path) -> None:
    """Before it was added nothing tells a folder's images from the set's, and a note says what does."""
    before = cli(*RUN, "Manga109/HR")
    assert "is called Manga109-own here: `srbench data add manga109 DIR` makes it manga109" in before.stderr
    cli("data", "add", "manga109", "Manga109/HR")
    after = cli(*RUN, "./Manga109/HR", "--json")
    assert {row["dataset"] for row in json.loads(after.stdout)["results"]} == {"manga109"}


def test_it_is_a_test_set(manga: Path, cli: Cli) -> None:
    cli("data", "add", "manga109", "Manga109/HR")
    dataset = resolve("manga109")
    assert dataset.role == "test"
    picture = photograph(16, 20)
    picture[0, 0] = np.full(3, 1)
    assert protected_pixels()[pixels_sha256(picture)] == "manga109:test"


def test_published_values_are_shown_beside_it(cli: Cli, manga: Path) -> None:
    cli("data", "add", "manga109", "Manga109/HR")
    words = ("run", "--methods", "bicubic", "--scales", "4", "--protocol", "edsr", "--no-report", "--no-speed")
    shown = cli(*words, "--metrics", "psnr", "--datasets", "manga109", "--published", "all").stdout
    assert [line.split()[-1] for line in shown.splitlines() if line.strip().startswith("RCAN")] == ["31.22"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("gone", "lacks 1 of the 109 images of manga109 (ARMS): give the folder that holds all of its HR images"),
        ("twice", "could both be ARMS of manga109: give the folder of HR alone"),
        ("nowhere", "There is no folder 'nowhere'"),
        ("split", "The splits and terms of manga109 are known: give the folder that holds it alone"),
    ],
)
def test_refused(cli: Cli, manga: Path, change: str, why: str) -> None:
    words = ["data", "add", "manga109", "Manga109/HR"]
    if change == "gone":
        (manga / "HR" / "ARMS.png").unlink()
    elif change == "twice":
        save(manga / "HR" / "more" / "ARMS.png", photograph(16, 20))
    elif change == "nowhere":
        words[-1] = "nowhere"
    else:
        words += ["--split", "test=*"]
    ended = cli(*words)
    assert ended.returncode in (2, 4)
    assert why in ended.stderr


def test_other_names_stay_taken(cli: Cli, manga: Path) -> None:
    taken = cli("data", "add", "set5", "Manga109/HR")
    assert taken.returncode == 2
    assert "taken" in taken.stderr
