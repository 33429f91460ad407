"""The hosts of a process: one per origin of code, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.isolation.host import Host
from srbench.system.text import echo

MOST_HOSTS = 4
"""Hosts at a time: each holds modules and networks in memory."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where code comes from. Code of two origins never shares a process.

    Attributes:
        name: of the plugin file, the installed package or the model, for messages.
        plugins: the file, for a plugin.
        models: the model's spec, for a model.
    """

    name: str
    plugins: tuple[Path, ...] = ()
    models: tuple[Any, ...] = ()


class Hosts:
    """Starts hosts on demand, and ends the least recently used one."""

    def __init__(self) -> None:
        self.say: Callable[[str], None] = lambda line: echo(line, err=True)
        self.started: Callable[[int], None] = lambda pid: None
        self._hosts: dict[Origin, Host] = {}

    def of(self, origin: Origin) -> Host:
        """The host of an origin."""
        host = self._hosts.pop(origin, None) or Host(origin, self._said, self._started)
        while len(self._hosts) >= MOST_HOSTS:
            self._hosts.pop(next(iter(self._hosts))).close()
        self._hosts[origin] = host
        return host

    def tell(self, started: Callable[[int], None]) -> None:
        """Set what is called with the id of each started process; it is called for running ones at once."""
        self.started = started
        for host in self._hosts.values():
            if host.pid is not None:
                started(host.pid)

    def close(self) -> None:
        """End them all."""
        while self._hosts:
            self._hosts.popitem()[1].close()

    def _said(self, line: str) -> None:
        self.say(line)

    def _started(self, pid: int) -> None:
        self.started(pid)
