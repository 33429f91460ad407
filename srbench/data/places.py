"""Where data lies and where it may come from: the environment's word on both."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from platformdirs import user_data_path

from srbench.atomic import cache_folder
from srbench.errors import UsageError
from srbench.places import environment_folder, kept_folder, user_path


def data_root() -> Path:
    """The folder of all fetched data: ``SRBENCH_DATA``, or ``data`` in srbench's cache folder.

    Each data set has a folder in it, in which its files lie by the paths of its manifest.
    """
    return environment_folder("SRBENCH_DATA") or cache_folder() / "data"


def lock_of(name: str) -> Path:
    """The file by which one process at a time fetches something."""
    return data_root() / "locks" / f"{name.replace(':', '-')}.lock"


def own_folder() -> Path:
    """The folder of the manifests of one's own: ``SRBENCH_DATASETS``, or ``datasets`` in the platform's data folder.

    Not in the cache: nobody could make these again.
    """
    return environment_folder("SRBENCH_DATASETS") or kept_folder("SRBENCH_DATASETS", user_data_path) / "datasets"


def mirrors() -> tuple[str | Path, ...]:
    """The mirrors of ``SRBENCH_MIRROR``: folders as paths, http(s) bases as text without a trailing slash.

    Several are separated by commas (a folder's path may well hold spaces or colons). Each has a folder for each data
    set, with the files by the paths of its manifest, or lossless copies as ``<image name>.png``. So one's data root can
    serve as another's mirror.

    Raises:
        UsageError: a mirror that is neither a folder, file:// nor http(s)://, or lies in the home of nobody.
    """
    value = os.environ.get("SRBENCH_MIRROR", "").strip()
    if value and Path(value).is_dir():
        return (Path(value),)
    return tuple(_mirror(part.strip()) for part in value.split(",") if part.strip())


def timeout() -> float:
    """Seconds without an answer after which a server counts as stalled: ``SRBENCH_TIMEOUT``, 30 by default.

    Raises:
        UsageError: it is not a positive number.
    """
    text = os.environ.get("SRBENCH_TIMEOUT", "").strip() or "30"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise UsageError(f"SRBENCH_TIMEOUT is '{text}': give it a number of seconds above 0.")
    return seconds


def _mirror(text: str) -> str | Path:
    scheme = urlsplit(text).scheme.lower()
    if scheme in ("http", "https"):
        return text.rstrip("/")
    if scheme == "file":
        return Path(url2pathname(unquote(urlsplit(text).path)))
    if "://" in text:
        raise UsageError(f"SRBENCH_MIRROR names '{text}': a mirror is a folder, a file:// or an http(s):// address.")
    try:
        return user_path(text)
    except UsageError as error:
        raise UsageError(f"SRBENCH_MIRROR: {error}") from error
