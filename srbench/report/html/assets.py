"""Embedded assets of the page: style sheet, scripts, and two packed libraries."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from srbench.errors import DataError

SCRIPTS = (
    "core.js",
    "numbers.js",
    "theme.js",
    "libraries.js",
    "tooltip.js",
    "switches.js",
    "summary.js",
    "published.js",
    "results.js",
    "charts.js",
    "labels.js",
    "speed.js",
    "differences.js",
    "images.js",
    "training.js",
    "matrix.js",
    "pixels.js",
    "view.js",
    "slider.js",
    "viewer.js",
    "film.js",
    "record.js",
    "state.js",
    "downloads.js",
    "print.js",
    "main.js",
)
"""Joined in this order into one module."""
PACKED = {"plotly": "package_data/plotly.min.js", "itables": "html/dt_bundle.js"}
"""Where the wheels of plotly and itables keep their JavaScript."""


def style() -> str:
    """The style sheet."""
    return _static("page.css")


def program() -> str:
    """The page's own module."""
    return "\n".join(_static(name) for name in SCRIPTS)


def _static(name: str) -> str:
    return (files("srbench.report.html") / "static" / name).read_text("utf-8")


def csp_hash(script: str) -> str:
    """The source expression of a content security policy that allows this inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def script_json(value: Any) -> str:
    """JSON that is safe inside HTML."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@lru_cache(maxsize=2)
def library(package: str) -> str:
    """A library's JavaScript, gzipped, in base64.

    Raises:
        DataError: the package is not installed whole.
    """
    spec = find_spec(package)
    path = Path(spec.origin).parent / PACKED[package] if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        raise DataError(f"The JavaScript in {package}'s wheel is missing, so there is no HTML page; reinstall it.")
    return base64.b64encode(gzip.compress(path.read_bytes(), 6, mtime=0)).decode("ascii")
