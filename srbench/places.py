"""Where files that come with srbench lie, where runs go unless told otherwise, and whether a path leads anywhere."""

from __future__ import annotations

import errno
from pathlib import Path

RUNS = Path("results/runs")
"""The folder of runs."""
LEADERBOARD = Path("results/leaderboard")
"""The folder of reports of several runs."""
SPEED = Path("results/speed")
"""The folder of records of speed."""


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
