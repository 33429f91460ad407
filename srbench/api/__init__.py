"""srbench from Python: what ``import srbench`` offers. The command line does it too, by the same code.

Imported by the package's root, when asked for, and by the command line.
"""

from __future__ import annotations

from srbench.api.model import Model, list_methods, load
from srbench.api.results import Run, load_run
from srbench.api.running import run
from srbench.api.scoring import Scores, degrade, score
from srbench.api.tracking import TensorBoard
from srbench.api.wrapping import wrap

__all__ = [
    "Model",
    "Run",
    "Scores",
    "TensorBoard",
    "degrade",
    "list_methods",
    "load",
    "load_run",
    "run",
    "score",
    "wrap",
]
