"""TIFF files: their samples as the tags say what these mean, or a refusal in one sentence.

Pillow and libtiff are asked to unpack alone: each group of samples that lie together is shown to them as a gray image
of as many columns as there are samples in a row. What the samples are (planes apart, white is zero, 12 bits, palettes,
premultiplied alpha, orientation) is decided here, since decoders differ in which of these tags they look at.
Tags and their values: TIFF 6.0 and its supplements.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError
from srbench.imaging.bounds import FRAMES, HINT
from srbench.imaging.orientation import oriented

if TYPE_CHECKING:
    from PIL.Image import Exif
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

MAX_PAGES = 64
"""That are looked at: reduced copies of an image and masks, beside the image."""
ORIENTATION = 274
_PREDICTED = {5, 8, 32946, 34925, 50000}
"""Compressions that may hold differences: LZW, deflate, LZMA, Zstandard."""
_BY_BYTES = {1, 2, 3, 4, 32773} | _PREDICTED
_BY_COLOURS = {7, 50001}
"""JPEG and WebP, which know what colours are."""
_PHOTOMETRIC = {
    4: "is a mask",
    5: "is CMYK",
    6: "is in YCbCr",
    8: "is in CIELAB",
    9: "is in CIELAB",
    10: "is in CIELAB",
    32803: "holds a sensor's raw samples",
    34892: "holds a sensor's raw samples",
}


class Page(NamedTuple):
    """The one full image of a file.

    Attributes:
        tags: its directory.
        number: which directory of the file.
        offset: where in the file the directory is.
    """

    tags: ImageFileDirectory_v2
    number: int
    offset: int

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The values of a tag."""
        value = self.tags.get(tag, default)
        return value if isinstance(value, tuple) else (value,)

    def number_of(self, tag: int, default: int = 0) -> int:
        """The single value of a tag."""
        return int(self.numbers(tag, (default,))[0])

    @property
    def orientation(self) -> int:
        """1 to 8, as EXIF has it."""
        try:
            value = self.number_of(ORIENTATION, 1)
        except (TypeError, ValueError, IndexError):
            return 1
        return value if 1 <= value <= 8 else 1


def main_page(file: BinaryIO, name: str) -> Page:
    """The image that a file is of, from its directories alone; what is marked as a reduced copy or a mask is none.

    Raises:
        DataError: there are several.
        Exception: of Pillow's, where the file is damaged.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    head = file.read(16)
    if head[:4] == b"MM\0+":
        raise DataError(f"{name} is a BigTIFF whose bytes are in big-endian order, which Pillow does not read: {HINT}.")
    head = head if head[2] == 43 else head[:8]
    offset, seen, found = ImageFileDirectory_v2(head).next, set[int](), None
    while offset and offset not in seen:
        if len(seen) == MAX_PAGES:
            raise DataError(FRAMES.format(name=name))
        tags = ImageFileDirectory_v2(head)
        file.seek(offset)
        tags.load(file)
        page = Page(tags, len(seen), offset)
        is_copy = page.number_of(254) & 0b101 or page.number_of(255) == 2
        if found is None or found.number_of(254) & 0b101:
            found = page
        elif not is_copy:
            raise DataError(FRAMES.format(name=name))
        seen.add(offset)
        offset = int(tags.next)
    if found is None:
        raise ValueError("no directory")
    return found


def stored_size(page: Page) -> tuple[int, int]:
    """(height, width) as they are stored, before the orientation is applied."""
    return page.number_of(257), page.number_of(256)


def samples(data: bytes, page: Page, name: str) -> NDArray[Any]:
    """The pixels as they are stored, not yet turned: (H, W), or (H, W, C) with C = 2 for gray and alpha, 3 RGB, 4 RGBA.

    uint8, or uint16 for 12 and 16 bits; alpha is not multiplied into the colours.

    Raises:
        DataError: they have no place in this convention.
    """
    kinds, bits = {*page.numbers(339, (1,))}, {*page.numbers(258, (1,))}
    count, compression = page.number_of(277, 1), page.number_of(259, 1)
    photometric = page.number_of(262, -1)
    if 3 in kinds or page.number_of(317, 1) == 3:
        raise DataError(f"{name} has float samples: {HINT}.")
    if max(bits) > 16 or len(bits) > 1 or not bits <= {1, 2, 4, 8, 12, 16}:
        raise DataError(f"{name} has {' and '.join(map(str, sorted(bits)))} bit samples: {HINT}.")
    if not kinds <= {1, 4}:
        raise DataError(f"{name} has signed or complex samples: {HINT}.")
    if compression in _BY_COLOURS and photometric in (1, 2, 6):
        return _by_pillow(data, page, name)
    if photometric not in (0, 1, 2, 3):
        raise DataError(f"{name} {_PHOTOMETRIC.get(photometric, 'does not say what its colours are')}: {HINT}.")
    if compression not in _BY_BYTES:
        raise DataError(f"{name} is compressed in a way that srbench does not read ({compression}): {HINT}.")
    colours, alpha = 3 if photometric == 2 else 1, _alpha(page, name)
    stored = _unpacked(data, page, count, max(bits))
    colour = _colours(stored[..., :colours], page, max(bits), photometric, name)
    if alpha:
        opacity = _scaled(stored[..., colours : colours + 1], max(bits))
        colour = np.concatenate([_divided(colour, opacity) if alpha == 1 else colour, opacity], axis=2)
    return colour if colour.shape[2] > 1 else colour[..., 0]


def _alpha(page: Page, name: str) -> int:
    """What follows the colours: 0 nothing that is seen, 1 alpha that the colours are multiplied by, 2 alpha.

    Raises:
        DataError: channels that would be lost.
    """
    is_rgb = page.number_of(262) == 2
    more = page.number_of(277, 1) - (3 if is_rgb else 1)
    extra = page.numbers(338) or ((2,) if is_rgb and more else ())
    alpha = extra[0] if more and extra else 0
    alpha = 2 if alpha == 999 else alpha  # of Corel Draw 10
    # infrared and the like beside RGB is not part of the picture; two gray channels are two pictures
    if more < 0 or (more and not alpha and not is_rgb) or more > 3 or alpha > 2 or any(extra[1:]):
        raise DataError(f"{name} has {page.number_of(277, 1)} channels, neither gray nor RGB: {HINT}.")
    return alpha


def _colours(stored: NDArray[Any], page: Page, bits: int, photometric: int, name: str) -> NDArray[Any]:
    if photometric == 3:
        return _looked_up(stored[..., 0], page, bits, name)
    scaled = _scaled(stored, bits)
    return np.iinfo(scaled.dtype).max - scaled if photometric == 0 else scaled


def _scaled(stored: NDArray[Any], bits: int) -> NDArray[Any]:
    """Samples of so many bits on the scale of 8 or 16."""
    if bits == 12:
        return ((stored.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16)
    return stored if bits >= 8 else stored * np.uint8(255 // ((1 << bits) - 1))


def _looked_up(stored: NDArray[Any], page: Page, bits: int, name: str) -> NDArray[Any]:
    """The colours of a palette: gray where all are."""
    colours = np.array(page.numbers(320))
    if bits > 8 or colours.size != 3 << bits:
        raise DataError(f"{name} has a palette of {colours.size // 3} colours for {bits} bits: {HINT}.")
    if colours.max() > 255:  # some programs write 8 bits, as libtiff knows too
        colours = colours >> 8
    found: NDArray[Any] = colours.reshape(3, -1).T.astype(np.uint8)[stored]
    gray = (found == found[..., :1]).all()
    return found[..., :1] if gray else found


def _divided(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours that alpha is multiplied into, without it."""
    peak = int(np.iinfo(colour.dtype).max)
    share = np.maximum(alpha.astype(np.uint32), 1)
    divided: NDArray[Any] = np.minimum((colour.astype(np.uint32) * peak + share // 2) // share, peak)
    return divided.astype(colour.dtype)


def _unpacked(data: bytes, page: Page, count: int, bits: int) -> NDArray[Any]:
    """(H, W, count) samples as they are stored, of uint8 or uint16."""
    height, width = stored_size(page)
    is_tiled = 324 in page.tags
    offsets, sizes = page.numbers(324 if is_tiled else 273), page.numbers(325 if is_tiled else 279)
    if page.number_of(259, 1) == 1 and len(data) * 8 < height * width * count * bits:
        raise ValueError("fewer bytes than pixels")  # found out before there is memory for them
    together = 1 if page.number_of(284, 1) == 2 else count
    planes = count // together
    each = len(offsets) // planes
    # undone here, since libtiff would take samples of one pixel for neighbours
    differences = page.number_of(317, 1) == 2 and page.number_of(259, 1) in _PREDICTED
    if differences and bits not in (8, 16):
        raise ValueError(f"differences of {bits} bit samples")
    parts = []
    for plane in range(planes):
        tags: dict[int, tuple[int, ...]] = {
            256: (width * together,),
            257: (height,),
            258: (bits,),
            262: (1,),
            277: (1,),
        }
        for tag in (259, 266, 278, 292, 293, 323):
            if tag in page.tags:
                tags[tag] = (page.number_of(tag),)
        tags |= {322: (page.number_of(322) * together,)} if is_tiled else {}
        own = slice(plane * each, plane * each + each)
        tags |= {324: offsets[own], 325: sizes[own]} if is_tiled else {273: offsets[own], 279: sizes[own]}
        part = _gray(data, {tag: values for tag, values in tags.items() if values}, bits)
        part = part.reshape(height, width, together)
        if differences:
            step = page.number_of(322) if is_tiled else width
            for left in range(0, width, step):
                tile = part[:, left : left + step]
                np.cumsum(tile, axis=1, dtype=part.dtype, out=tile)
        parts.append(part)
    return parts[0] if planes == 1 else np.concatenate(parts, axis=2)


def _gray(data: bytes, tags: dict[int, tuple[int, ...]], bits: int) -> NDArray[Any]:
    """A gray image that lies in a file as some tags say: (H, W) of its very samples, writable."""
    from PIL.Image import new
    from PIL.TiffImagePlugin import TiffImageFile

    class Unbounded(TiffImageFile):
        """Its size has been checked before, in pixels of the image."""

        def load_prepare(self) -> None:
            self.im = new(self.mode, self.size).im
            super().load_prepare()

    # only samples of 16 bits have an order of bytes; Pillow knows those of 12 in one alone
    order = ">" if bits == 16 and data[:2] == b"MM" else "<"
    if len(data) > 2**32 - 2**20:
        raise ValueError("more than 4 GB")
    start = len(data) + len(data) % 2
    entries, beyond = b"", b""
    place = start + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        content = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            beyond += content
            content = struct.pack(f"{order}I", place + len(beyond) - len(content))
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + content
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + beyond
    with Unbounded(io.BytesIO(b"".join((head, data[8:], bytes(start - len(data)), directory)))) as image:
        image.load()
        found = np.array(image)
    if found.dtype == bool:
        return found.astype(np.uint8)
    if bits < 8:  # which Pillow has scaled
        return found // np.uint8(255 // ((1 << bits) - 1))
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def _by_pillow(data: bytes, page: Page, name: str) -> NDArray[Any]:
    """Pixels whose compression knows what colours are, turned back to how they are stored."""
    from PIL.TiffImagePlugin import TiffImageFile

    if page.number_of(284, 1) != 1 or page.number_of(258, 1) != 8:
        raise DataError(f"{name} is compressed in a way that srbench does not read: {HINT}.")
    with TiffImageFile(io.BytesIO(data)) as image:
        image.seek(page.number)
        image.load()
        if image.mode not in ("L", "RGB", "RGBA"):
            raise DataError(f"{name} is of Pillow's mode {image.mode}, neither gray nor RGB: {HINT}.")
        pixels = np.asarray(image)
    return pixels if page.orientation == 1 else oriented(pixels, {6: 8, 8: 6}.get(page.orientation, page.orientation))


def metadata(data: bytes, page: Page) -> tuple[dict[Any, Any], Exif]:
    """What else the file holds: Pillow's names for it, and the tags with the directories that they lead to."""
    from PIL.Image import Exif

    exif = Exif()
    exif.endian, exif.bigtiff = (">" if data[:2] == b"MM" else "<"), data[2] == 43
    try:
        exif.load_from_fp(io.BytesIO(data), page.offset)
    except Exception:
        exif = Exif()
    info: dict[Any, Any] = {}
    for key, tag in (("icc_profile", 34675), ("xmp", 700), ("iptc", 33723), ("photoshop", 34377)):
        if value := page.tags._tagdata.get(tag):  # as stored: Photoshop says of IPTC's bytes that they are numbers
            info[key] = value
    unit = {2: 1.0, 3: 2.54}.get(page.number_of(296, 2))
    resolution: list[Any] = [page.tags.get(tag) for tag in (282, 283)]
    if unit and all(resolution):
        info["dpi"] = tuple(float(side) * unit for side in resolution)
    return info, exif
