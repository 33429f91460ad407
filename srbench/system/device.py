"""Devices and numbers of threads, as users name them. Light: they are checked before torch is loaded."""

from __future__ import annotations

import re

from srbench.errors import DeviceError, UsageError

MOST_THREADS = 1024
"""What a process may start: more than any processor has, and few enough that the system gives them."""


def check_threads(threads: int) -> None:
    """Refuse numbers of threads at which torch, or the whole process, breaks down.

    Raises:
        UsageError: not from 0, which leaves it to torch, to :data:`MOST_THREADS`.
    """
    if not 0 <= threads <= MOST_THREADS:
        raise UsageError(f"--threads is a number from 0 to {MOST_THREADS}, not {threads}.")


def check_device(name: str) -> None:
    """Refuse what is no device that methods can be run on; torch knows others, and fails on them later.

    Raises:
        DeviceError: neither auto, cpu, cuda, cuda and a number, nor mps.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?|mps", name):
        raise DeviceError(f"Device '{name}' cannot be used: --device takes auto, cpu, cuda, cuda:1 or mps.")
