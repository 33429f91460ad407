"""Where files that come with srbench lie, installed or in a checkout, and where runs go unless told otherwise."""

from __future__ import annotations

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
