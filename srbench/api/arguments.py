"""Arguments that are one value or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from srbench.errors import UsageError
from srbench.system.factors import Factor, factor

T = TypeVar("T")
OneOrMore: TypeAlias = T | Sequence[T]
"""A value, or several of them."""
_WORDS = {str: "names", Path: "paths", Integral: "whole numbers", Real: "numbers", type: "classes"}


def several(name: str, given: Any, *kinds: type) -> tuple[Any, ...]:
    """What was given, as a tuple; a single value is one of them.

    Raises:
        UsageError: a value is of another kind.
    """
    single = isinstance(given, kinds) or not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0
    values = (given,) if single else tuple(given)
    for value in values:
        if not isinstance(value, kinds) or isinstance(value, bool):
            words = " or ".join(_WORDS[kind] for kind in kinds)
            raise UsageError(f"{name} cannot be {value!r}: it takes one or several of {words}.")
    return values


def numbers(name: str, given: OneOrMore[int], least: int, most: int | None = None) -> tuple[int, ...]:
    """Whole numbers from ``least`` on and up to ``most``, at least one."""
    found = tuple(map(int, several(name, given, Integral)))
    if not found or min(found) < least:
        raise UsageError(f"{name} takes whole numbers from {least} on, not {given!r}.")
    if most is not None and max(found) > most:
        raise UsageError(f"{name} takes whole numbers up to {most}, not {given!r}.")
    return found


def factors(name: str, given: OneOrMore[float]) -> tuple[Factor, ...]:
    """Scales, at least one; whole ones as ints."""
    try:
        found = tuple(map(factor, several(name, given, Real)))
    except ValueError:
        found = ()
    if not found:
        raise UsageError(f"{name} takes numbers from 1 on such as 2 or 1.5, not {given!r}.")
    return found


def whole_number(name: str, given: Any, least: int) -> int:
    """One whole number from ``least`` on; numpy's are as good as Python's.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(given, Integral) or isinstance(given, bool) or given < least:
        raise UsageError(f"{name} is a whole number from {least} on, such as 2, not {given!r}.")
    return int(given)


def files(name: str, given: OneOrMore[str | Path]) -> tuple[Path, ...]:
    """Paths, or none."""
    return tuple(Path(path) for path in several(name, given, str, Path))
