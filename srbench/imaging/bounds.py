"""What keeps a small image file from taking long to decode, found out before it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

HINT = "save it as an 8 or 16 bit gray or RGB PNG"
FRAMES = "{name} holds more than one frame: save the one that is meant as a PNG of its own."
MAX_SCANS = 64
"""That a JPEG may have. Encoders write about ten; each is a pass over the whole picture, for a few bytes of file."""
_MARKER = re.compile(rb"\xff+[^\x00\x01\xd0-\xd8\xff]")
"""Of a JPEG's segment; in the data of a scan, no such bytes occur."""


def has_frames(image: Image.Image) -> bool:
    """Whether there is more than one."""
    return getattr(image, "n_frames", 1) > 1


def count_scans(data: bytes) -> int:
    """How many scans a JPEG has, :data:`MAX_SCANS` and one at most; what other segments hold is passed over."""
    count, position = 0, 2
    while count <= MAX_SCANS and (marker := _MARKER.search(data, position)):
        kind, position = marker[0][-1], marker.end()
        if kind == 0xD9:  # the end; what follows belongs to no picture
            break
        count += kind == 0xDA
        position += int.from_bytes(data[position : position + 2], "big")
    return count
