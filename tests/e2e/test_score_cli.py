"""``srbench score`` as a user types it: folders and single images, with HR and without, and what can be wrong."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import save
from plain_quality import photograph
from typer.testing import CliRunner, Result

import srbench
from srbench.bench.folder_scores import _Image, _some, told_scale
from srbench.cli.main import app
from srbench.data import sr_images
from srbench.data.stems import sides
from srbench.errors import DataError, MethodError, UsageError
from srbench.metrics.blocks import Extent

NAMES = ("first", "second", "third")


def score(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, ["score", *map(str, words)])


def document(*words: object) -> dict[str, Any]:
    result = score(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``hr`` and ``sr_x2``: images of 193x290, which a factor of 2 cuts to 192x290, and blurred ones of that size."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(NAMES):
        image = photograph(193, 290, seed)
        save(tmp_path / "hr" / f"{name}.png", image)
        save(tmp_path / "sr_x2" / f"{name}.png", cv2.GaussianBlur(image[:192], (0, 0), 1.0))
    return tmp_path


def test_without_hr(folders: Path) -> None:
    result = score("sr_x2")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["image", "niqe", "↓"]
    assert [line[0] for line in lines[1:]] == [*NAMES, "mean"]
    assert "note: niqe rests on only 6 blocks of 96x96 pixels of first; likewise 2 other images" in result.stderr
    found = document("sr_x2")
    assert (found["hr"], found["protocol"], found["scale"]) == (None, None, None)
    values = [image["values"]["niqe"] for image in found["images"]]
    assert found["metrics"][0]["value"] == pytest.approx(np.mean(values), rel=1e-12)
    assert [image["blocks"] for image in found["images"]] == [{"niqe": 6}] * 3


def test_as_a_run_scores_them(folders: Path) -> None:
    """To the last digit, no-reference metrics too; the scale is told by the folder's name."""
    found = document("sr_x2", "--hr", "hr", "--metrics", "psnr,ssim,niqe,niqe-pirm", "--protocol", "edsr")
    run = srbench.run("images:sr_x2", "./hr", scales=2, metrics=("psnr", "ssim", "niqe", "niqe-pirm"), protocol="edsr")
    (cell,) = run.loaded.cells
    assert {metric["name"]: metric["value"] for metric in found["metrics"]} == dict(cell.values)
    images = [image.model_dump(include={"name", "width", "height", "values", "blocks"}) for image in cell.images]
    assert found["images"] == images
    assert images[0]["blocks"] == {"niqe": 6, "niqe-pirm": 2}
    assert (found["protocol"], found["scale"]) == ("edsr", 2)
    notes = [note for note in cell.notes if note.startswith("niqe")]
    assert notes == found["notes"]
    assert notes[1] == (
        "niqe-pirm rests on 2 blocks of 96x96 pixels of first, which has 6: "
        "what is cut from the border changes the count, and so the value; likewise 2 other images"
    )


def test_a_crop_to_a_multiple_of_the_scale_that_costs_blocks_is_said(tmp_path: Path) -> None:
    save(tmp_path / "hr" / "a.png", photograph(192, 290))
    save(tmp_path / "sr" / "a.png", photograph(190, 290))
    found = document(tmp_path / "sr", "--hr", tmp_path / "hr", "--scale", 5, "--metrics", "psnr,niqe")
    assert found["notes"][0].startswith("niqe rests on 3 blocks of 96x96 pixels of a, which has 6: what is cut")


def test_a_row_an_image(folders: Path) -> None:
    assert score("sr_x2", "--hr", "hr", "--metrics", "niqe,psnr", "--csv", "out/scores.csv").exit_code == 0
    rows = list(csv.DictReader((folders / "out" / "scores.csv").open()))
    assert list(rows[0]) == ["image", "width", "height", "niqe", "psnr", "niqe_blocks"]
    found = document("sr_x2", "--hr", "hr", "--metrics", "niqe,psnr")
    for row, image in zip(rows, found["images"], strict=True):
        assert (row["image"], float(row["niqe"])) == (image["name"], image["values"]["niqe"])
        assert (row["width"], row["height"], row["niqe_blocks"]) == ("290", "192", "6")


def test_one_image_and_two(folders: Path) -> None:
    one = document("hr/first.png")
    assert [image["name"] for image in one["images"]] == ["first"]
    two = document("sr_x2/first.png", "--hr", "hr/first.png", "--metrics", "psnr")
    every = document("sr_x2", "--hr", "hr", "--metrics", "psnr")
    assert two["images"] == every["images"][:1]
    for words in (("sr_x2", "--hr", "hr/first.png"), ("sr_x2/first.png", "--hr", "hr")):
        assert "give two images, or two folders" in str(score(*words).exception)


def test_many_images_get_no_row_each(tmp_path: Path) -> None:
    for number in range(31):
        save(tmp_path / "many" / f"{number}.png", photograph(96, 192, number))
    lines = score(tmp_path / "many").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["image", "mean", "95"]


def test_values_with_hr_carry_their_protocol_and_few_images_have_no_interval(folders: Path) -> None:
    first, *rows = score("sr_x2", "--hr", "hr", "--metrics", "psnr").stdout.splitlines()
    assert re.fullmatch(r"protocol vdsr \(\w{8}\), x2", first)
    assert [row.split()[0] for row in rows] == ["image", *NAMES, "mean"]
    assert [metric["ci_low"] for metric in document("sr_x2", "--hr", "hr")["metrics"]] == [None, None, None]


def test_equal_images_and_json(folders: Path) -> None:
    found = document("hr", "--hr", "hr", "--metrics", "psnr", "--scale", 1)
    assert found["metrics"][0]["value"] == "inf"


def test_images_that_cannot_be_scored_do_not_hold_up_the_others(folders: Path) -> None:
    save(folders / "sr_x2" / "small.png", photograph(95, 400))
    (folders / "sr_x2" / "torn.png").write_bytes((folders / "sr_x2" / "first.png").read_bytes()[:2000])
    result = score("sr_x2", "--json")
    assert result.exit_code == DataError.exit_code
    found = json.loads(result.stdout)
    assert [image["name"] for image in found["images"]] == list(NAMES)
    assert [failed["name"] for failed in found["failed"]] == ["small", "torn"]
    assert "small cannot be scored: NIQE compares blocks of 96x96 pixels and needs at least two" in result.stderr
    assert "torn.png is truncated or corrupt" in result.stderr
    assert found["metrics"][0]["n"] == 3


def test_a_plugins_metric_sees_no_hr_unless_it_needs_it(folders: Path) -> None:
    (folders / "mine.py").write_text(
        "from srbench.metrics.metric import Metric\n"
        "def rows(pair):\n    return float(len(pair.target))\n"
        "SEES = Metric('sees', rows, input='image')\n"
        "BLIND = Metric('blind', rows, input='image', needs_hr=False)\n"
        "NAN = Metric('nan', lambda pair: float('nan'), input='image', needs_hr=False)\n"
    )
    found = document("sr_x2", "--hr", "hr", "--metrics", "sees,blind", "--plugin", "mine.py")
    assert found["images"][0]["values"] == {"sees": 192.0, "blind": 0.0}
    assert document("sr_x2", "--metrics", "blind", "--plugin", "mine.py")["metrics"][0]["needs_hr"] is False
    run = srbench.run("images:sr_x2", "./hr", scales=2, metrics=("sees", "blind"), plugins="mine.py")
    (cell,) = run.loaded.cells
    assert cell.values == {"sees": 192.0, "blind": 0.0}  # from a host's process
    result = score("sr_x2", "--metrics", "nan", "--plugin", "mine.py")
    assert result.exit_code == MethodError.exit_code
    assert "metric nan gave NaN on first" in result.stderr


@pytest.mark.parametrize(
    ("words", "kind", "sentence"),
    [
        (("sr_x2", "--metrics", "psnr,niqe"), UsageError, "psnr compares with HR: give --hr, or name no-reference"),
        (("sr_x2", "--metrics", "pi"), UsageError, r"pi is left out, .*; niqe-pirm gives its other half: PI = "),
        (("sr_x2", "--metrics", ""), UsageError, "metrics needs at least one"),
        (("sr_x2", "--metrics", "nique"), UsageError, "niqe"),
        (("nothing",), DataError, "nothing"),
        (("plain", "--hr", "hr"), UsageError, "plain does not say its scale: give --scale"),
        (("sr_x2", "--hr", "hr", "--protocol", "paired"), None, "scores supplied LR"),
    ],
)
def test_what_can_be_wrong(folders: Path, words: tuple[str, ...], kind: type[Exception] | None, sentence: str) -> None:
    shutil.copytree(folders / "sr_x2", folders / "plain")
    result = score(*words)
    if kind is None:
        assert result.exit_code == DataError.exit_code
        assert sentence in result.stderr
    else:
        with pytest.raises(kind, match=sentence):
            raise result.exception or AssertionError(result.output)


def test_a_metric_without_its_weights_is_a_column_less(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRBENCH_MIRROR", raising=False)
    result = score("sr_x2", "--metrics", "niqe,brisque", "--json")
    assert result.exit_code == 0
    assert "run `srbench data fetch brisque`" in json.loads(result.stdout)["metrics"][1]["unavailable"]
    alone = score("sr_x2", "--metrics", "brisque")
    assert isinstance(alone.exception, DataError)
    assert "There is nothing to score with: brisque:" in str(alone.exception)


def test_a_set_that_nobody_looks_at_is_said(folders: Path) -> None:
    assert (
        "hr was not looked at: no metric asked for needs HR" in score("sr_x2", "--hr", "hr", "--metrics", "niqe").stderr
    )


@pytest.mark.parametrize(
    ("folder", "files", "scale"),
    [
        ("sr", ("a_x4", "b_x4"), 4),
        ("sr_x2", ("a", "b"), 2),
        ("X3", ("a_x4", "b_x2"), 3),
        ("sr", ("a_x4_SR", "b-x4"), 4),
        ("sr", ("a_x4", "b"), None),
        ("box4", ("pax2", "x"), None),
    ],
)
def test_the_scale_that_names_tell(folder: str, files: tuple[str, ...], scale: int | None) -> None:
    assert told_scale(Path(folder), [Path(folder) / f"{name}.png" for name in files]) == scale


def test_it_starts_without_torch(folders: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.argv[1:] = ['score', 'sr_x2']\nfrom srbench.cli.main import app\napp(standalone_mode=False)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code + "print(*sys.modules)"], capture_output=True, text=True, cwd=folders, check=True
    )
    assert {"torch", "pandas", "scipy", "cv2", "matplotlib"}.isdisjoint(result.stdout.split())


class Counted(type(Path())):  # type: ignore[misc]
    """A path that counts how often paths are compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return bool(super().__eq__(other))

    __hash__ = type(Path()).__hash__


def test_a_thousand_files_are_not_compared_with_one_another() -> None:
    """What takes time is the metrics: matching a folder takes no more comparisons than it has files, or a few."""
    Counted.compared = 0
    files = [Counted(f"sr/{number}.png") for number in range(1000)]
    matched = sr_images._matched(files[:-2], files)
    assert matched.note == "2 other images of sr left aside (998.png, …)"
    assert Counted.compared < 5000


def test_nor_are_those_that_others_are_made_of() -> None:
    Counted.compared = 0
    files = [Counted(f"hr/{number}.png") for number in range(1000)]
    whole, made = sides(files)
    assert Counted.compared < 5000
    assert (len(whole), made) == (1000, [])


def test_small_images_are_read_in_lists_and_large_ones_alone() -> None:
    """Handing over an image from thread to thread takes a tenth of the time that PSNR and SSIM of a small one take."""

    def lists(side: int, count: int) -> list[int]:
        images = (
            _Image(Extent(str(i), (side, side), (side, side)), None, (np.zeros((1, 1), np.uint8), None))
            for i in range(count)
        )
        return [len(some) for some in _some(images)]

    assert lists(1024, 3) == [1, 1, 1]
    assert lists(256, 33) == [16, 16, 1]
    assert lists(256, 0) == []
