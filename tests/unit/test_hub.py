"""``hf:…`` as a user may write it; what needs no library and no network."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srbench.data.catalog import resolve
from srbench.data.hub import HubSpec, hub_manifests, is_hub, parse_hub
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.installed import install_command


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("hf:org/name", HubSpec("org/name")),
        ("hf:name", HubSpec("name")),
        ("hf:org/name:test", HubSpec("org/name", split="test")),
        ("hf:org/name:test[:100]", HubSpec("org/name", split="test[:100]")),
        ("hf:org/name@v1.0:test", HubSpec("org/name", "v1.0", "test")),
        ("hf:org/name?column=image", HubSpec("org/name", hr="image")),
        ("hf:org/name:train?hr=a b&lr=c&config=x2", HubSpec("org/name", split="train", config="x2", hr="a b", lr="c")),
    ],
)
def test_what_is_meant(spec: str, expected: HubSpec) -> None:
    assert is_hub(spec)
    assert parse_hub(spec) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hf:", "is not of the form hf:org/name"),
        ("hf:a/b/c", "is no name of a data set: write hf:org/name, or hf:./DIR"),
        ("hf:a b", "is no name of a data set"),
        ("hf:a?colour=red", r"behind the '\?' are config, column, hr, lr"),
        ("hf:a?hr=", r"behind the '\?'"),
        ("hf:a?hr=x&hr=y", "each once"),
        ("hf:a?column=x&lr=y", "column is for HR images alone"),
    ],
)
def test_what_is_not_written_so(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(spec)


@given(st.text(max_size=40).filter(lambda text: not text.startswith((".", "/", "~"))))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        folder = parse_hub(f"hf:{text}", Path("/nowhere")).folder
    except SrbenchError:
        return
    assert folder.parent.name == "hf"


def test_each_has_a_folder_of_its_own(tmp_path: Path) -> None:
    specs = ["hf:a/n", "hf:b/n", "hf:a/n:test", "hf:a/n@v1", "hf:a/n?hr=x", "hf:a/n?hr=x&lr=y", "hf:a/n?config=x"]
    assert len({parse_hub(spec).folder for spec in specs}) == len(specs)
    (tmp_path / "a.parquet").write_text("1")
    before = parse_hub("hf:./", tmp_path).folder
    assert parse_hub(f"hf:{tmp_path}").folder == before
    (tmp_path / "a.parquet").write_text("12")
    assert parse_hub("hf:./", tmp_path).folder != before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder '.*none': check the path"):
        resolve("hf:./none", cwd=tmp_path)
    for spec in ("hf:~nobody-at-all/x", "~nobody-at-all/x", "hr=~nobody-at-all,lr=b"):
        with pytest.raises(UsageError, match="There is no home folder for '~nobody-at-all"):
            resolve(spec)
    assert list(hub_manifests()) == []


@pytest.mark.parametrize("module", [None, ModuleType("datasets")])
def test_the_library_is_named_where_it_is_missing(module: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a folder `datasets`, as in a checkout, can be imported in its place."""
    monkeypatch.setitem(sys.modules, "datasets", module)
    with pytest.raises(UsageError, match=re.escape(f"need the library datasets: run {install_command('hf')}")):
        resolve("hf:org/name")
