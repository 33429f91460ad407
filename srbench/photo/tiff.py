"""TIFF files of 8 or 16 bits, with alpha and metadata, written strip by strip."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from srbench.errors import DataError
from srbench.photo.image import Layout, Metadata, Pixels
from srbench.photo.png import LEVEL

STRIP_OFFSETS = 273
ROWS = 64
"""Of a strip."""
HEAD = b"II*\0" + struct.pack("<I", 8)
LARGEST = 2**32 - 2**20
"""Bytes that a TIFF can have."""


def write_tiff(file: BinaryIO, layout: Layout, bands: Iterable[Pixels], metadata: Metadata) -> None:
    """Write an image that comes in bands of whole rows, (h, W, C), from the top.

    Raises:
        DataError: it becomes larger than a TIFF can be.
    """
    offsets, counts, place = [], [], len(HEAD)
    file.write(HEAD)  # to be written again, when the place of the directory is known
    for strip in strips(bands):
        content = zlib.compress(_differences(strip).tobytes(), LEVEL)
        content += b"\0" * (len(content) % 2)
        if place > LARGEST:
            raise DataError("The upsampled image has more than the 4 GB that a TIFF can have: choose .png.")
        file.write(content)
        offsets.append(place)
        counts.append(len(content))
        place += len(content)
    try:
        directory = _directory(layout, metadata, offsets, counts, place)
    except Exception:  # Pillow raises what it pleases at damaged tags; they shall not cost the image
        directory = _directory(layout, dataclasses.replace(metadata, exif={}), offsets, counts, place)
    file.write(directory)
    file.seek(0)
    file.write(HEAD[:4] + struct.pack("<I", place))


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


def _directory(layout: Layout, metadata: Metadata, offsets: list[int], counts: list[int], place: int) -> bytes:
    """The directory of tags that stands at ``place`` of the file."""
    from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(HEAD)
    for tag, value in metadata.exif.items():
        directory[tag] = value
    if metadata.dpi:
        directory[282], directory[283], directory[296] = (*map(IFDRational, metadata.dpi), 2)
    directory[256], directory[257] = layout.width, layout.height
    directory[258] = (layout.depth,) * layout.channels
    directory[259] = 8  # deflate
    directory[262] = 1 if layout.gray else 2
    directory[277] = layout.channels
    directory[278] = ROWS
    directory[279] = tuple(counts)
    directory[284] = 1
    directory[317] = 2
    if layout.channels in (2, 4):
        directory[338] = 2  # colours are not multiplied by it
    if metadata.icc:
        directory[34675] = metadata.icc
    if metadata.xmp:
        directory[700] = metadata.xmp
    if metadata.iptc:
        directory.tagtype[33723] = 7
        directory[33723] = metadata.iptc
    directory[STRIP_OFFSETS] = (0,) * len(offsets)
    return _with_offsets(bytearray(directory.tobytes(place)), offsets, place)


def _with_offsets(content: bytearray, offsets: list[int], place: int) -> bytes:
    """Put in where the strips are: Pillow takes offsets to count from the end of the directory, not of the file."""
    entries = struct.unpack_from("<H", content)[0]
    for entry in range(2, 2 + 12 * entries, 12):
        if struct.unpack_from("<H", content, entry)[0] == STRIP_OFFSETS:
            start = entry + 8 if len(offsets) == 1 else struct.unpack_from("<I", content, entry + 8)[0] - place
            struct.pack_into(f"<{len(offsets)}I", content, start, *offsets)
    return bytes(content)
