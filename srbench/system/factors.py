"""Scales as people write them: whole ones are ints, so that keys, files and captions have x2; 1.5 is a float."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

Factor: TypeAlias = int | float
"""By which HR is larger than LR: 2, or 1.5."""
MOST_DECIMALS = 6
LARGEST = 1_000


def factor(value: Any) -> Factor:
    """A scale, whole ones as an int.

    Args:
        value: a number, or its text.

    Raises:
        ValueError: it is no number from 1 on, or has more than six decimals.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value} is no scale")
    try:
        found = float(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    if not 1 <= found <= LARGEST or (found != round(found, MOST_DECIMALS)):
        raise ValueError(f"a scale is a number from 1 to {LARGEST}, of {MOST_DECIMALS} decimals at most")
    return int(found) if found.is_integer() else found


def is_whole(scale: Factor) -> bool:
    """Whether a scale is a whole number, so that each LR pixel stands for so many of HR along each axis."""
    return float(scale).is_integer()


def times(side: int, scale: Factor) -> int:
    """A side of LR after it was upsampled: rounded up, as MATLAB's imresize rounds."""
    return math.ceil(side * scale - 1e-9)


def divided(side: int, scale: Factor) -> int:
    """A side of HR after it was downsampled: rounded up likewise."""
    return math.ceil(side / scale - 1e-9)
