"""The chunks of PNG files: those of pixels apart from those of text, of which decoders refuse what is long."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
COLOUR = (b"cICP", b"gAMA", b"cHRM", b"sRGB")
"""By which a file says what its colours are without a profile."""
MAX_UNPACKED = 64 << 20
"""Bytes of a text or profile; longer ones are not unpacked."""
XMP = b"XML:com.adobe.xmp"
RAW = b"Raw profile type "
_RAW_KINDS = {b"exif": "exif", b"xmp": "xmp", b"iptc": "photoshop", b"8bim": "photoshop"}


class Chunk(NamedTuple):
    """A chunk that holds no pixels."""

    name: bytes
    content: bytes

    @property
    def keyword(self) -> bytes:
        """What a text, or a profile, is called."""
        return self.content.partition(b"\0")[0]

    @property
    def unpacked(self) -> bytes:
        """What a text says, or a colour profile holds; empty where it is damaged or longer than it may be."""
        rest = self.content.partition(b"\0")[2]
        packed = self.name in (b"zTXt", b"iCCP")
        if self.name == b"iTXt":
            packed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        elif packed:
            rest = rest[1:]
        if not packed:
            return rest
        unpacker = zlib.decompressobj()
        try:
            found = unpacker.decompress(rest, MAX_UNPACKED)
        except zlib.error:
            return b""
        return found if unpacker.eof else b""


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as it stands in a file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


def notes(file: BinaryIO) -> list[Chunk]:
    """The chunks of text, EXIF, colour and resolution; pixels are passed over.

    Raises:
        ValueError: one is damaged.
    """
    return [Chunk(name, _content(file, name, length)) for name, length in _walk(file) if _is_note(name)]


def without_notes(data: bytes) -> bytes:
    """The file as decoders get it: with what its pixels depend on alone."""
    kept, start, at = [SIGNATURE], len(SIGNATURE), len(SIGNATURE)
    file = io.BytesIO(data)
    for name, length in _walk(file):
        end = at + length + 12
        if _is_note(name):
            kept.append(data[start:at])
            start = end
        at = end
    return b"".join([*kept, data[start:]])


def info_of(found: list[Chunk]) -> dict[Any, Any]:
    """What the chunks say, by the names that Pillow has for it, and the other texts as they are."""
    info: dict[Any, Any] = {"png_colour": tuple(one for one in found if one.name in COLOUR and len(one.content) < 100)}
    texts = []
    for one in found:
        kind = one.keyword.removeprefix(RAW) if one.name in TEXT and one.keyword.startswith(RAW) else b""
        if one.name == b"eXIf":  # of two, before and after the pixels, the first is meant
            info.setdefault("exif", one.content)
        elif one.name == b"iCCP":
            info["icc_profile"] = one.unpacked
        elif one.name == b"pHYs" and len(one.content) == 9:
            right, down, unit = struct.unpack(">2IB", one.content)
            info |= {"dpi": (right * 0.0254, down * 0.0254)} if unit == 1 else {}
        elif one.name == b"iTXt" and one.keyword == XMP:
            info["xmp"] = one.unpacked
        elif kind in _RAW_KINDS:
            info.setdefault(_RAW_KINDS[kind], _raw(one.unpacked))
        elif one.name in TEXT and not kind:
            texts.append(one)
    return info | {"png_text": tuple(texts)}


def _raw(text: bytes) -> bytes:
    """A profile as ImageMagick writes it: its name and length, each in a line, and hexadecimal digits."""
    try:
        return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""


def _is_note(name: bytes) -> bool:
    return name in TEXT or name in COLOUR or name in (b"eXIf", b"iCCP", b"pHYs")


def _walk(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and length of each chunk; the file stands at its content."""
    at = file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[:4], "big")
        yield head[4:], length
        at = file.seek(at + length + 12)
        if head[4:] == b"IEND":
            return


def _content(file: BinaryIO, name: bytes, length: int) -> bytes:
    content, check = file.read(length), file.read(4)
    if check != struct.pack(">I", zlib.crc32(content, zlib.crc32(name))):
        raise ValueError(f"broken {name.decode('latin-1')} chunk")
    return content
