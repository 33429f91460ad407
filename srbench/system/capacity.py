"""How much of the machine this process may use: what a container's limits and a job's cores leave of it."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores that this process may use: by affinity, and by the quota of its control groups."""
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        found = os.cpu_count() or 1
    for group in _groups():
        with contextlib.suppress(OSError, ValueError, IndexError):
            quota, period = (group / "cpu.max").read_text().split()
            found = min(found, max(math.ceil(int(quota) / int(period)), 1))
    return found


def free_memory() -> float:
    """Bytes of memory that are free to use; infinite where the system does not say."""
    free = math.inf
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(fields["MemAvailable"].split()[0]) * 1024.0
    for group in _groups():
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            limit = int((group / "memory.max").read_text())
            free = min(free, limit - int((group / "memory.current").read_text()))
    return free


def gpus() -> int:
    """CUDA devices that this process sees. Imports torch only where there may be some."""
    if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")):
        return 0
    import torch

    return torch.cuda.device_count()


def _groups() -> Iterator[Path]:
    """The control group of this process and those around it (version 2)."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        name = next(line.partition("::")[2] for line in lines if line.startswith("0::"))
        group = _CGROUP / name.lstrip("/")
        while group.is_relative_to(_CGROUP):
            yield group
            group = group.parent
