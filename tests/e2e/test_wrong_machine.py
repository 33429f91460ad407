"""Devices, threads and limits that no machine has: one sentence and exit code 2, before anything is computed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
VERBS = {
    "run": ("run", "--methods", "bicubic", "--datasets", "photos", "--scales", "2"),
    "train": ("train", "fsrcnn-s", "--recipe", "quick", "--scales", "2"),
    "speed": ("speed", "--methods", "bicubic", "--scales", "2", "--sizes", "16", "--runs", "5"),
    "upscale": ("upscale", "photos", "large", "--method", "bicubic", "--scale", "2"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--threads", "100000"), "--threads is a number from 0 to 1024, not 100000."),
        (("--device", "meta"), "Device 'meta' cannot be used: --device takes auto, cpu, cuda, cuda:1 or mps."),
    ],
)
def test_no_such_machine(cli: Cli, photos: Path, tmp_path: Path, verb: str, words: tuple[str, str], says: str) -> None:
    result = cli(*VERBS[verb], *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"srbench: {says}\n"
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("photos", "cache")] == []


def test_limits_are_finite_in_a_config_file_too(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("cell-memory = inf\n")
    for words in (("--config", "bench.toml"), ("--cell-memory", "inf")):
        result = cli(*VERBS["run"], *words)
        assert result.returncode == 2
        assert result.stderr == "srbench: --cell-memory is a number from 0 to 1000000, not inf.\n"
