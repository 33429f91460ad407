"""``srbench upscale`` as a user types it: files, folders, globs, streams, and everything that can be wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli, hear_interrupts, photograph, save
from PIL import Image
from typer.testing import CliRunner, Result

from srbench.cli.main import app
from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.files import read_image

FAST = ("--method", "bicubic")


def upscale(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, ["upscale", *map(str, words)])


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def raised(result: Result, kind: type[Exception], *parts: str) -> None:
    """It ended with an error of one sentence; ``main`` prints it and ends with its exit code."""
    assert isinstance(result.exception, kind), result.exception
    text = str(result.exception)
    assert text.endswith((".", "path")) or "\n" not in text
    for part in parts:
        assert part in text


def test_a_photograph_as_a_user_does_it(cli: Cli, photos: Path, tmp_path: Path) -> None:
    result = cli("upscale", "photos/first.png", "large.png", "--compare")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("photos/first.png: 60x48 to 120x96 in ")
    assert size(tmp_path / "large.png") == (120, 96)
    assert size(tmp_path / "large.compare.png")[0] > 300
    again = cli("upscale", "photos/first.png", "large.png")
    assert again.returncode == 2
    assert again.stderr == "srbench: large.png is there already; --overwrite replaces, or choose another OUT.\n"
    assert cli("upscale", "photos/first.png", "large.png", "--overwrite", *FAST).returncode == 0


def test_better_than_bicubic_on_what_was_made_small(tmp_path: Path) -> None:
    """The default method is worth its time: nearer to the original than bicubic is."""
    from skimage import data

    from srbench.imaging.resize import imresize

    hr = data.astronaut()[:256, :256]
    save(tmp_path / "lr.png", imresize(hr, 0.5))
    errors = {}
    for method in ("fsrcnn", "bicubic"):
        assert upscale(tmp_path / "lr.png", tmp_path / f"{method}.png", "--method", method).exit_code == 0
        sr = np.asarray(Image.open(tmp_path / f"{method}.png")).astype(float)
        errors[method] = float(np.square(sr - hr)[4:-4, 4:-4].mean())
    assert errors["fsrcnn"] < 0.8 * errors["bicubic"]


def test_a_folder_keeps_its_structure_and_formats(photos: Path, tmp_path: Path) -> None:
    save(photos / "trip" / "third.jpg", photograph(30, 20))
    save(photos / "trip" / ".hidden.png", photograph(30, 20))
    (photos / "notes.txt").write_text("not a picture")
    result = upscale(photos, tmp_path / "out", *FAST, "--scale", 3)
    assert result.exit_code == 0, result.output
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert written == ["first.png", "second.png", "trip/third.jpg"]
    assert size(tmp_path / "out" / "trip" / "third.jpg") == (60, 90)
    assert "[3/3]" in result.stderr
    again = upscale(photos, tmp_path / "out", *FAST)
    raised(again, UsageError, "and 2 more are there already")


def test_what_lies_in_out_is_not_enlarged_again(photos: Path) -> None:
    for _ in range(2):
        assert upscale(photos, f"{photos}/large/", *FAST, "--overwrite").exit_code == 0
        assert sorted(path.name for path in photos.rglob("*.png")) == ["first.png"] * 2 + ["second.png"] * 2
    assert upscale(photos / "first.png", f"{photos}/large", *FAST, "--overwrite").exit_code == 0
    assert not (photos / "large" / "large").exists()
    raised(upscale(photos, photos, *FAST), UsageError, "and 3 more are there already")


def test_a_glob_and_a_format(photos: Path, tmp_path: Path) -> None:
    save(photos / "trip" / "third.jpg", photograph(30, 20))
    result = upscale(f"{photos}/**/*.*", tmp_path / "out", *FAST, "--format", "webp", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [Path(one["output"]).relative_to(tmp_path / "out").as_posix() for one in document["files"]] == [
        "first.webp",
        "second.webp",
        "trip/third.webp",
    ]
    assert {"schema_version": 1, "method": "bicubic", "scale": 2, "failed": []}.items() <= document.items()
    first = document["files"][0]
    keys = ("width", "height", "out_width", "out_height", "channels", "bits", "tiles", "compare", "notes")
    assert [first[key] for key in keys] == [60, 48, 120, 96, 3, 8, 1, None, []]
    assert first["seconds"] > 0
    one = upscale(f"{photos}/fir*.png", tmp_path / "one.png", *FAST)
    assert one.exit_code == 0 and size(tmp_path / "one.png") == (120, 96)


def test_a_folder_or_a_glob_of_one_goes_to_a_folder(tmp_path: Path) -> None:
    save(tmp_path / "single" / "only.png", photograph(12, 10))
    for number, source in enumerate((tmp_path / "single", f"{tmp_path}/single/*.png")):
        result = upscale(source, tmp_path / f"bigger{number}", *FAST)
        assert result.exit_code == 0, result.exception
        assert size(tmp_path / f"bigger{number}" / "only.png") == (20, 24)
    assert upscale(tmp_path / "single", tmp_path / "one.png", *FAST).exit_code == 0
    said_twice = upscale(tmp_path / "single" / "only.png", tmp_path / "two.JPG", *FAST, "--format", "jpeg")
    assert said_twice.exit_code == 0 and size(tmp_path / "two.JPG") == (20, 24)


@pytest.mark.long
def test_streams(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "srbench", "upscale", *FAST]
    data = (photos / "first.png").read_bytes()
    piped = subprocess.run([*command, "-", "-"], input=data, capture_output=True, cwd=tmp_path, timeout=300)
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout[:8] == b"\x89PNG\r\n\x1a\n"
    (tmp_path / "piped.png").write_bytes(piped.stdout)
    assert upscale(photos / "first.png", tmp_path / "file.png", *FAST).exit_code == 0
    assert (tmp_path / "file.png").read_bytes() == piped.stdout
    for form, head in (("jpeg", b"\xff\xd8\xff"), ("tiff", b"II*\0"), ("webp", b"RIFF")):
        to = [str(photos / "first.png"), "-", "--format", form]
        assert subprocess.run([*command, *to], capture_output=True, timeout=300).stdout.startswith(head)
    broken = subprocess.run([*command, "-", "-"], input=data[:-900], capture_output=True, timeout=300)
    assert (broken.returncode, broken.stdout) == (4, b"")
    assert broken.stderr.startswith(b"srbench: the image on stdin is truncated or corrupt")


def test_one_bad_file_does_not_hold_up_the_others(photos: Path, tmp_path: Path) -> None:
    (photos / "aaa.png").write_bytes(b"no picture at all")
    Image.fromarray(photograph(9, 9)).convert("CMYK").save(photos / "cmyk.jpg")
    result = upscale(photos, tmp_path / "out", *FAST, "--json")
    assert result.exit_code == 4
    document = json.loads(result.stdout)
    assert [Path(one["input"]).name for one in document["files"]] == ["first.png", "second.png"]
    assert [Path(one["input"]).name for one in document["failed"]] == ["aaa.png", "cmyk.jpg"]
    assert "cmyk.jpg is CMYK: save it as" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["first.png", "second.png"]


PLUGIN = """
import torch
from srbench.method import Method, MethodInfo

class Picky(Method):
    info = MethodInfo(name="picky", family="interpolation", channels="any", input="lr", halo=0)

    def upscale(self, x, scale):
        print("working")
        if x.shape[-1] == 60:
            raise RuntimeError("not that one")
        return x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
"""


def test_a_method_that_fails_on_one(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "picky.py").write_text(PLUGIN)
    words = ("--method", "picky", "--plugin", tmp_path / "picky.py")
    result = upscale(photos, tmp_path / "out", *words, "--json")
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert [Path(one["output"]).name for one in document["files"]] == ["second.png"]
    assert document["failed"][0]["error"] == "picky raised RuntimeError: not that one"
    alone = upscale(photos / "first.png", tmp_path / "alone.png", *words)
    raised(alone, MethodError, "not that one")
    assert MethodError.exit_code == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second.png"]
    assert not (tmp_path / "alone.png").exists()


def test_what_is_wrong_is_said_before_anything_is_computed(photos: Path, tmp_path: Path) -> None:
    first, out = photos / "first.png", tmp_path / "out"
    raised(upscale(tmp_path / "none.png", "a.png"), DataError, "is not there: check the path")
    raised(upscale(f"{photos}/*.tiff", out), DataError, "No image matches")
    (tmp_path / "empty").mkdir()
    raised(upscale(tmp_path / "empty", out), DataError, "There is no image in")
    raised(upscale(photos, tmp_path / "a.png"), UsageError, "means 2 images", "give a folder as OUT")
    raised(upscale(photos, "-"), UsageError, "stdout takes one")
    raised(upscale("-", tmp_path), UsageError, "has no name")
    raised(upscale(first, tmp_path / "a.gif"), UsageError, "cannot be written as '.gif'", "png, jpeg, tiff")
    raised(upscale(first, tmp_path / "a"), UsageError, "has no suffix that says a format", "end OUT with /")
    raised(upscale(first, tmp_path / "a.png", "--format", "jpg"), UsageError, "--format jpg is not what", "with .jpg")
    raised(upscale(first, tmp_path / "a.pgm", "--format", "ppm"), UsageError, "--format ppm is not what")
    raised(upscale(first, tmp_path / "a.pgm", *FAST), UsageError, "is in colour, which pgm files cannot be")
    raised(upscale(first, tmp_path / "a.png", "--format", "xyz"), UsageError, "as 'xyz'")
    raised(upscale(first, "-", "--compare"), UsageError, "name a file")
    raised(upscale(first, "-", "--json"), UsageError, "both go to stdout")
    raised(upscale(first, tmp_path / "a.png", "--method", "fsrcn"), UsageError, "Did you mean fsrcnn")
    raised(upscale(first, tmp_path / "a.png", "--method", "dcci*"), UsageError, "takes one method")
    raised(upscale(first, tmp_path / "a.png", "--scale", 9), UsageError, "does not work at x9; it does at x2, x3, x4")
    raised(upscale(first, tmp_path / "a.png", "--tile", 3), UsageError, "--tile takes 16")
    raised(upscale(first, tmp_path / "a.png", "--device", "gpu"), UsageError, "cannot be used")
    raised(upscale(first, tmp_path / "a.png", "--method", "srcnn-y:quick"), DataError, "srbench train")
    save(photos / "first.jpg", photograph(8, 8))
    raised(upscale(photos, out, "--format", "png"), UsageError, "Two images would both become")
    save(photos / "glass.png", np.full((8, 8, 4), 99, np.uint8))
    raised(upscale(photos / "glass.png", tmp_path / "a.jpg", *FAST), UsageError, "partly transparent", "choose .png")
    assert not list(tmp_path.glob("a*")) and not out.exists()


def test_alpha_depth_and_metadata_on_the_whole_way(tmp_path: Path) -> None:
    deep = photograph(20, 30).astype(np.uint16) * 257
    alpha = np.full((20, 30, 1), 40_000, np.uint16)
    save(tmp_path / "deep.png", np.concatenate([deep, alpha], axis=2))
    for suffix in ("png", "tiff"):
        result = upscale(tmp_path / "deep.png", tmp_path / f"large.{suffix}", "--json")
        file = json.loads(result.stdout)["files"][0]
        assert (file["channels"], file["bits"]) == (4, 16)
    lost = upscale(tmp_path / "deep.png", tmp_path / "large.webp")
    assert "note: " in lost.stderr and "webp holds 8 of the 16 bits" in lost.stderr

    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif[0x8769] = {0xA002: 30, 0xA003: 20}
    Image.fromarray(photograph(20, 30)).save(tmp_path / "turned.jpg", exif=exif, dpi=(300, 300))
    assert upscale(tmp_path / "turned.jpg", tmp_path / "upright.jpg", *FAST).exit_code == 0
    with Image.open(tmp_path / "upright.jpg") as image:
        assert image.size == (40, 60)
        assert image.info["dpi"] == (300, 300)
        tags = image.getexif()
        assert (tags[0x0112], tags[0x010F]) == (1, "Maker")
        assert (tags.get_ifd(0x8769)[0xA002], tags.get_ifd(0x8769)[0xA003]) == (40, 60)


def test_a_method_that_cannot_work_in_tiles_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole.py").write_text(PLUGIN.replace(", halo=0", "").replace("picky", "whole"))
    save(tmp_path / "a.png", photograph(40, 50))
    monkeypatch.setattr("srbench.photo.job.MUCH", 1000)
    words = ("--method", "whole", "--plugin", tmp_path / "whole.py", "--tile", 16)
    result = upscale(tmp_path / "a.png", tmp_path / "b.png", *words)
    assert result.exit_code == 0, result.output
    assert "whole looks at the whole image at once, which may need much memory" in result.stderr


SLOW = PLUGIN.replace('print("working")', "import time; time.sleep(0.5)").replace("picky", "slow")


def test_an_interruption_leaves_nothing_half_written(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    save(tmp_path / "wide.png", photograph(100, 600))
    words = ("upscale", "wide.png", "out/large.png", "--method", "slow", "--plugin", "slow.py", "--tile", "16")
    process = subprocess.Popen(
        [sys.executable, "-m", "srbench", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    wait_for(lambda: (tmp_path / "out").is_dir() and bool(list((tmp_path / "out").iterdir())))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert told == "srbench: interrupted\n"
    assert not list((tmp_path / "out").iterdir())


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def peak(*words: str, cwd: Path) -> float:
    """MB that the program holds at most."""
    program = (
        "import resource, sys; from srbench.cli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, "upscale", *words], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout) / (1e6 if sys.platform == "darwin" else 1e3)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_a_photograph_of_24_megapixels_passes_in_bounded_memory(tmp_path: Path) -> None:
    """Beyond what a tiny picture takes: 72 MB of pixels, what their decoder holds, and parts of the 288 MB result.

    In floating point the result alone would be 1,150 MB.
    """
    tile = photograph(400, 600)
    whole = np.tile(tile, (10, 10, 1))
    Image.fromarray(whole).save(tmp_path / "large.jpg")
    save(tmp_path / "tiny.png", tile[:16, :16])
    base = peak("tiny.png", "tiny.x2.png", *FAST, cwd=tmp_path)
    for suffix, bound in (("png", 400), ("jpg", 800)):
        most = peak("large.jpg", f"huge.{suffix}", *FAST, cwd=tmp_path)
        assert most - base < bound, f"{suffix}: {most:.0f} MB, a tiny picture {base:.0f} MB"
    whole = read_image(tmp_path / "huge.png")
    assert whole.shape == (8_000, 12_000, 3)
    save(tmp_path / "corner.png", np.asarray(Image.open(tmp_path / "large.jpg").crop((0, 0, 210, 210))))
    assert upscale(tmp_path / "corner.png", tmp_path / "corner.x2.png", *FAST).exit_code == 0
    expected = np.asarray(Image.open(tmp_path / "corner.x2.png"))[:400, :400]
    np.testing.assert_array_equal(whole[:400, :400], expected)
