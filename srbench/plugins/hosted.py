"""What a registry asks hosts: third-party code is imported there, and described."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from srbench.errors import UsageError
from srbench.isolation.host import HostError, RemoteError
from srbench.isolation.hosts import Hosts, Origin


def is_foreign(entry: object) -> bool:
    """Whether an entry of a registry leads to third-party code."""
    return not (isinstance(entry, EntryPoint) and entry.value.startswith("srbench."))


def ask(hosts: Hosts, origin: Origin, what: str, command: str, *arguments: Any) -> dict[str, Any]:
    """Send a command to a host.

    Raises:
        UsageError: the code cannot be imported there.
    """
    try:
        return hosts.of(origin).ask(command, *arguments).head
    except (HostError, RemoteError) as error:
        hosts.of(origin).close()
        kind = f"{error.kind}: " if isinstance(error, RemoteError) else ""
        raise UsageError(f"{what} cannot be imported: {kind}{error}.") from error


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """A context for reading a host's description of its code.

    Raises:
        UsageError: the description is invalid.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{what} has an invalid description: {type(error).__name__}.") from error


def claim(name: str, taken: Mapping[str, Any], kind: str, path: Path) -> None:
    """Reject a plugin's method or metric whose name is taken.

    Raises:
        UsageError: it is.
    """
    if name in taken:
        raise UsageError(f"Plugin {path} defines {kind} '{name}', which is taken; rename it.")
