"""The hosts of a process: one for each origin of code, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.isolation.host import Host
from srbench.text import echo

MOST = 4
"""Hosts at a time: each holds its modules and networks."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose code it is. Code of two origins never shares a process.

    Attributes:
        name: of the plugin file, the installed package or the model, for people.
        plugins: the file, for a plugin.
        models: the model's spec, for a model.
    """

    name: str
    plugins: tuple[Path, ...] = ()
    models: tuple[Any, ...] = ()


class Hosts:
    """Starts a host when its origin is asked for, and ends the one that was asked for longest ago."""

    def __init__(self) -> None:
        self.say: Callable[[str], None] = lambda line: echo(line, err=True)
        self.started: Callable[[int], None] = lambda pid: None
        self._hosts: dict[Origin, Host] = {}

    def of(self, origin: Origin) -> Host:
        """The host of an origin."""
        host = self._hosts.pop(origin, None) or Host(origin, self._said, self._started)
        while len(self._hosts) >= MOST:
            self._hosts.pop(next(iter(self._hosts))).close()
        self._hosts[origin] = host
        return host

    def tell(self, started: Callable[[int], None]) -> None:
        """Have it told which processes are started, those that run by now included."""
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
