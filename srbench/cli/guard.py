"""Handles interrupts and closed pipes for every verb."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import typer

from srbench.errors import EXIT_INTERRUPTED
from srbench.system.text import warn

EXIT_PIPE = 128 + 13
"""As for any program that a closed pipe ends; 1 would mean that a value differs."""


_debugging = False


def debug() -> None:
    """Record that ``--debug`` was given."""
    global _debugging
    _debugging = True


def is_debugging() -> bool:
    """Whether ``--debug`` was given."""
    return _debugging


def guarded(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a verb: interrupted, it ends with one message; with a closed pipe, silently."""

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
            if not nobody_reads(error):
                raise
            raise typer.Exit(EXIT_PIPE) from None

    return run


def nobody_reads(error: BaseException) -> bool:
    """Whether an error means that stdout's pipe is closed; if so, the remaining output is discarded."""
    # rich and click exit with 1 then
    if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains when it closes stdout
    return True


def open_what_is_closed() -> None:
    """Open stdin, stdout and stderr if they are closed (``>&-``), or other files would get their descriptors."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as the program
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM like Ctrl-C, even if a background job ignores the latter."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt
