"""The formats that images are written in: what each can hold, and how it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from srbench.errors import UsageError
from srbench.photo.image import Image, Layout, Metadata, Pixels
from srbench.photo.metadata import CAMERA, MAKER_NOTE, as_photoshop, packed, resized
from srbench.photo.png import write_png
from srbench.photo.read import colour_space
from srbench.photo.tiff import write_tiff

Writer = Callable[[BinaryIO, Layout, Iterable[Pixels], Metadata], None]

NAMES = {"icc": "colour profile", "exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "comment": "comment", "text": "text"}
ANY = 2**31 - 1
"""Bytes: no bound that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file.

    Attributes:
        name: as ``--format`` takes it.
        suffixes: of its files, the first being the usual one.
        largest: the longest side in pixels.
        alpha: whether it holds transparency.
        deep: whether it holds 16 bits.
        gray: whether that is all it holds.
        holds: the metadata that it takes, and how many bytes of them.
        writer: for those that are written in strips; Pillow writes the others, from memory.
    """

    name: str
    suffixes: tuple[str, ...]
    largest: int = 2**31 - 1
    alpha: bool = False
    deep: bool = False
    gray: bool = False
    holds: Mapping[str, int] = field(default_factory=dict)
    writer: Writer | None = None

    def fitted(self, image: Image) -> tuple[Image, Layout, tuple[str, ...]]:
        """An image as the format can hold it, how that lies in the file, and what is lost.

        Raises:
            UsageError: transparency or colour would be lost.
        """
        lost = list(image.notes)
        if image.alpha is not None and not self.alpha:
            if image.is_transparent:
                raise UsageError(
                    f"{image.name} is partly transparent, which {self.name} files cannot be; "
                    "choose .png, .tiff or .webp."
                )
            image = dataclasses.replace(image, alpha=None)
        if self.gray and not image.layout.gray:
            raise UsageError(f"{image.name} is in colour, which {self.name} files cannot be; choose .ppm or .png.")
        layout = image.layout
        if (self.name, layout.channels, layout.depth) == ("tiff", 2, 16):  # most readers, Pillow too, know of none
            image = dataclasses.replace(image, colour=image.colour.repeat(3, axis=2))
            layout = image.layout
        if layout.depth == 16 and not self.deep:
            lost.append(f"{self.name} holds 8 of the 16 bits")
            layout = dataclasses.replace(layout, depth=8)
        metadata, more = self._held(image.metadata, layout)
        return dataclasses.replace(image, metadata=metadata), layout, (*lost, *more)

    def _held(self, metadata: Metadata, layout: Layout) -> tuple[Metadata, list[str]]:
        """The metadata that the format takes, and what is lost of them."""
        sizes = {kind: _size(metadata, kind) for kind in NAMES}
        gone = [kind for kind, size in sizes.items() if size and kind not in self.holds]
        lost = [f"{self.name} holds no {' and no '.join(NAMES[kind] for kind in gone)}"] if gone else []
        for kind, most in self.holds.items():
            if kind == "exif" and sizes[kind] > most and MAKER_NOTE in (camera := metadata.exif.get(CAMERA, {})):
                camera = {tag: value for tag, value in camera.items() if tag != MAKER_NOTE}
                metadata = dataclasses.replace(metadata, exif={**metadata.exif, CAMERA: camera})
                sizes[kind] = _size(metadata, kind)
                lost.append(f"the camera maker's notes are left out, since {self.name} takes {most} bytes of EXIF")
            if sizes[kind] > most:
                gone.append(kind)
                lost.append(f"the {NAMES[kind]} has {sizes[kind]} bytes and {self.name} takes {most}: it is left out")
        # WebP has no gray; a profile of other channels makes readers refuse the file
        colours, profile = "GRAY" if layout.gray and self.name != "webp" else "RGB", colour_space(metadata.icc)
        if "icc" not in gone and profile not in ("", colours):
            gone.append("icc")
            lost.append(f"the colour profile is for {profile}, and the {self.name} file is {colours}")
        empty = Metadata()
        return dataclasses.replace(metadata, **{kind: getattr(empty, kind) for kind in gone}), lost

    def check(self, name: str, layout: Layout) -> None:
        """Refuse what is too large.

        Raises:
            UsageError: says so.
        """
        if max(layout.height, layout.width) > self.largest:
            raise UsageError(
                f"{name} would become {layout.width}x{layout.height}, and {self.name} files go up to {self.largest} "
                "pixels a side; choose .png or .tiff."
            )

    def write(
        self, file: BinaryIO, layout: Layout, bands: Iterable[Pixels], metadata: Metadata, quality: int = 95
    ) -> None:
        """Write an image that comes in bands of whole rows, (h, W, C), from the top; ``metadata`` have been fitted."""
        metadata = dataclasses.replace(metadata, exif=resized(metadata.exif, layout.height, layout.width))
        if self.writer is not None:
            self.writer(file, layout, bands, metadata)
        else:
            _by_pillow(file, self.name, layout, bands, self._options(metadata, quality))

    def _options(self, metadata: Metadata, quality: int) -> dict[str, Any]:
        options: dict[str, Any] = {"quality": quality, "icc_profile": metadata.icc, "dpi": metadata.dpi}
        if exif := packed(metadata.exif):
            options["exif"] = b"Exif\0\0" + exif
        if self.name == "webp":
            options |= {"exact": True, "method": 4, "lossless": quality == 100, "xmp": metadata.xmp}
        elif self.name == "jpeg":
            options |= {"subsampling": 0, "extra": b""}  # with room for a long comment, which Pillow 12 does not make
            if metadata.comment:
                options["extra"] += _segment(0xFE, metadata.comment)
            if metadata.xmp:
                options["extra"] += _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + metadata.xmp)
            if metadata.iptc:
                options["extra"] += _segment(0xED, b"Photoshop 3.0\0" + as_photoshop(metadata.iptc))
        return {key: value for key, value in options.items() if value or value == 0}


def _size(metadata: Metadata, kind: str) -> int:
    """How many bytes a kind of metadata takes."""
    value: Any = getattr(metadata, kind)
    if kind == "exif":
        return len(packed(value))
    return sum(len(one.content) for one in value) if kind == "text" else len(value)


def _segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


_ALL = {"icc": ANY, "exif": ANY, "xmp": ANY}
_JPEG = {"icc": 255 * 65_519, "exif": 65_527, "xmp": 65_504, "iptc": 65_500, "comment": 65_533}
"""A segment has 65,533 bytes, of which some say what it is; a profile may have 255."""

FORMATS = (
    Format(
        name="png",
        suffixes=(".png",),
        alpha=True,
        deep=True,
        holds={**_ALL, "iptc": ANY, "text": ANY},
        writer=write_png,
    ),
    Format(name="jpeg", suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"), largest=65_500, holds=_JPEG),
    Format(
        name="tiff", suffixes=(".tif", ".tiff"), alpha=True, deep=True, holds={**_ALL, "iptc": ANY}, writer=write_tiff
    ),
    Format(name="webp", suffixes=(".webp",), largest=16_383, alpha=True, holds=_ALL),
    Format(name="bmp", suffixes=(".bmp", ".dib"), largest=30_000),
    Format(name="ppm", suffixes=(".ppm", ".pnm")),
    Format(name="pgm", suffixes=(".pgm",), gray=True),
)
BY_SUFFIX = {suffix: format for format in FORMATS for suffix in format.suffixes}
BECOMES = {".apng": ".png", ".jif": ".jpg", ".mpo": ".jpg", ".pbm": ".pgm"}
"""What an image is written as whose file's own suffix would say more, or less, than it holds."""


def format_named(name: str) -> Format:
    """A format by its name or suffix.

    Raises:
        UsageError: there is none.
    """
    for format in FORMATS:
        if name.lower().removeprefix(".") in (format.name, *(suffix[1:] for suffix in format.suffixes)):
            return format
    known = ", ".join(format.name for format in FORMATS)
    raise UsageError(f"Images cannot be written as '{name}'; choose one of {known}.")


def _by_pillow(file: BinaryIO, name: str, layout: Layout, bands: Iterable[Pixels], options: dict[str, Any]) -> None:
    """Collect an image in Pillow's memory and let it write."""
    from PIL import Image

    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[layout.channels]
    whole, top = Image.new(mode, (layout.width, layout.height)), 0
    for band in bands:
        whole.paste(Image.fromarray(band[..., 0] if layout.channels == 1 else band), (0, top))
        top += len(band)
    whole.save(file, "PPM" if name == "pgm" else name.upper(), **options)
