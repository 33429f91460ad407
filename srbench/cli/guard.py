"""What every verb does when it is interrupted, or when nobody reads its output any more."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import typer

from srbench.errors import EXIT_INTERRUPTED
from srbench.text import warn

EXIT_PIPE = 128 + 13
"""As of any program that a closed pipe ends; 1 would say that a figure differs."""


_debugging = False


def debug() -> None:
    """Note that ``--debug`` was given."""
    global _debugging
    _debugging = True


def is_debugging() -> bool:
    """Whether ``--debug`` was given."""
    return _debugging


def guarded(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that ends with a word when it is interrupted or terminated, and without one when its pipe is closed."""

    @functools.wraps(verb)
    def run(*args: Any, **kwargs: Any) -> None:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            verb(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            warn("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except (BrokenPipeError, SystemExit) as error:
            # rich ends the program with 1 when its pipe is closed
            if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains when it closes stdout
            raise typer.Exit(EXIT_PIPE) from None

    return run


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
