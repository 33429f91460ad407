"""Where files lie: those that come with srbench, those of runs unless told otherwise, and those that users name."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from srbench.errors import UsageError

RUNS = Path("results/runs")
"""The folder of runs."""
LEADERBOARD = Path("results/leaderboard")
"""The folder of reports of several runs."""
SPEED = Path("results/speed")
"""The folder of records of speed."""
NOWHERE = Path(os.devnull, "no-home-folder")
"""In place of folders in a home that there is not: nothing is in it, and nothing can be put there."""


def reference_folder() -> Path:
    """The folder of the reference figures: ``srbench/reference`` in a wheel, ``results/reference`` in a checkout."""
    package = Path(__file__).resolve().parent
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
