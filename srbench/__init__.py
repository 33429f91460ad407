"""srbench: a benchmarking and evaluation harness for image super-resolution (SR) methods."""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

# Installed, ``srbench.methods`` and ``srbench.datasets`` lie inside this package. In a checkout they lie beside it, at
# the repository's top level, where their authors look for them; then that folder is searched as well.
_beside = Path(__file__).resolve().parent.parent
if not (Path(__file__).parent / "methods").is_dir() and (_beside / "methods" / "__init__.py").is_file():
    __path__.append(str(_beside))
