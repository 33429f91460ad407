"""Memory that is freed and asked for again, image after image, without going back to the system in between."""

from __future__ import annotations

import contextlib
import ctypes
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_LARGE = 2**30
"""Blocks from this size on still go back to the system."""


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Have this process keep what it frees, where the C library is GNU's; returns whether it does.

    Left to itself, glibc gives every block beyond 32 MiB back as soon as it is freed. A network's feature maps are such
    blocks: each image then has the system clear some hundred thousand pages, which takes twice as long as SRCNN's
    arithmetic at 512x512, and more or less of it from one process to the next.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        # trimming is by a C int, and the whole of a run's memory may lie above the last block in use
        return bool(libc.mallopt(_MMAP_THRESHOLD, _LARGE)) and bool(libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1))
    return False


def give_back_memory() -> None:
    """Give what this process has freed back to the system: between the steps of a large image, whose blocks fit in no
    gap that the step before has left."""
    if keep_freed_memory():
        ctypes.CDLL(None).malloc_trim(0)
