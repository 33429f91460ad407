"""Metadata that are still true once an image is turned upright and upsampled."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from srbench.imaging.files import Samples
from srbench.photo.image import Metadata

if TYPE_CHECKING:
    from PIL.Image import Exif

ORIENTATION, MAKER_NOTE = 0x0112, 0x927C
CAMERA, PLACE, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
"""Tags that lead to a directory."""
PIXEL_WIDTH, PIXEL_HEIGHT = 0xA002, 0xA003
STRUCTURE = frozenset(
    {*range(0x00FE, 0x0108), 0x010A, 0x0111, *range(0x0115, 0x011A), 0x011C, 0x013D, *range(0x0140, 0x0158)}
    | {0x0201, 0x0202, *range(0x0211, 0x0215), 0x02BC, 0x8773, 0x83BB, 0x8649}
)
"""Tags by which a TIFF says how its pixels lie, or that hold what is carried elsewhere: not to be taken over."""
IPTC = 0x0404
"""The resource of Photoshop's that it is in."""


def of_file(samples: Samples) -> tuple[Metadata, tuple[str, ...]]:
    """What a file carries beside its pixels, and what of it is damaged, in words.

    The thumbnail, which would be of the old image, is left out; orientations are 1, since the pixels are turned.
    """
    info = samples.info
    dpi = info.get("dpi")
    try:
        dpi = (float(dpi[0]), float(dpi[1])) if dpi else None
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        dpi = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged tags, which are left out
        exif, damaged = _tags(samples.exif)
    if (len(info.get("exif", b"")) > 16 and not len(samples.exif)) or (exif and not packed(exif)):
        exif, damaged = {}, ["the EXIF is damaged and left out"]
    for key, name in (("icc_profile", "colour profile"), ("xmp", "XMP")):
        if info.get(key) == b"":
            damaged.append(f"the {name} is damaged or too long, and left out")
    found = Metadata(
        icc=info.get("icc_profile") or b"",
        exif=exif,
        xmp=_upright(info.get("xmp") or b""),
        iptc=info.get("iptc") or _iptc(info.get("photoshop") or {}),
        comment=info.get("comment") or b"",
        text=info.get("png_text", ()),
        dpi=dpi if dpi and 0 < min(dpi) <= max(dpi) < 1e6 else None,
        png_colour=info.get("png_colour", ()),
    )
    return found, tuple(damaged)


def _tags(exif: Exif) -> tuple[dict[int, Any], list[str]]:
    """The tags that can be written again; those of directories only where there are such."""
    kept = {tag: value for tag, value in exif.items() if tag not in STRUCTURE}
    for tag in (CAMERA, PLACE):
        if tag in kept:
            kept[tag] = _directory(exif, tag)
    if isinstance(camera := kept.get(CAMERA), dict) and INTEROPERABILITY in camera:
        camera[INTEROPERABILITY] = _directory(exif, INTEROPERABILITY)
    if ORIENTATION in kept:
        kept[ORIENTATION] = 1
    if kept == {ORIENTATION: 1}:  # XMP's, or all that there was
        return {}, []
    whole = _writable(kept)
    lost = _count(kept) - _count(whole)
    return whole, [f"{lost} damaged {'tags' if lost > 1 else 'tag'} of the EXIF left out"] if lost else []


def _directory(exif: Exif, tag: int) -> dict[int, Any] | None:
    try:
        return dict(exif.get_ifd(tag)) or None
    except Exception:  # Pillow raises what it pleases at damaged offsets
        return None


def _writable(tags: Mapping[int, Any], within: tuple[int, ...] = ()) -> dict[int, Any]:
    """The tags whose values are of their type, so that Pillow can write them."""
    kept = {}
    for tag, value in tags.items():
        if isinstance(value, dict):
            value = _writable(value, (*within, tag))
            if value:
                kept[tag] = value
            continue
        alone: Any = {tag: value}
        for outer in reversed(within):
            alone = {outer: alone}
        if value is not None and packed(alone):
            kept[tag] = value
    return kept


def _count(tags: Mapping[int, Any]) -> int:
    return sum(_count(value) if isinstance(value, dict) else 1 for value in tags.values())


def resized(exif: Mapping[int, Any], height: int, width: int) -> dict[int, Any]:
    """The same with the size of the upsampled image, where a size is given."""
    camera = exif.get(CAMERA, {})
    sides = {tag: side for tag, side in ((PIXEL_WIDTH, width), (PIXEL_HEIGHT, height)) if tag in camera}
    return {**exif, CAMERA: {**camera, **sides}} if sides else dict(exif)


def packed(exif: Mapping[int, Any], at: int | None = None) -> bytes:
    """As files have it, without the leading ``Exif\\0\\0``; empty if there is none, or Pillow cannot write it.

    With ``at``, it is the directory alone, little-endian, with offsets that are true where it stands there in a file.
    """
    from PIL.Image import Exif

    if not exif:
        return b""
    writer = Exif()
    writer.update(exif)
    writer.endian = "<"
    try:
        content = writer.tobytes() if at is None else writer.tobytes(at)
    except Exception:  # Pillow raises what it pleases at values that are not of their tag's type
        return b""
    content = content.removeprefix(b"Exif\0\0")
    return content if at is None else content[8:]


def _upright(xmp: bytes | str) -> bytes:
    """XMP that says of its orientation what the EXIF says."""
    data = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    data = re.sub(rb"(tiff:Orientation\s*=\s*[\"'])[1-8]", rb"\g<1>1", data)
    return re.sub(rb"(<tiff:Orientation>\s*)[1-8]", rb"\g<1>1", data)


def _iptc(photoshop: Mapping[int, Any] | bytes) -> bytes:
    """IPTC among the resources of Photoshop's, as Pillow has them or as they stand in a file."""
    if not isinstance(photoshop, bytes):
        found = photoshop.get(IPTC)
        return found if isinstance(found, bytes) else b""
    match = re.search(rb"8BIM\x04\x04\0\0(....)", photoshop, re.DOTALL)
    return photoshop[match.end() :][: int.from_bytes(match[1], "big")] if match else b""


def as_photoshop(iptc: bytes) -> bytes:
    """IPTC as a resource of Photoshop's."""
    return b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc + b"\0" * (len(iptc) % 2)
