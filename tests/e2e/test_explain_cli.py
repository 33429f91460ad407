"""``srbench explain``: numbers of a method, numbers of a user's own SR images, and everything that can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli, photograph, save
from PIL import Image
from typer.testing import CliRunner, Result

from srbench.cli.main import app
from srbench.data.catalog import resolve
from srbench.data.sr_images import match
from srbench.errors import DataError, UsageError

ENV = {"COLUMNS": "80"}


def explain(*words: str) -> Result:
    return CliRunner(env=ENV).invoke(app, ["explain", *words])


def pil_both_ways(image: np.ndarray, scale: int = 2) -> np.ndarray:
    height, width = (side // scale for side in image.shape[:2])
    whole = Image.fromarray(image[: height * scale, : width * scale])
    small = whole.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small.resize(whole.size, Image.Resampling.BICUBIC))


@pytest.fixture
def upscaled(tmp_path: Path, photos: Path) -> Path:
    """PIL's bicubic of the photographs, called as people do."""
    for name, suffix in (("first", "_x2"), ("second", "_SRF_2_SR")):
        image = np.asarray(Image.open(photos / f"{name}.png"))
        save(tmp_path / "sr" / f"{name}{suffix}.png", pil_both_ways(image))
    return tmp_path / "sr"


def test_a_number_of_a_method(photos: Path) -> None:
    words = ("--method", "bicubic", "--dataset", str(photos), "--scale", "2")
    listed = json.loads(explain(*words, "--json").stdout)["answers"][0]
    assert listed["tried"] == len(listed["variants"]) > 500
    rgb = next(row for row in listed["variants"] if "rgb" in row["protocols"])
    assert rgb["printed_by"] == ["RGB PSNR of 8-bit images"]
    number = f"{rgb['value']:.4f}"
    result = explain(number, *words)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any(number in line and "RGB PSNR over all channels, LR 8-bit: `rgb`" in line for line in lines[:6])
    assert " ".join(lines[:2]).startswith(f"{number} is what a known protocol gives: RGB PSNR over all channels")
    assert "What the literature uses" in result.stdout
    assert "1 variant lies this near, and of the 10,001 such numbers" in " ".join(result.stdout.split())
    assert max(map(len, lines)) <= 80
    document = json.loads(explain(number, *words, "--json").stdout)
    assert document["schema_version"] == 1
    assert document["answers"][0]["within_reach"][0]["protocols"] == ["rgb"]
    chance = document["answers"][0]["chance"]
    assert chance["numbers"] == 10_001 and 1 <= chance["by_plausible"] <= chance["by_any"] <= listed["tried"]
    assert document["answers"][0]["within_reach"][0]["variant"]["making"]["lr"] == "rounded"


def test_a_number_that_no_variant_gives(photos: Path) -> None:
    words = ("12.34", "--method", "bicubic", "--dataset", str(photos), "--scale", "2")
    result = explain(*words)
    assert result.exit_code == 1
    assert "none of" in result.stdout and "Perhaps" in result.stdout
    answer = json.loads(explain(*words, "--json").stdout)["answers"][0]
    assert answer["within_reach"] == [] and len(answer["nearest"]) == 5


def test_the_program_as_a_user_runs_it(cli: Cli, photos: Path) -> None:
    result = cli("explain", "--method", "nearest", "--dataset", str(photos), "--scale", "3", "--metric", "ssim")
    assert result.returncode == 0, result.stderr
    assert "SSIM of nearest on photos x3" in result.stdout and "`vdsr`" in result.stdout
    assert "combinations of several changes (--all)" in result.stdout


def test_images_of_ones_own(upscaled: Path, photos: Path) -> None:
    words = ("--images", str(upscaled), "--dataset", str(photos), "--scale", "2")
    result = explain(*words)
    assert result.exit_code == 0, result.output
    assert "PSNR of" in result.stdout and "SSIM of" in result.stdout
    assert "`vdsr`, `srcnn` and `selfexsr`" in result.stdout
    answers = json.loads(explain(*words, "--json").stdout)["answers"]
    assert [answer["metric"] for answer in answers] == ["psnr", "ssim"]
    own = next(row for row in answers[0]["variants"] if "rgb" in row["protocols"])
    errors = []
    for path in sorted(photos.iterdir()):
        hr = np.asarray(Image.open(path))
        sr, hr = (
            image[2:-2, 2:-2].astype(float)
            for image in (pil_both_ways(hr), hr[: hr.shape[0] // 2 * 2, : hr.shape[1] // 2 * 2])
        )
        errors.append(10 * np.log10(255**2 / np.mean((sr - hr) ** 2)))
    assert own["value"] == pytest.approx(np.mean(errors), abs=1e-9)
    found = explain(f"{own['value']:.3f}", *words)
    first = found.stdout.partition("how it is made")[2].split("\n")[1]  # the title above may take any number of lines
    assert found.exit_code == 0 and "`rgb`" in first
    assert explain("12.34", *words).exit_code == 1


def test_several_numbers(upscaled: Path, photos: Path, tmp_path: Path) -> None:
    words = ("--images", str(upscaled), "--dataset", str(photos))
    one, other = json.loads(explain(*words, "--scale", "2", "--json").stdout)["answers"]
    psnr, ssim = (next(row["value"] for row in each["variants"] if "rgb" in row["protocols"]) for each in (one, other))
    number = f"x2={psnr:.3f}/{ssim:.4f}"
    result = explain(number, *words)
    assert result.exit_code == 0, result.output
    assert "2 numbers of" in result.stdout and "Chance is unlikely" in result.stdout
    assert "  2/2  `rgb`" in result.stdout and max(map(len, result.stdout.splitlines())) <= 80
    document = json.loads(explain(number, *words, "--json").stdout)
    assert document["give_all"] >= 1 and document["variants"][0]["protocols"] == ["rgb", "ntire"]
    assert document["variants"][0]["values"] == pytest.approx([psnr, ssim])
    missed = explain(f"x2={psnr:.3f}/.1234", *words)
    assert missed.exit_code == 1 and "none of" in missed.stdout and "  1/2  `rgb`" in missed.stdout
    (tmp_path / "photos-x2").symlink_to(upscaled)
    named = explain(number, "--images", str(tmp_path / "{dataset}-x{scale}"), "--dataset", str(photos))
    assert named.exit_code == 0 and "`rgb`" in named.stdout
    assert "Give --scale too" in refused(UsageError, "30", "31", *words)
    assert "Give --dataset too" in refused(UsageError, "--method", "bicubic", "--scale", "2")


def test_several_numbers_of_a_method(photos: Path) -> None:
    words = ("--method", "bicubic", "--dataset", str(photos))
    values = {}
    for scale in ("2", "3"):
        listed = json.loads(explain(*words, "--scale", scale, "--json").stdout)["answers"][0]
        values[scale] = next(row["value"] for row in listed["variants"] if "edsr" in row["protocols"])
    numbers = [f"x{scale}={value:.4f}" for scale, value in values.items()]
    document = json.loads(explain(*numbers, *words, "--json").stdout)
    assert document["variants"][0]["protocols"] == ["edsr"]
    assert [figure["scale"] for figure in document["figures"]] == [2, 3]


def test_the_hr_images_themselves_are_infinitely_good(photos: Path) -> None:
    words = ("--images", str(photos), "--dataset", str(photos), "--scale", "2", "--metric", "psnr")
    assert " inf" in explain(*words).stdout
    answer = json.loads(explain(*words, "--json").stdout)["answers"][0]
    assert {row["value"] for row in answer["variants"]} == {"inf"}
    assert explain("40", *words).exit_code == 1


def test_sr_of_the_size_of_uncropped_hr_and_gray_saved_as_rgb(tmp_path: Path) -> None:
    gray = photograph(51, 63)[..., 0]
    save(tmp_path / "hr" / "g.png", gray)
    save(tmp_path / "sr" / "g.png", np.repeat(gray[..., None], 3, axis=2))
    words = ("--images", str(tmp_path / "sr"), "--dataset", str(tmp_path / "hr"), "--scale", "2", "--metric", "psnr")
    assert " inf" in explain(*words).stdout


def test_sr_of_a_gray_image_is_scored_however_it_was_saved_and_in_both_ways(tmp_path: Path) -> None:
    """Gray, gray in three channels, and what a network for RGB makes of it: nearly gray."""
    gray = photograph(51, 63)[..., 0]
    save(tmp_path / "hr" / "g.png", gray)
    sr = pil_both_ways(gray[:50, :62])
    threefold = np.repeat(sr[..., None], 3, axis=2)
    tinged = threefold.copy()
    tinged[::2, :, 0] ^= 1
    values = []
    for folder, picture in (("gray", sr), ("rgb", threefold), ("tinged", tinged)):
        save(tmp_path / folder / "g.png", picture)
        result = explain(
            "--images", str(tmp_path / folder), "--dataset", str(tmp_path / "hr"), "--scale", "2", "--json"
        )
        rows = json.loads(result.stdout)["answers"][0]["variants"]
        values.append({name: row["value"] for row in rows for name in row["protocols"]})
    assert values[0] == pytest.approx(values[1], abs=1e-9)
    assert values[0]["edsr"] - values[0]["lapsrn"] == pytest.approx(20 * np.log10(255 / 219), abs=1e-9)
    assert values[2]["edsr"] == pytest.approx(values[0]["edsr"], abs=0.05)
    assert values[2] != values[0]


@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "b.png"],
        ["a_x2.png", "b_x2.png"],
        ["ax2.png", "bx2.png"],
        ["a_SRF_2_SR.png", "b_SRF_2_SR.png"],
        ["A-sr.png", "B-sr.png"],
        ["b.png", "a.png", "notes.png"],
    ],
)
def test_names_are_matched(tmp_path: Path, names: list[str]) -> None:
    for name in ("a", "b"):
        save(tmp_path / "hr" / f"{name}.png", photograph(50, 50))
    for name in names:
        save(tmp_path / "sr" / name, photograph(50, 50))
    matched = match(tmp_path / "sr", resolve(str(tmp_path / "hr")))
    assert [path.name[0].lower() for path in matched.files] == ["a", "b"]
    assert ("left aside" in matched.note) == ("notes.png" in names)


def test_images_are_matched_by_order_only_where_there_are_as_many(tmp_path: Path) -> None:
    for i in (2, 10):
        save(tmp_path / "hr" / f"t{i}.png", photograph(50, 50))
        save(tmp_path / "sr" / f"result-{i}.png", photograph(50, 50))
    matched = match(tmp_path / "sr", resolve(str(tmp_path / "hr")))
    assert [path.name for path in matched.files] == ["result-2.png", "result-10.png"]
    assert "natural order" in matched.note
    (tmp_path / "sr" / "result-2.png").unlink()
    with pytest.raises(DataError, match=r"called like 't2'.*1 images where \S+ has 2"):
        match(tmp_path / "sr", resolve(str(tmp_path / "hr")))
    for name in ("t2_x2.png", "t2_sr.png", "t10_x2.png"):
        save(tmp_path / "two" / name, photograph(50, 50))
    with pytest.raises(DataError, match="could both be meant"):
        match(tmp_path / "two", resolve(str(tmp_path / "hr")))


def refused(error: type[Exception], *words: str) -> str:
    result = explain(*words)
    assert isinstance(result.exception, error), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_what_is_wrong_is_one_sentence(photos: Path, tmp_path: Path) -> None:
    data = ("--dataset", str(photos), "--scale", "2")
    bicubic = ("--method", "bicubic", *data)
    assert "either --method" in refused(UsageError, "33.66", *data)
    assert "either --method" in refused(UsageError, "33.66", *bicubic, "--images", str(photos))
    assert "such as 33.66" in refused(UsageError, "much", *bicubic)
    assert "at most 1" in refused(UsageError, "33.66", *bicubic, "--metric", "ssim")
    assert "psnr or ssim" in refused(UsageError, *bicubic, "--metric", "mse")
    assert "Did you mean bicubic" in refused(UsageError, "33.66", "--method", "bicubik", *data)
    assert "one method" in refused(UsageError, "33.66", "--method", "bi*", *data)
    assert "does not work at x17" in refused(
        UsageError, "33.66", "--method", "bicubic", "--dataset", str(photos), "--scale", "17"
    )
    assert "no data set" in refused(UsageError, "33.66", "--method", "bicubic", "--dataset", "set55", "--scale", "2")
    pairs = f"hr={photos},lr={shutil.copytree(photos, tmp_path / 'lr')}"
    assert "supplies LR" in refused(UsageError, "33", *bicubic, "--dataset", pairs)
    assert "srbench train fsrcnn:quick --scales 2" in refused(DataError, "33.66", "--method", "fsrcnn:quick", *data)
    (tmp_path / "empty").mkdir()
    assert "no images" in refused(DataError, "--images", str(tmp_path / "empty"), *data)
    assert "no folder" in refused(DataError, "--images", str(tmp_path / "nowhere"), *data)


def test_sr_that_does_not_fit_is_one_sentence(photos: Path, tmp_path: Path) -> None:
    data = ("--dataset", str(photos), "--scale", "2")
    folder = tmp_path / "sr"
    second = save(folder / "second.png", photograph(53, 41))
    save(folder / "first.png", photograph(46, 60))
    assert "first.png is 60x46 and the HR image 'first' is 60x48" in refused(DataError, "--images", str(folder), *data)
    save(folder / "first.png", photograph(48, 60)[..., 0])
    assert "SR is gray and HR has colours" in refused(DataError, "--images", str(folder), *data)
    save(folder / "first.png", photograph(48, 60))
    second.write_bytes(second.read_bytes()[:200])
    assert "second.png is truncated or corrupt" in refused(DataError, "--images", str(folder), *data)
    save(tmp_path / "tiny" / "tiny.png", photograph(24, 24))
    tiny = ("--method", "bicubic", "--dataset", str(tmp_path / "tiny"), "--scale", "4")
    assert "tiny is 24x24, too small" in refused(DataError, *tiny)


def test_the_usual_mistakes_have_the_usual_exit_codes(cli: Cli, photos: Path) -> None:
    for code, words in (
        (2, ("33.66", "--method", "bicubik", "--dataset", str(photos), "--scale", "2")),
        (2, ("33.66", "--method", "bicubic", "--scale", "2")),
        (4, ("33.66", "--method", "fsrcnn:quick", "--dataset", str(photos), "--scale", "2")),
    ):
        result = cli("explain", *words)
        assert (result.returncode, result.stdout) == (code, "")
        assert "Traceback" not in result.stderr


def test_a_method_that_fails(cli: Cli, photos: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "from srbench.method import Method, MethodInfo\n"
        "class Broken(Method):\n"
        "    info = MethodInfo(name='broken', family='edge', channels='y', input='lr')\n"
        "    def upscale(self, x, scale):\n"
        "        raise RuntimeError('no way')\n"
    )
    words = ("--method", "broken", "--plugin", str(plugin), "--dataset", str(photos), "--scale", "2")
    result = cli("explain", *words)
    assert result.returncode == 3
    assert "broken raised RuntimeError on first: no way" in result.stderr
