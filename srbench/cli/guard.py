"""What every verb does when it is interrupted, or when nobody reads its output any more."""

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
"""As of any program that a closed pipe ends; 1 would say that a value differs."""


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
            if not nobody_reads(error):
                raise
            raise typer.Exit(EXIT_PIPE) from None

    return run


def nobody_reads(error: BaseException) -> bool:
    """Whether it says that stdout's pipe is closed; if so, what is left to write there is let go."""
    # rich and click end the program with 1 then
    if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains when it closes stdout
    return True


def open_what_is_closed() -> None:
    """Open stdin, stdout and stderr where they are closed (``>&-``), or the next file would get their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as the program
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM is as Ctrl-C, which may wait for the end of a batch, also where a shell's background ignores that one."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt
