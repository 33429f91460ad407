"""Manifests that srbench writes say what was asked for, whatever characters that has."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.data.dataset import ImageFile, Item
from srbench.data.own.describe import About, describe
from srbench.errors import DataError
from srbench.imaging.files import pixels_sha256, write_png
from srbench.system.names import safe_name

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(deadline=None, max_examples=40)
@given(title=TEXT.filter(bool), citation=TEXT, split=TEXT.map(safe_name).filter(lambda name: name[0].isalnum()))
def test_text_comes_back_as_it_was(title: str, citation: str, split: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_png(folder / "a.png", PIXELS)
        splits = {split: [Item("a", ImageFile(folder / "a.png"))]}
        about = About(title=title, citation=citation)
        text, manifest = describe(folder / "mine.toml", splits, folder, ".", about)
    assert (manifest.title, manifest.citation, list(manifest.splits)) == (title, citation, [split])
    (entry,) = tomllib.loads(text)["splits"][split]["images"]
    assert (entry["width"], entry["height"], entry["pixels_sha256"]) == (5, 4, pixels_sha256(PIXELS))


def test_a_name_that_not_every_system_takes(tmp_path: Path) -> None:
    write_png(tmp_path / "a:b.png", PIXELS)
    splits = {"test": [Item("a", ImageFile(tmp_path / "a:b.png"))]}
    with pytest.raises(DataError, match=r"a:b\.png has a .* in its name, which not every system takes: rename it"):
        describe(tmp_path / "mine.toml", splits, tmp_path, ".", About(title="Mine"))
