"""What an export may replace."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from srbench.errors import UsageError


def require_replaceable(path: Path, *, overwrite: bool, own: Sequence[str] = ()) -> None:
    """Raise where something lies that must not be replaced.

    Args:
        path: of a file or a folder to be written.
        overwrite: whether the user said that it may be.
        own: globs of the files that a folder of ours holds; one that holds others is never replaced.

    Raises:
        UsageError: it is there, or it is not ours.
    """
    if not path.exists() or (path.is_dir() and own and not any(path.iterdir())):
        return
    if path.is_dir() != bool(own):
        raise UsageError(f"{path} is a {'folder' if path.is_dir() else 'file'}: name another --out.")
    if not overwrite:
        raise UsageError(f"{path} is there already: pass --overwrite, or name another --out.")
    for entry in path.iterdir() if own else ():
        if entry.is_dir() or not any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in own):
            raise UsageError(f"{path} holds {entry.name}, which is none of its files: name another --out.")
