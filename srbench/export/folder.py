"""Checks what an export may replace."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from srbench.errors import UsageError


def require_replaceable(path: Path, *, overwrite: bool, own: Sequence[str] = ()) -> None:
    """Raise if a path exists and must not be replaced.

    Args:
        path: a file or folder to be written.
        overwrite: whether the user allows it.
        own: globs of what is in an exported folder, with a slash after folders; one with other files is never replaced.

    Raises:
        UsageError: it exists, or is not an export.
    """
    if not path.exists() or (path.is_dir() and own and not any(path.iterdir())):
        return
    if path.is_dir() != bool(own):
        raise UsageError(f"{path} is a {'folder' if path.is_dir() else 'file'}: name another --out.")
    if not overwrite:
        raise UsageError(f"{path} exists: pass --overwrite, or name another --out.")
    for entry in path.iterdir() if own else ():
        name = f"{entry.name}/" if entry.is_dir() else entry.name
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in own):
            raise UsageError(f"{path} contains {entry.name}, which is not part of an export: name another --out.")
