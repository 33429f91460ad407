"""Devices and numbers of threads, as users name them. Light: they are checked before torch is loaded."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from srbench.errors import DeviceError, UsageError
from srbench.system.capacity import gpus

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


def check_devices(names: str) -> None:
    """Refuse what is neither a device nor several GPUs by number, as ``cuda:0,cuda:1``.

    Raises:
        DeviceError: says which.
    """
    several = names.split(",")
    for name in several:
        check_device(name)
        if len(several) > 1 and ":" not in name:
            raise DeviceError(f"Device '{names}' cannot be used: of several, each is a GPU's number, as cuda:0,cuda:1.")


@dataclass(frozen=True, slots=True)
class Devices:
    """What the processes of a run compute on, in turn.

    Attributes:
        names: as torch takes them; ``auto`` where there is no choice.
        gpus: how many of them are GPUs.
    """

    names: tuple[str, ...]
    gpus: int


def devices_of(name: str) -> Devices:
    """The devices that a name means: ``cuda`` is all GPUs, and so is ``auto`` where there are some.

    Args:
        name: checked by :func:`check_devices`.
    """
    if name in ("auto", "cuda") and (count := gpus()):
        return Devices(tuple(f"cuda:{number}" for number in range(count)), count)
    names = tuple(dict.fromkeys(name.split(",")))
    on_gpu = name.startswith("cuda") or name == "mps" or (name == "auto" and sys.platform == "darwin")
    return Devices(names, len(names) if on_gpu else 0)
