"""What can go wrong, and the exit code that each kind has.

Every error that a user can cause is an :class:`SrbenchError` whose message is one sentence that says what is wrong and
what to do about it. The command line prints the message and ends with ``exit_code``; nothing else ends the process.
"""

from __future__ import annotations

from srbench.text import cut, printable

EXIT_OK = 0
EXIT_REGRESSION = 1
EXIT_USAGE = 2
EXIT_CELL_FAILED = 3
EXIT_DATA = 4
EXIT_CLUSTER_LOST = 5
EXIT_INTERRUPTED = 130


LONGEST = 1000
"""Characters of a message: what a file holds where a name should be may be of any length."""


class SrbenchError(Exception):
    """The base of all errors that srbench explains instead of printing a traceback."""

    exit_code: int = EXIT_USAGE

    def __str__(self) -> str:
        """The message as one line that no terminal obeys, whatever a file's names and values put into it."""
        text = " ".join(super().__str__().split("\t"))
        return printable(cut(" ".join(text.splitlines()), LONGEST))


class UsageError(SrbenchError):
    """A wrong name, option or combination of options."""

    exit_code = EXIT_USAGE


class DeviceError(UsageError):
    """A device that is not here: no cell can be computed on it."""


class ClusterLostError(SrbenchError):
    """The cluster that computed is gone: the same command goes on, once there is one again."""

    exit_code = EXIT_CLUSTER_LOST


class DataError(SrbenchError):
    """Data that is missing, corrupt or not what it claims to be."""

    exit_code = EXIT_DATA


class MethodError(SrbenchError):
    """A method that raised, or returned something that its contract forbids: its cell fails, the others go on."""

    exit_code = EXIT_CELL_FAILED
