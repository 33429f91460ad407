"""Files and folders that are either whole or not there."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path

from srbench.errors import DataError, SrbenchError
from srbench.places import kept_folder

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")
_LEFT_BEHIND = 3600.0
"""Seconds after which no writing is still going on."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file's content so that no reader, and no crash, ever sees half of it.

    Written to a temporary name in the same folder, synced to the disk, then renamed; then the folder is synced, or a
    power cut could forget the name.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_file(path) as file:
        file.write(data)


def write_new(path: Path, content: str) -> Path:
    """Write a file beside those that are there: its name gets a number if it is taken. Returns the file.

    The name is taken, by an empty file, in the moment before the content is there, so that of two writers each gets
    one of its own.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    _make_folder(path.parent)
    for number in itertools.count(1):
        free = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        with contextlib.suppress(FileExistsError):
            free.touch(exist_ok=False)
            break
    try:
        write_atomically(free, content)
    except BaseException:
        with contextlib.suppress(OSError):
            free.unlink(missing_ok=True)
        raise
    return free


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which takes its name at the end, as in :func:`write_atomically`.

    Nothing is left of it if the block raises.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path = path.resolve()  # a link goes on leading to its file
    _make_folder(path.parent)
    if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
        with path.open("wb") as file:
            yield file
        return
    temporary = path.with_name(f".{path.name[:60]}.{uuid.uuid4().hex[:12]}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path`` that takes its place when all is well, and is removed when it is not.

    What was there goes last: whatever is raised in between, and even if it cannot be put back, it is not lost.

    Raises:
        OSError: the folder cannot be made or renamed.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:12]
    new, old = (path.with_name(f".{path.name[:60]}.{word}.{mark}") for word in ("new", "old"))
    new.mkdir()
    try:
        yield new
        if path.exists():
            path.rename(old)
        new.rename(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for rest in (new, old):
            shutil.rmtree(rest, ignore_errors=True)


@contextlib.contextmanager
def writing(what: str, remedy: str, kind: type[SrbenchError] = DataError) -> Iterator[None]:
    """A block that writes files: what keeps it from that becomes one sentence, ``what`` (why) ``remedy``.

    Args:
        what: what cannot be written, in the user's words rather than a temporary file's.
        remedy: the end of the sentence, with its punctuation.
        kind: the error.

    Raises:
        SrbenchError: of that kind, instead of an OSError; a closed pipe is left to whoever reads it.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise kind(f"{what} ({error.strerror or error}){remedy}") from error


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left half-written in a folder and those in it, an hour ago or earlier."""
    with contextlib.suppress(OSError):  # another process may be sweeping, or the folder be read-only
        for path in folder.rglob(".*"):
            if _TEMPORARY.fullmatch(path.name) and time.time() - path.lstat().st_mtime > _LEFT_BEHIND:
                path.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each one's name synced."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Sync the names in a folder, where the system can: Windows and some network drives cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cache_folder() -> Path:
    """Where srbench keeps what it can make or fetch again: ``SRBENCH_CACHE``, or the platform's cache folder."""
    return kept_folder("SRBENCH_CACHE", user_cache_path)
