"""TIFF files of 8 or 16 bits, with alpha and metadata, written strip by strip."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from srbench.errors import DataError
from srbench.photo.image import Layout, Metadata, Pixels
from srbench.photo.metadata import packed
from srbench.photo.png import LEVEL

ROWS = 64
"""Of a strip."""
LARGEST = 2**32 - 2**20
"""Bytes that a TIFF can have."""
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
SIZES = {SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1}
"""Bytes of a value of each type."""


def write_tiff(file: BinaryIO, layout: Layout, bands: Iterable[Pixels], metadata: Metadata) -> None:
    """Write an image that comes in bands of whole rows, (h, W, C), from the top.

    Raises:
        DataError: it becomes larger than a TIFF can be.
    """
    file.write(b"II*\0\0\0\0\0")  # the place of the directory is filled in at the end
    offsets, counts = [], []
    for strip in strips(bands):
        if file.tell() > LARGEST:
            raise DataError("The upsampled image has more than the 4 GB that a TIFF can have: choose .png.")
        offsets.append(file.tell())
        counts.append(_put(file, zlib.compress(_differences(strip).tobytes(), LEVEL)))
    # what the tags of EXIF lead to lies where their directory says, and the directory itself becomes a part of this one
    exif = packed(metadata.exif, at=file.tell())
    _put(file, exif)
    entries = {}
    for at in range(2, 2 + 12 * int.from_bytes(exif[:2], "little"), 12):
        entries[int.from_bytes(exif[at : at + 2], "little")] = exif[at : at + 12]
    for tag, kind, content in _tags(layout, metadata, offsets, counts):
        place = struct.pack("<I", file.tell()) if len(content) > 4 else content.ljust(4, b"\0")
        if len(content) > 4:
            _put(file, content)
        entries[tag] = struct.pack("<HHI", tag, kind, len(content) // SIZES[kind]) + place
    start = file.tell()
    file.write(struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4))
    file.seek(4)
    file.write(struct.pack("<I", start))


def _tags(
    layout: Layout, metadata: Metadata, offsets: list[int], counts: list[int]
) -> Iterator[tuple[int, int, bytes]]:
    """Tag, type and values of what says how the pixels lie, and of what is carried."""
    for tag, values in ((256, [layout.width]), (257, [layout.height]), (273, offsets), (278, [ROWS]), (279, counts)):
        yield tag, LONG, struct.pack(f"<{len(values)}I", *values)
    depths, photometric = [layout.depth] * layout.channels, [1 if layout.gray else 2]
    shorts = {258: depths, 259: [8], 262: photometric, 277: [layout.channels], 284: [1], 317: [2]}
    if layout.channels in (2, 4):
        shorts[338] = [2]  # colours are not multiplied by it
    if metadata.dpi:
        shorts[296] = [2]
        for tag, dpi in zip((282, 283), metadata.dpi, strict=True):
            yield tag, RATIONAL, struct.pack("<2I", *Fraction(dpi).limit_denominator(4000).as_integer_ratio())
    for tag, values in shorts.items():
        yield tag, SHORT, struct.pack(f"<{len(values)}H", *values)
    for tag, content in ((700, metadata.xmp), (33723, metadata.iptc), (34675, metadata.icc)):
        if content:
            yield tag, UNDEFINED, content


def _put(file: BinaryIO, content: bytes) -> int:
    """Write on an even place, as the format wants it; returns how many bytes the content has."""
    file.write(content + b"\0" * (len(content) % 2))
    return len(content)


def strips(bands: Iterable[Pixels]) -> Iterator[Pixels]:
    """Bands cut, and joined, to strips of :data:`ROWS` rows."""
    held: Any = None
    for band in bands:
        held = band if held is None else np.concatenate([held, band])
        whole = len(held) // ROWS * ROWS
        for top in range(0, whole, ROWS):
            yield held[top : top + ROWS]
        held = held[whole:]
    if held is not None and len(held):
        yield held


def _differences(strip: Pixels) -> Any:
    """Each pixel less the one to its left, little-endian: the predictor that photographs compress best by."""
    out: Any = np.array(strip, strip.dtype.newbyteorder("<"))
    out[:, 1:] -= strip[:, :-1]
    return out
