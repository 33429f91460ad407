"""Fixtures of tests that install packages, without a network."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git would clone, so that builds leave nothing in the checkout."""
    copy = tmp_path_factory.mktemp("source") / "srbench"
    copy.mkdir()
    for name in ("srbench", "methods", "datasets", "results/reference"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every installed package but srbench and its plugins."""
    folder = tmp_path_factory.mktemp("dependencies")
    for packages in map(Path, sys.path):
        if not any(packages.glob("*.dist-info")):
            continue
        for entry in packages.iterdir():
            if "srbench" not in entry.name and not (folder / entry.name).exists():
                (folder / entry.name).symlink_to(entry)
    return folder
