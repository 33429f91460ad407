"""The zip of a bundle, which can be written in one way only.

Members are stored, not compressed, in the order of their names, without times, comments or extra fields. So the same
members give the same bytes on every machine, nothing grows when it is read, and a reader can demand each byte: what is
not written like this (folders, links, encryption, two members of a name, bytes before, between or after) is refused.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from srbench.errors import DataError, UsageError
from srbench.system.files import atomic_file

MOST_MEMBERS: Final = 60_000
LARGEST: Final = 2**32 - 2**20
"""Bytes of an archive: the most that a zip holds without the extension for larger ones."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*){0,8}", re.ASCII)
_LONGEST_NAME = 240
_DATE = 0x21  # 1980-01-01, where zip's time begins
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the zip's directory has it; ``start`` is where its header begins."""

    name: str
    crc: int
    size: int
    start: int

    @property
    def local(self) -> bytes:
        """The header before its content."""
        name = self.name.encode()
        sizes = (self.crc, self.size, self.size, len(name), 0)
        return _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATE, *sizes) + name

    @property
    def central(self) -> bytes:
        """Its entry in the directory: a plain file that its owner may write, made on Unix."""
        name = self.name.encode()
        sizes = (self.crc, self.size, self.size, len(name))
        rest = (0, 0, 0, 0, 0o100644 << 16, self.start)
        return _CENTRAL.pack(b"PK\1\2", 3 << 8 | 20, 20, 0, 0, 0, _DATE, *sizes, *rest) + name

    @property
    def end(self) -> int:
        """Where its content ends."""
        return self.start + _LOCAL.size + len(self.name) + self.size


def is_member_name(name: str) -> bool:
    """Whether a member may be called so: ASCII, below the archive's root, no hidden part, nothing that leads out."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def write_archive(path: Path, members: Mapping[str, bytes | Path]) -> None:
    """Write an archive; the file appears whole or not at all.

    Args:
        path: the file.
        members: by name; the content, or the file that has it.

    Raises:
        UsageError: they are too many, or too large.
        OSError: it cannot be written.
    """
    if len(members) > MOST_MEMBERS:
        raise UsageError(f"{len(members)} files are more than a bundle holds ({MOST_MEMBERS}): use --sr sample.")
    entries: list[Entry] = []
    with atomic_file(path) as file:
        for name in sorted(members):
            assert is_member_name(name), name
            given = members[name]
            content = given if isinstance(given, bytes) else given.read_bytes()
            entry = Entry(name, zlib.crc32(content), len(content), entries[-1].end if entries else 0)
            if entry.end > LARGEST:
                raise UsageError("A bundle holds 4 GB, and this would be larger: use --sr sample or none.")
            file.write(entry.local)
            file.write(content)
            entries.append(entry)
        for part in _directory(entries):
            file.write(part)


def _directory(entries: list[Entry]) -> Iterator[bytes]:
    """What comes after the members."""
    central = [entry.central for entry in entries]
    yield from central
    start = entries[-1].end if entries else 0
    yield _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), sum(map(len, central)), start, 0)


class Archive:
    """An archive that may come from anybody, open for reading; a context manager.

    Raises:
        DataError: it cannot be read, or is not written as :func:`write_archive` writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and not path.is_file():
                raise DataError(f"{path} is no file: name the bundle.")
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
        try:
            self.entries = {entry.name: entry for entry in self._read_directory()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, name: str, most: int) -> bytes:
        """A member's content.

        Args:
            name: of the member.
            most: bytes that it may have.

        Raises:
            DataError: there is none, it is larger, or damaged.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise self.refusal(f"lacks {name}")
        if entry.size > most:
            raise self.refusal(f"{name} has {entry.size} bytes, more than the {most} that it may have")
        try:
            self._file.seek(entry.start)
            header = self._file.read(len(entry.local))
            content = self._file.read(entry.size)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read ({error.strerror}): get a fresh copy of it.") from error
        if header != entry.local or len(content) != entry.size or zlib.crc32(content) != entry.crc:
            raise self.refusal(f"{name} is damaged")
        return content

    def refusal(self, why: str) -> DataError:
        """The error for an archive that is no bundle."""
        return DataError(f"{self.path} is refused: {why}.")

    def _read_directory(self) -> list[Entry]:
        size = self._file.seek(0, 2)
        if size > LARGEST:
            raise self.refusal("it has more than 4 GB")
        self._file.seek(max(size - _END.size, 0))
        tail = self._file.read(_END.size)
        if len(tail) < _END.size or tail[:4] != b"PK\5\6":
            raise self.refusal("it is no bundle of srbench's, or was cut off")
        count, length, start = (_END.unpack(tail)[index] for index in (4, 5, 6))
        if count > MOST_MEMBERS or start + length + _END.size != size or length > count * (46 + _LONGEST_NAME):
            raise self.refusal("its directory is not as srbench writes it")
        self._file.seek(start)
        directory = self._file.read(length)
        entries = list(self._parsed(directory, count))
        whole = b"".join(_directory(entries))
        if whole != directory + tail or [entry.name for entry in entries] != sorted({entry.name for entry in entries}):
            raise self.refusal("its directory is not as srbench writes it")
        return entries

    def _parsed(self, directory: bytes, count: int) -> Iterator[Entry]:
        at = end = 0
        for _ in range(count):
            if at + _CENTRAL.size > len(directory):
                raise self.refusal("its directory is cut off")
            fields = _CENTRAL.unpack_from(directory, at)
            crc, size, length, start = fields[7], fields[9], fields[10], fields[16]
            at += _CENTRAL.size + length
            name = directory[at - length : at].decode("ascii", "replace")
            if start != end or not is_member_name(name):
                raise self.refusal("a member has a name or place that srbench gives none")
            entry = Entry(name, crc, size, start)
            end = entry.end
            yield entry
