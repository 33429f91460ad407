"""Memory that is freed and asked for again, image after image, without going back to the system in between."""

from __future__ import annotations

import contextlib
import ctypes
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_LARGE, _OF_LARGE_IMAGES = 2**30, 2**27
"""Blocks from these sizes on still go back to the system; the second is above the feature maps of a tile."""


def keep_freed_memory(*, large: bool = False) -> bool:
    """Have this process keep what it frees, where the C library is GNU's; returns whether it does.

    Left to itself, glibc gives every block beyond 32 MiB back as soon as it is freed. A network's feature maps are such
    blocks: each image then has the system clear some hundred thousand pages, which takes twice as long as SRCNN's
    arithmetic at 512x512, and more or less of it from one process to the next.

    Args:
        large: a large image is worked on next. What was freed before goes back, and so do blocks of its size: kept,
            they would leave gaps that others do not fit in, and the process would take twice the memory.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = _libc()
        if large:
            libc.malloc_trim(0)
        # trimming is by a C int, and the whole of a run's memory may lie above the last block in use
        return bool(libc.mallopt(_MMAP_THRESHOLD, _OF_LARGE_IMAGES if large else _LARGE)) and bool(
            libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        )
    return False


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
