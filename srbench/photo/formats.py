"""The formats that pictures are written in: what each can hold, and how it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from srbench.errors import UsageError
from srbench.photo.exif import resized
from srbench.photo.picture import Layout, Metadata, Picture, Pixels
from srbench.photo.png import write_png
from srbench.photo.reading import colour_space
from srbench.photo.tiff import write_tiff

Writer = Callable[[BinaryIO, Layout, Iterable[Pixels], Metadata], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of file.

    Attributes:
        name: as ``--format`` takes it.
        suffixes: of its files.
        largest: the longest side in pixels.
        alpha: whether it holds transparency.
        deep: whether it holds 16 bits.
        gray: whether that is all it holds.
        metadata: whether it holds a profile, EXIF and XMP.
        writer: for those that are written in strips; Pillow writes the others, from memory.
    """

    name: str
    suffixes: tuple[str, ...]
    largest: int = 2**31 - 1
    alpha: bool = False
    deep: bool = False
    gray: bool = False
    metadata: bool = True
    writer: Writer | None = None

    def fitted(self, picture: Picture) -> tuple[Picture, Layout, tuple[str, ...]]:
        """A picture as the format can hold it, how that lies in the file, and what is lost.

        Raises:
            UsageError: transparency or colour would be lost.
        """
        lost = []
        if picture.alpha is not None and not self.alpha:
            if picture.is_transparent:
                raise UsageError(
                    f"{picture.name} is partly transparent, which {self.name} files cannot be; "
                    "choose .png, .tiff or .webp."
                )
            picture = dataclasses.replace(picture, alpha=None)
        if self.gray and not picture.layout.gray:
            raise UsageError(f"{picture.name} is in colour, which {self.name} files cannot be; choose .ppm or .png.")
        layout = picture.layout
        if (self.name, layout.channels, layout.depth) == ("tiff", 2, 16):  # most readers, Pillow too, know of none
            picture = dataclasses.replace(picture, colour=picture.colour.repeat(3, axis=2))
            layout = picture.layout
        if layout.depth == 16 and not self.deep:
            lost.append(f"{self.name} holds 8 of the 16 bits")
            layout = dataclasses.replace(layout, depth=8)
        carried = {name: getattr(picture.metadata, field) for name, field in _CARRIED.items()}
        if not self.metadata and any(carried.values()):
            lost.append(f"{self.name} holds no {' and no '.join(name for name, value in carried.items() if value)}")
        elif not self._takes_profile(picture.metadata.icc, layout):
            space = colour_space(picture.metadata.icc)
            lost.append(f"the colour profile is for {space}, and the {self.name} file is {self._space(layout)}")
        return picture, layout, tuple(lost)

    def _space(self, layout: Layout) -> str:
        """What the file's colours are; WebP has no gray."""
        return "GRAY" if layout.gray and self.name != "webp" else "RGB"

    def _takes_profile(self, icc: bytes, layout: Layout) -> bool:
        """Whether a profile can go into the file: one of other channels makes readers refuse it."""
        return colour_space(icc) in ("", self._space(layout))

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
        """Write a picture that comes in bands of whole rows, (h, W, C), from the top."""
        metadata = dataclasses.replace(metadata, exif=resized(metadata.exif, layout.height, layout.width))
        if not self._takes_profile(metadata.icc, layout):
            metadata = dataclasses.replace(metadata, icc=b"")
        if self.writer is not None:
            self.writer(file, layout, bands, metadata)
        else:
            _by_pillow(file, self.name, layout, bands, self._options(metadata, quality))

    def _options(self, metadata: Metadata, quality: int) -> dict[str, Any]:
        options: dict[str, Any] = {"jpeg": _JPEG, "webp": _WEBP}.get(self.name, {}) | {"quality": quality}
        if self.name == "webp" and quality == 100:
            options["lossless"] = True
        if self.metadata:
            carried = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp}
            options |= {key: value for key, value in carried.items() if value}
            if "exif" in options:
                options["exif"] = b"Exif\0\0" + options["exif"]
        if metadata.dpi:
            options["dpi"] = metadata.dpi
        return options


_CARRIED = {"colour profile": "icc", "EXIF": "exif", "XMP": "xmp"}
_JPEG = {"subsampling": 0}
_WEBP = {"exact": True, "method": 4}

FORMATS = (
    Format(name="png", suffixes=(".png",), alpha=True, deep=True, writer=write_png),
    Format(name="jpeg", suffixes=(".jpg", ".jpeg"), largest=65_500),
    Format(name="tiff", suffixes=(".tif", ".tiff"), alpha=True, deep=True, writer=write_tiff),
    Format(name="webp", suffixes=(".webp",), largest=16_383, alpha=True),
    Format(name="bmp", suffixes=(".bmp",), largest=30_000, metadata=False),
    Format(name="ppm", suffixes=(".ppm", ".pnm"), metadata=False),
    Format(name="pgm", suffixes=(".pgm",), gray=True, metadata=False),
)
BY_SUFFIX = {suffix: format for format in FORMATS for suffix in format.suffixes}


def format_named(name: str) -> Format:
    """A format by its name or suffix.

    Raises:
        UsageError: there is none.
    """
    for format in FORMATS:
        if name.lower().removeprefix(".") in (format.name, *(suffix[1:] for suffix in format.suffixes)):
            return format
    known = ", ".join(format.name for format in FORMATS)
    raise UsageError(f"Pictures cannot be written as '{name}'; choose one of {known}.")


def _by_pillow(file: BinaryIO, name: str, layout: Layout, bands: Iterable[Pixels], options: dict[str, Any]) -> None:
    """Collect a picture in Pillow's memory and let it write."""
    from PIL import Image

    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[layout.channels]
    whole, top = Image.new(mode, (layout.width, layout.height)), 0
    for band in bands:
        whole.paste(Image.fromarray(band[..., 0] if layout.channels == 1 else band), (0, top))
        top += len(band)
    whole.save(file, "PPM" if name == "pgm" else name.upper(), **options)
