"""The tutorial systems from the command line, by the example's plugin file, shortened by recipes to a few batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import photograph, save

from srbench.imaging.resize import imresize

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
PACKAGE = Path(__file__).resolve().parents[2] / "examples" / "srbench-plugin-tutorials" / "src"
PLUGIN = ("--plugin", str(PACKAGE / "srbench_plugin_tutorials" / "methods.py"))
SHORT = "steps = 2\nvalidate_every = 2\nvalidation_images = 1\n"


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    """Pairs at x2, RGB."""
    for number in range(2):
        hr = photograph(48, 60, number)
        save(tmp_path / "p" / "hr" / f"{number}.png", hr)
        save(tmp_path / "p" / "lr" / f"{number}.png", imresize(hr, 0.5))
    return "hr=./p/hr,lr=./p/lr"


def figures(result: subprocess.CompletedProcess[str]) -> dict[str, float]:
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["results"]
    return {f"{row['method']}:{row['recipe']}": row["value"] for row in rows if row["metric"] == "psnr"}


def run(cli: Cli, *words: str) -> subprocess.CompletedProcess[str]:
    return cli("run", *PLUGIN, "--metrics", "psnr", "--device", "cpu", "--threads", "1", "--json", *words)


def squash(folder: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "srbench_plugin_tutorials.squash", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        check=True,
    )


def test_t1_and_t2(cli: Cli, tmp_path: Path, pairs: str) -> None:
    squash(tmp_path, pairs, "--out", "squashed.toml", "--side", "40")
    short = f"patch = 32\nstride = 32\n{SHORT}"
    for number, data in ((1, "squashed.toml:test"), (2, pairs)):
        text = f'base = "t{number}-mse"\ntrain = ["{data}"]\nvalidation = ["{data}"]\n{short}'
        (tmp_path / f"t{number}-tiny.toml").write_text(text)
    (tmp_path / "f-tiny.toml").write_text(
        f'base = "t2-mse"\ntrain = ["./p/hr"]\nvalidation = ["./p/hr"]\npatch = 32\n{SHORT}'
    )
    rgb = "tutorial-srcnn-rgb:t1-tiny.toml,tutorial-srcnn-rgb:t2-tiny.toml"
    methods = ("--methods", f"{rgb},tutorial-fsrcnn-rgb:f-tiny.toml,bicubic", "--protocol", "paired-rgb")
    squashed = run(cli, *methods, "--datasets", "squashed.toml", "--scales", "1")
    assert "left out: tutorial-fsrcnn-rgb:f-tiny does not work at x1" in squashed.stderr
    assert set(figures(squashed)) == {"tutorial-srcnn-rgb:t1-tiny", "tutorial-srcnn-rgb:t2-tiny", "bicubic:"}
    # these recipes let test images in, and were given these very images
    assert "trains on test images (squashed.toml:test)" in squashed.stderr
    assert "worthless as test figures: tutorial-srcnn-rgb:t1-tiny on squashed.toml" in squashed.stderr
    (report,) = (tmp_path / "results" / "runs").glob("*/report/report.md")
    assert "trained on these very images" in report.read_text()
    whole = run(cli, *methods, "--datasets", pairs, "--scales", "2")
    assert len(figures(whole)) == 4
    assert "trained tutorial-srcnn-rgb" not in whole.stderr  # one network, whatever it is scored by
    assert figures(whole)["bicubic:"] != figures(squashed)["bicubic:"]


def test_t3(cli: Cli, tmp_path: Path) -> None:
    for number, name in enumerate(("berry/1", "berry/2", "dog/1")):
        save(tmp_path / "train" / f"{name}.png", photograph(32, 32, number))
    (tmp_path / "t3-tiny.toml").write_text(f'base = "t3"\npatch = 32\nstride = 32\nbatch = 2\n{SHORT}')
    words = ("--methods", "autoencoder:t3-tiny.toml,bicubic", "--datasets", "./train", "--scales", "2")
    result = run(cli, *words, "--protocol", "linear")
    assert set(figures(result)) == {"autoencoder:t3-tiny", "bicubic:"}
    assert [row["image"] for row in json.loads(result.stdout)["results"][0]["per_image"]] == [
        "berry-1",
        "berry-2",
        "dog-1",
    ]
    assert "test images" not in result.stderr


def test_t4(cli: Cli, tmp_path: Path) -> None:
    for split in ("train", "val"):
        hr = photograph(40, 44, len(split))
        save(tmp_path / split / "high_res" / "1.png", hr)
        save(tmp_path / split / "low_res" / "1.png", imresize(imresize(hr, 0.5), size=(40, 44)))
    (tmp_path / "t4-tiny.toml").write_text(f'base = "t4"\npatch = 40\nstride = 40\n{SHORT}')
    method = "tutorial-srcnn-y:t4-tiny.toml"
    trained = cli("train", *PLUGIN, method, "--scales", "1", "--device", "cpu")
    assert trained.returncode == 0, trained.stderr
    words = ("--datasets", "hr=./val/high_res,lr=./val/low_res", "--scales", "1", "--protocol", "paired")
    values = figures(run(cli, "--methods", f"{method},bicubic", *words, "--train", "never"))
    assert values["bicubic:"] > values["tutorial-srcnn-y:t4-tiny"] > 5
    classic = run(cli, "--methods", method, "--datasets", "./val/high_res", "--scales", "2", "--train", "never")
    assert len(figures(classic)) == 1


def test_a_wrong_recipe_file_is_wrong_usage(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('base = "t4"\nstep = 3\n')
    for verb in (("train",), ("run", "--methods")):
        result = cli(*verb, "tutorial-srcnn-y:my.toml", *PLUGIN)
        assert result.returncode == 2
        assert "my.toml 'step'. Did you mean steps" in result.stderr


def test_the_perceptual_loss_says_what_it_needs(cli: Cli, tmp_path: Path, pairs: str) -> None:
    (tmp_path / "full.toml").write_text(
        f'base = "t2"\ntrain = ["{pairs}"]\nvalidation = ["{pairs}"]\npatch = 32\n{SHORT}'
    )
    offline = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    result = cli("train", *PLUGIN, "tutorial-srcnn-rgb:full.toml", "--scales", "2", "--device", "cpu", **offline)
    assert result.returncode == 4
    last = result.stderr.strip().splitlines()[-1]
    assert "needs torchvision's vgg16: vgg16-397923af.pth cannot be had" in last
    assert last.endswith("/networks.")
