"""Data sets of one's own that have a name: manifests in a folder of the user's, known as those of srbench are."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from srbench.data.manifest import Manifest, read_manifest
from srbench.errors import DataError, UsageError
from srbench.system.names import safe_name, unknown
from srbench.system.places import own_folder


def own_names() -> tuple[str, ...]:
    """The names of the user's own data sets, in order."""
    try:
        stems = [path.stem for path in own_folder().glob("*.toml")]
    except OSError as error:
        raise DataError(
            f"{own_folder()} cannot be read ({error.strerror}): name another folder in SRBENCH_DATASETS."
        ) from error
    return tuple(sorted(stem for stem in stems if stem == safe_name(stem)))


def own_path(name: str) -> Path:
    """The manifest of one of the user's own data sets."""
    return own_folder() / f"{name}.toml"


def own_manifest(name: str) -> Manifest:
    """Read it.

    Raises:
        DataError: it cannot be read or is not valid.
    """
    path = own_path(name)
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): run `srbench data list`.") from error
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _read(path: Path, changed: int, size: int) -> Manifest:
    return read_manifest(path)


def remove(name: str) -> tuple[Path, Path | None]:
    """Forget one of the user's own data sets; its images stay.

    Returns:
        The manifest that is gone, and the folder of the copies that were made of its images, if there is one.

    Raises:
        UsageError: there is none of this name.
        DataError: the manifest cannot be removed.
    """
    name = unicodedata.normalize("NFC", name)
    if name not in own_names():
        raise unknown("data set of your own", name, own_names())
    path = own_path(name)
    try:
        path.unlink()
    except OSError as error:
        raise DataError(f"{path} cannot be removed ({error.strerror}): check the folder's permissions.") from error
    copies = own_folder() / name
    return path, copies if copies.is_dir() else None


def require_free(name: str, taken: dict[str, str], *, replace: bool) -> None:
    """Refuse a name that would be taken for something else, on the command line or in results.

    Args:
        name: for a data set of one's own.
        taken: names that others have, in small letters, and whose they are.
        replace: whether a data set of the user's own may have it now.

    Raises:
        UsageError: saying what the name is.
    """
    if name != safe_name(name) or name.endswith(".toml") or name.lower() in ("hr", "lr", "hf"):
        raise UsageError(
            f"'{name}' cannot be a data set's name: use letters, digits, '-', '_' and '.', and no ending '.toml'."
        )
    if name.lower() in taken:
        raise UsageError(f"The name '{name}' is taken by {taken[name.lower()]}: choose another.")
    if name in own_names() and not replace:
        raise UsageError(f"'{name}' is there already: add --replace to describe it anew, or choose another name.")
