"""Whose fault it is that a training raises: what a method's own code raises fails its training, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from srbench.errors import MethodError, SrbenchError


@contextmanager
def blamed_on(name: str) -> Iterator[None]:
    """Around what a method's own code does: whatever that raises becomes a :class:`MethodError` that names it."""
    try:
        yield
    except SrbenchError:
        raise
    except (Exception, SystemExit) as error:
        message = str(error).splitlines()[0] if str(error) else "no message"
        raise MethodError(f"{name} raised {type(error).__name__} in training: {message}") from error
