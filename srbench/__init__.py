"""srbench: a benchmarking and evaluation harness for image super-resolution (SR) methods.

>>> import srbench
>>> srbench.run(methods=["nearest", "bicubic"], scales=[2], metrics=["psnr"]).to_frame()[["method", "value"]].round(2)
    method  value
0  nearest  29.42
1  bicubic  30.91
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import SrbenchError as SrbenchError
from srbench.version import __version__ as __version__

if TYPE_CHECKING:
    from srbench.api import Model, Run, Scores, TensorBoard, degrade, list_methods, load, load_run, run, score, wrap

__all__ = [
    "Model",
    "Run",
    "Scores",
    "SrbenchError",
    "TensorBoard",
    "degrade",
    "list_methods",
    "load",
    "load_run",
    "run",
    "score",
    "wrap",
]

# Installed, ``srbench.methods`` and ``srbench.datasets`` lie inside this package. In a checkout they lie beside it, at
# the repository's top level, where their authors look for them; then that folder is searched as well.
_beside = Path(__file__).resolve().parent.parent
if not (Path(__file__).parent / "methods").is_dir() and (_beside / "methods" / "__init__.py").is_file():
    __path__.append(str(_beside))


def __getattr__(name: str) -> Any:
    """Import the API when it is first asked for: the command line's ``--help`` does not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module 'srbench' has no attribute {name!r}")
    import srbench.api

    return getattr(srbench.api, name)


def __dir__() -> list[str]:
    """The names that are imported when asked for are among them."""
    return sorted({*globals(), *__all__})
