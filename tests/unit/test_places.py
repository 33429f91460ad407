"""Folders, as users and the environment name them."""

from __future__ import annotations

import subprocess
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
