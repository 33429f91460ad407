"""What the functions of other libraries say of an image that they cannot score."""

from __future__ import annotations

from srbench.metrics.metric import Pair
from srbench.system.text import first_line

ERRORS = (ValueError, RuntimeError, AssertionError, TypeError, IndexError)
"""Each library has its own for small images."""


def rejected(library: str, name: str, pair: Pair, error: BaseException) -> ValueError:
    """A library's error as the one by which a metric says that it cannot score an image."""
    height, width = pair.sr.shape[:2]
    reason = first_line(error, "no reason given").rstrip(".")
    return ValueError(f"{library}'s {name} rejects an image of {width}x{height}: {reason}")
