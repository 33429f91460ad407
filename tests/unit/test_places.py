"""Folders, as users and the environment name them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from srbench.atomic import cache_folder
from srbench.data.networks import _hub_folder
from srbench.data.places import data_root, mirrors, own_folder
from srbench.errors import UsageError
from srbench.models.spec import parse_spec
from srbench.places import user_path

FOLDERS = {"SRBENCH_CACHE": cache_folder, "SRBENCH_DATA": data_root, "SRBENCH_DATASETS": own_folder}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = FOLDERS[name]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(name, " ~/x ")
    assert folder() == tmp_path / "x"
    for nothing in ("", "  "):
        monkeypatch.setenv(name, nothing)
        assert folder().is_absolute()
    monkeypatch.setenv(name, "~nobody-at-all/x")
    with pytest.raises(UsageError, match=f"^{name}: There is no home folder for '~nobody-at-all/x': write the whole"):
        folder()


def test_a_mirror_in_the_home_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_MIRROR", "~nobody-at-all/x")
    with pytest.raises(UsageError, match="SRBENCH_MIRROR: There is no home folder for '~nobody-at-all/x'"):
        mirrors()


@pytest.mark.parametrize("spec", ["onnx:~nobody-at-all/a.onnx", "images:~nobody-at-all", "hub:~nobody-at-all"])
def test_a_model_in_the_home_of_nobody(spec: str) -> None:
    with pytest.raises(UsageError, match="There is no home folder for '~nobody-at-all"):
        parse_spec(spec)


def test_torch_hub_keeps_what_it_cannot_expand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", "~nobody-at-all")
    assert _hub_folder() == Path("~nobody-at-all/hub/checkpoints")


def test_paths_of_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path(" ~/a ") == tmp_path / "a"
    assert user_path("a", tmp_path) == tmp_path / "a"


def test_the_home_of_nobody_is_no_bug(cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for words, environment in (
        (("data", "list"), {"SRBENCH_DATA": "~nobody-at-all"}),
        (("data", "list"), {"SRBENCH_DATASETS": "~nobody-at-all"}),
        (("doctor",), {"SRBENCH_CACHE": "~nobody-at-all"}),
        (("run", "--dry-run", "--methods", "srcnn-y:~nobody-at-all/r.toml"), {}),
    ):
        result = cli(*words, **environment)
        assert "bug" not in result.stderr, words
        assert result.returncode == 2, (words, result.stdout[-300:], result.stderr)
        assert "no home folder for '~nobody-at-all" in result.stderr


HOMELESS = """
import pwd, sys
def nobody(uid):
    raise KeyError("getpwuid(): uid not found")
pwd.getpwuid = nobody
from srbench.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["list"], ""),
        (["data", "list"], ""),
        (["report", "no-run"], ""),
        (["run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--no-report", "--no-speed"], ""),
        (["upscale", "photos/first.png", "out.png", "--method", "bicubic"], ""),
        (["train", "fsrcnn:quick", "--scales", "2"], "SRBENCH_CACHE"),
        (["data", "fetch", "set5"], "SRBENCH_CACHE"),
        (["data", "fetch", "vgg16"], "SRBENCH_CACHE"),
        (["run", "--methods", "bicubic", "--datasets", "set5", "--scales", "2"], "SRBENCH_CACHE"),
        (["run", "--methods", "fsrcnn:quick", "--scales", "2"], "SRBENCH_CACHE"),
        (["explain", "--method", "bicubic", "--dataset", "set5", "--scale", "2"], "SRBENCH_CACHE"),
        (["data", "add", "mine", "./photos"], "SRBENCH_DATASETS"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else value,
)
def test_a_user_without_a_home(
    words: list[str], variable: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor an entry among the users, as in a container that runs under any number."""
    for name in (*FOLDERS, "HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "SRBENCH_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    result = subprocess.run([sys.executable, "-c", HOMELESS, *words], cwd=tmp_path, capture_output=True, text=True)
    assert "bug" not in result.stderr
    assert not (tmp_path / "~").exists()
    if variable:
        sentence = f"This user has no home folder: set {variable} to a folder that can be written to."
        assert (result.returncode, result.stderr.splitlines()[-1]) == (2, f"srbench: {sentence}")
    else:
        assert result.returncode == (2 if words[0] == "report" else 0), result.stderr
        assert "home folder" not in result.stderr
