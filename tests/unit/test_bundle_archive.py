"""The zip of a bundle: one way to write it, and everything else is refused."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from srbench.errors import DataError
from srbench.proof import archive
from srbench.proof.archive import Archive, is_member_name, write_archive

MEMBERS = {"manifest.json": b"{}", "cells/a.json": b"[1]" * 100, "sr/b/00000.png": bytes(range(256))}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.zip"
    write_archive(path, MEMBERS)
    return path


def read_all(path: Path) -> dict[str, bytes]:
    with Archive(path) as opened:
        return {name: opened.read(name, 10**6) for name in opened.entries}


def test_other_programs_read_it(whole: Path) -> None:
    with zipfile.ZipFile(whole) as opened:
        assert opened.testzip() is None
        assert {info.filename: opened.read(info) for info in opened.infolist()} == MEMBERS
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert opened.namelist() == sorted(MEMBERS)


def test_the_same_members_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    source = tmp_path / "file"
    source.write_bytes(MEMBERS["cells/a.json"])
    write_archive(other, dict(reversed(MEMBERS.items())) | {"cells/a.json": source})
    assert other.read_bytes() == whole.read_bytes()
    assert read_all(whole) == MEMBERS


def test_an_empty_archive(tmp_path: Path) -> None:
    write_archive(tmp_path / "empty.zip", {})
    assert read_all(tmp_path / "empty.zip") == {}


def test_every_byte_counts(whole: Path, tmp_path: Path) -> None:
    """A bit that is flipped anywhere is found by the archive alone: in headers, content and directory."""
    content = whole.read_bytes()
    path = tmp_path / "flipped.zip"
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        with pytest.raises(DataError):
            read_all(path)


def test_no_part_of_it_is_whole(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    path = tmp_path / "part.zip"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            read_all(path)
    for more in (content + b"\0", b"\0" + content, content + content):
        path.write_bytes(more)
        with pytest.raises(DataError):
            read_all(path)


def zipped(
    *members: tuple[str | zipfile.ZipInfo, bytes], comment: bytes = b"", method: int = zipfile.ZIP_STORED
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for info, content in members:
            opened.writestr(info, content)
        opened.comment = comment
    return file.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


HOSTILE = {
    "a path that leads out": zipped(("../evil", b"x")),
    "an absolute path": zipped(("/etc/passwd", b"x")),
    "a path of Windows": zipped(("..\\evil", b"x")),
    "a drive": zipped(("C:evil", b"x")),
    "a hidden file": zipped((".ssh/config", b"x")),
    "a link": zipped((link("cells"), b"/etc")),
    "a folder": zipped(("cells/", b"")),
    "compression": zipped(("manifest.json", b"0" * 10**6), method=zipfile.ZIP_DEFLATED),
    "a comment": zipped(("manifest.json", b"{}"), comment=b"hello"),
    "no order": zipped(("b", b"x"), ("a", b"x")),
    "another clock": zipped(("manifest.json", b"{}")),
    "no zip": b"PK" * 500,
    "nothing": b"",
    "an empty directory that lies about itself": b"PK\5\6" + b"\0" * 4 + b"\xff\xff" * 2 + b"\0" * 10,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_srbench_does_not_write_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DataError) as raised:
        Archive(path)
    assert str(raised.value).isprintable()
    assert [file.name for file in tmp_path.iterdir()] == ["hostile.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_a_name_are_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a")
    info.create_system, info.external_attr = 3, 0o100644 << 16
    path = tmp_path / "twice.zip"
    path.write_bytes(zipped((info, b"1")))
    with Archive(path) as opened:  # one alone is as srbench writes it
        assert opened.read("a", 1) == b"1"
    path.write_bytes(zipped((info, b"1"), (zipfile.ZipInfo("a"), b"2")))
    with pytest.raises(DataError):
        Archive(path)


def test_a_member_is_read_as_far_as_it_may_be(whole: Path) -> None:
    with Archive(whole) as opened:
        with pytest.raises(DataError, match="more than the 255"):
            opened.read("sr/b/00000.png", 255)
        with pytest.raises(DataError, match="lacks other"):
            opened.read("other", 255)


def test_too_much_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from srbench.errors import UsageError

    monkeypatch.setattr(archive, "LARGEST", 400)
    with pytest.raises(UsageError, match="4 GB"):
        write_archive(tmp_path / "large.zip", MEMBERS)
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    with pytest.raises(UsageError, match="--sr sample"):
        write_archive(tmp_path / "large.zip", MEMBERS)
    assert not list(tmp_path.iterdir())


def test_a_folder_or_nothing_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.zip"):
        with pytest.raises(DataError):
            Archive(path)


@pytest.mark.parametrize("name", ["a", "a/b.json", "methods/00/a_b-c+d.py", "__init__.py"])
def test_names_that_members_have(name: str) -> None:
    assert is_member_name(name)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "..", "a/../b", "a/.b", "a b", "é", "a\\b", "a\n", "a" * 300])
def test_names_that_no_member_has(name: str) -> None:
    assert not is_member_name(name)
