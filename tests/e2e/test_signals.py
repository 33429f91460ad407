"""SIGTERM, and a stdout that nobody reads: every verb ends at once, and its exit code says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and pipes")

PLUGIN = """
import time
from pathlib import Path
from torch import nn
from srbench.method import LearnedMethod, Method, MethodInfo, Recipe

class Slow(Method):
    info = MethodInfo(name="slow", family="interpolation", channels="any", input="upsampled", halo=0)
    def upscale(self, x, scale):
        Path("began").touch()
        time.sleep(200)

class Noted(nn.Conv2d):
    def forward(self, x):
        if self.training:
            Path("began").touch()
        return super().forward(x)

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="lr", halo=1)
    recipes = {"endless": Recipe(train=("./photos",), validation=("./photos",), patch=24, stride=12, batch=4,
                                 steps=10**6, validate_every=10**6)}
    def network(self, scale):
        return nn.Sequential(Noted(1, scale**2, 3, padding=1), nn.PixelShuffle(scale))
"""


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--methods", "slow", "--datasets", "./photos", "--scales", "2"),
        ("explain", "--method", "slow", "--dataset", "./photos", "--scale", "2"),
        ("speed", "--methods", "slow", "--scales", "2", "--sizes", "64"),
        ("upscale", "photos/first.png", "out.png", "--method", "slow"),
        ("train", "net:endless", "--scales", "2"),
    ],
    ids=lambda words: words[0],
)
def test_sigterm_is_as_ctrl_c(words: tuple[str, ...], photos: Path, tmp_path: Path, own_cache: Path) -> None:
    """In the background of a shell's script as well, where Ctrl-C is ignored."""
    (tmp_path / "p.py").write_text(PLUGIN)
    process = subprocess.Popen(
        [sys.executable, "-m", "srbench", *words, "--plugin", "p.py"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "began").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    # a training leaves what it has, long before the first checkpoint that is due
    assert len(list((own_cache / "weights" / "checkpoints").glob("net*"))) == (words[0] == "train")


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("speed", "--help"),
        ("list",),
        ("explain", "--method", "bicubic", "--dataset", "./photos", "--scale", "2"),
        ("speed", "--methods", "bicubic", "--scales", "2", "--sizes", "32", "--runs", "5"),
        ("upscale", "photos/first.png", "-", "--method", "bicubic"),
    ],
    ids=" ".join,
)
def test_a_closed_pipe_has_an_exit_code_of_its_own(words: tuple[str, ...], photos: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "srbench", *words]
    result = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert result.returncode == 141, result.stderr
    assert "Broken" not in result.stderr


def test_an_error_keeps_its_exit_code_and_closed_streams_are_no_bug(tmp_path: Path) -> None:
    srbench = f'"{sys.executable}" -m srbench'
    for line, code in ((f"{srbench} list >&-", 0), (f"{srbench} check no-run >&-", 2), (f"{srbench} list 2>&- <&-", 0)):
        result = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == code, (line, result.stderr)
        assert "bug" not in result.stderr
