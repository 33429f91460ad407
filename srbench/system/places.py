"""Where files lie: those that come with srbench, those of runs unless told otherwise, and those that users name."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from platformdirs import user_cache_path, user_data_path

from srbench.errors import UsageError

RUNS = Path("results/runs")
"""The folder of runs."""
LEADERBOARD = Path("results/leaderboard")
"""The folder of reports of several runs."""
PAGE = "report.html"
"""The page of a report, in its folder."""
SPEED = Path("results/speed")
"""The folder of records of speed."""
NOWHERE = Path(os.devnull, "no-home-folder")
"""In place of folders in a home that there is not: nothing is in it, and nothing can be put there."""


def reference_folder() -> Path:
    """The folder of the reference values: ``srbench/reference`` in a wheel, ``results/reference`` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "reference"
    return installed if installed.is_dir() else package.parent / "results" / "reference"


def is_file(path: Path) -> bool:
    """Whether a file is there. No file has a name that is too long for one, so what a user typed may be no path."""
    try:
        return path.is_file()
    except OSError as error:
        return _unless_too_long(error)


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as :func:`is_file`."""
    try:
        return path.is_dir()
    except OSError as error:
        return _unless_too_long(error)


def _unless_too_long(error: OSError) -> bool:
    """No for a name that is too long; other errors, such as a folder that may not be entered, are to be told."""
    if error.errno != errno.ENAMETOOLONG:
        raise error
    return False


def user_path(text: str, base: Path = Path()) -> Path:
    """A path as a user writes it, ``~`` being a home; relative ones are relative to ``base``.

    Raises:
        UsageError: it begins with the home of a user that there is not.
    """
    try:
        return base / Path(text.strip()).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home folder for '{text}': write the whole path.") from error


def environment_folder(name: str) -> Path | None:
    """The folder that a variable of the environment names, absolute; None if it names none.

    Raises:
        UsageError: as of :func:`user_path`.
    """
    text = os.environ.get(name, "").strip()
    try:
        return user_path(text).absolute() if text else None
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def as_written(path: Path) -> Path:
    """An absolute path without ``.`` and ``..``, links not followed: a link bears its own name."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links


def kept_folder(name: str, in_home: Callable[[str], Path]) -> Path:
    """The folder that a variable names, else the platform's for srbench; :data:`NOWHERE` for users without a home."""
    folder = environment_folder(name)
    if folder is None:
        try:
            folder = in_home("srbench")
        except RuntimeError:  # platformdirs' word for it
            folder = NOWHERE
    return folder if folder.is_absolute() else NOWHERE  # and that of its earlier versions


def require_home(folder: Path, name: str) -> None:
    """To be called before something is kept in a folder.

    Args:
        folder: of :func:`kept_folder`, or in it.
        name: the variable that would name it.

    Raises:
        UsageError: there is no home for it.
    """
    if folder.is_relative_to(NOWHERE):
        raise UsageError(f"This user has no home folder: set {name} to a folder that can be written to.")


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


def cache_folder() -> Path:
    """Where srbench keeps what it can make or fetch again: ``SRBENCH_CACHE``, or the platform's cache folder."""
    return kept_folder("SRBENCH_CACHE", user_cache_path)
