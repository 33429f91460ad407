"""srbench from Python: what ``import srbench`` offers. The command line does it too, by the same code."""

from __future__ import annotations

from srbench.api.listing import list_methods
from srbench.api.model import Model, load
from srbench.api.results import Run, load_run
from srbench.api.running import run
from srbench.api.scoring import Scores, degrade, score

__all__ = ["Model", "Run", "Scores", "degrade", "list_methods", "load", "load_run", "run", "score"]
