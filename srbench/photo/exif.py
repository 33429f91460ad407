"""EXIF that is still true once a picture is turned and enlarged."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Exif

ORIENTATION, CAMERA, PLACE = 0x0112, 0x8769, 0x8825
PIXEL_WIDTH, PIXEL_HEIGHT = 0xA002, 0xA003
STRUCTURE = frozenset(
    {*range(0x00FE, 0x0108), 0x010A, 0x0111, *range(0x0115, 0x011A), 0x011C, 0x013D, *range(0x0140, 0x0158)}
    | {0x0201, 0x0202, *range(0x0211, 0x0215), 0x02BC, 0x8773, 0x83BB, 0x8649}
)
"""Tags by which a TIFF says how its pixels lie, or that hold what is carried elsewhere: not to be taken over."""


def clean(exif: Exif) -> bytes:
    """Metadata as bytes, upright, without what belonged to the old file and without its thumbnail; or nothing."""
    from PIL.Image import Exif

    if not len(exif):
        return b""
    kept = Exif()
    for tag, value in exif.items():
        if tag not in STRUCTURE:
            kept[tag] = exif.get_ifd(tag) or value if tag in (CAMERA, PLACE) else value
    kept[ORIENTATION] = 1
    return _bytes(kept)


def resized(exif: bytes, height: int, width: int) -> bytes:
    """The same with the size of the enlarged picture, where a size is given."""
    if not exif:
        return b""
    loaded = load(exif)
    camera = loaded.get_ifd(CAMERA)
    for tag, side in ((PIXEL_WIDTH, width), (PIXEL_HEIGHT, height)):
        if tag in camera:
            camera[tag] = side
    return _bytes(loaded)


def load(exif: bytes) -> Exif:
    """Pillow's view of it."""
    from PIL.Image import Exif

    loaded = Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged tags, which are left out
        loaded.load(exif)
        for directory in (CAMERA, PLACE):
            loaded.get_ifd(directory)
    return loaded


def tags(exif: bytes) -> dict[int, Any]:
    """The tags of the first directory; those of the directories that it leads to as mappings."""
    loaded = load(exif)
    return {tag: loaded.get_ifd(tag) or value for tag, value in loaded.items()} if exif else {}


def _bytes(exif: Exif) -> bytes:
    try:
        return re.sub(b"^(Exif\0\0)+", b"", exif.tobytes())
    except Exception:  # Pillow raises what it pleases at values that are not of their tag's type
        return b""
