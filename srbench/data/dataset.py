"""A resolved data set: which images it has, where they lie, and their pixels when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.data.manifest import Archive
from srbench.errors import DataError
from srbench.imaging.files import image_size, pixels_sha256, read_image

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Role = Literal["test", "validation", "train", "user"]
Progress: TypeAlias = bool | Callable[[str], None]
"""How to show progress: on stderr (a bar on a terminal, else lines), by a function that gets lines, or not at all."""


@dataclass(frozen=True, slots=True)
class CropOf:
    """The image of another data set that an image is a bottom/right crop of, to a multiple of the scale."""

    dataset: str
    image: str
    multiple: int


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file, which may not be there yet.

    Attributes:
        path: where it lies once it has been fetched.
        copy: where a lossless PNG copy of it may lie instead.
        bytes: its size as published.
        sha256: of the file as published.
        pixels_sha256: of its samples.
        width: in pixels.
        height: in pixels.
        url: where it, or its archive, is published; empty for what is read where it is.
        mirrored: where it may be below a mirror's folder for the data set, first choice first.
        archive: the zip that it comes in.
        crop_of: what else it can be made from.
    """

    path: Path
    copy: Path | None = None
    bytes: int | None = None
    sha256: str | None = None
    pixels_sha256: str | None = None
    width: int | None = None
    height: int | None = None
    url: str = ""
    mirrored: tuple[str, ...] = ()
    archive: Archive | None = None
    crop_of: CropOf | None = None

    def found(self) -> Path | None:
        """The file or its copy, if one is there; neither is checked."""
        if self.path.is_file():
            return self.path
        return self.copy if self.copy is not None and self.copy.is_file() else None

    def misfit(self, path: Path, size: tuple[int, int] | None = None) -> str:
        """What the manifest says otherwise of a file or, once that is known, of its (height, width); empty if nothing.

        A lossless copy may have another size in bytes than the file has that was published.
        """
        if self.bytes and not self.pixels_sha256 and path.stat().st_size != self.bytes:
            return f"has {path.stat().st_size} bytes and its manifest says {self.bytes}"
        height, width = size or (self.height, self.width)
        if (self.height or height, self.width or width) != (height, width):
            return f"is {width}x{height} and its manifest says {self.width or width}x{self.height or height}"
        return ""

    @property
    def identity(self) -> str:
        """What its content is known by."""
        known = self.pixels_sha256 or self.sha256
        return known or (f"{self.archive.sha256}/{self.path.name}" if self.archive else "")


@dataclass(frozen=True, slots=True)
class Item:
    """An HR image, with its LR in a set of pairs."""

    name: str
    hr: ImageFile
    lr: ImageFile | None = None
    scale: int | None = None

    @property
    def files(self) -> tuple[ImageFile, ...]:
        """HR, then LR where there is one."""
        return (self.hr,) if self.lr is None else (self.hr, self.lr)


@dataclass(frozen=True, slots=True)
class Sample:
    """An item's pixels: (H, W) or (H, W, 3) RGB, uint8 or uint16. ``scale`` is known for pairs only."""

    name: str
    hr: Pixels
    lr: Pixels | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """One split of a data set, or a user's folder.

    Attributes:
        name: short and safe in file names; ``embedded`` for the default split, ``embedded-train`` for another.
        spec: what the user asked for.
        split: the split's name; empty for folders.
        kind: ``"hr"``, ``"pairs"`` or ``"embedded"``.
        title: for people.
        items: in natural order.
        content_hash: sha256 over the images' names and hashes.
        role: ``"test"`` must never be trained on; ``"user"`` is a folder that srbench knows nothing of.
        citation: BibTeX.
        licence: in a few words.
        homepage: where it comes from.
        manifest: its manifest's name, which its folder in a mirror has too; empty for folders.
        folder: the folder its files lie in.
        note: what its user must know, in words: what of a folder is left out.
    """

    name: str
    spec: str
    split: str
    kind: Literal["hr", "pairs", "embedded"]
    title: str
    items: tuple[Item, ...]
    content_hash: str
    role: Role
    citation: str = ""
    licence: str = ""
    homepage: str = ""
    manifest: str = ""
    folder: Path = Path()
    note: str = ""

    @property
    def scale(self) -> int | None:
        """The scale that the pairs were made for, if the manifest says so and it is one."""
        scales = {item.scale for item in self.items}
        return scales.pop() if len(scales) == 1 else None

    def samples(self, progress: Progress = True) -> Iterator[Sample]:
        """Read the images one by one, in order; what is missing is fetched first.

        Raises:
            DataError: an image cannot be had, is not the one that the manifest means, or cannot be read.
        """
        self.ensure(progress)
        for item in self.items:
            lr = None if item.lr is None else self._read(item, item.lr)
            hr = self._read(item, item.hr)
            scale = item.scale if lr is None or item.scale else scale_of(item)
            yield Sample(item.name, hr, lr, scale)

    def ensure(self, progress: Progress = True) -> None:
        """Fetch what is missing; if another process is at it, wait for that one.

        Raises:
            DataError: an image cannot be had.
        """
        if self.lacks_files():
            from srbench.data.fetch import fetch

            fetch(self, progress=progress)

    def lacks_files(self) -> bool:
        """Whether there is something to fetch."""
        return any(file.found() is None for item in self.items for file in item.files)

    def pixel_hashes(self) -> frozenset[str]:
        """Every hash that a picture of it is known by, to find test images in training data.

        HR images as they are and, where they are crops of another set's images, those images too. Images whose pixels
        no manifest names are read.
        """
        hashes: set[str] = set()
        for item in self.items:
            if item.hr.pixels_sha256 is None:
                hashes.update(pixels_sha256(sample.hr) for sample in self.samples())
                break
            hashes.add(item.hr.pixels_sha256)
        return frozenset(hashes | self._source_hashes())

    def _source_hashes(self) -> set[str]:
        from srbench.data.catalog import resolve

        crops = [item.hr.crop_of for item in self.items if item.hr.crop_of]
        named = {
            (spec, item.name): item.hr.pixels_sha256
            for spec in {crop.dataset for crop in crops}
            for item in resolve(spec).items
        }
        return {known for crop in crops if (known := named.get((crop.dataset, crop.image)))}

    def _read(self, item: Item, file: ImageFile) -> Pixels:
        where = file.found()
        label = f"{self.name}: {where.name if where else file.path.name}"
        if where is None:
            raise DataError(f"{label} is not there: {self.way_out()}.")
        if file.pixels_sha256 is None and file.sha256 and file_sha256(where) != file.sha256:
            what = (
                "does not have the sha256 that its manifest names"
                if self.manifest
                else "has changed since it was looked at"
            )
            raise DataError(f"{label} {what}: {self.way_out()}.")
        if misfit := file.misfit(where):
            raise DataError(f"{label} {misfit}: {self.way_out()}.")
        try:
            pixels = read_image(where, name=label)
        except DataError as error:
            if not file.url and self.kind != "embedded":
                raise
            raise DataError(f"{label} is corrupt: {self.way_out()}.") from error
        if file.pixels_sha256 and pixels_sha256(pixels) != file.pixels_sha256:
            if file.sha256 and file_sha256(where) == file.sha256:
                raise DataError(f"{label} is right but decodes to other pixels: install Pillow's own wheel.")
            raise DataError(f"{label} does not have the pixels that its manifest names: {self.way_out()}.")
        if misfit := file.misfit(where, pixels.shape[:2]):
            raise DataError(f"{label} {misfit}: {self.way_out()}.")
        return pixels

    def way_out(self) -> str:
        """What a user can do about a file that is missing or wrong."""
        if self.kind == "embedded":
            return "install scikit-image anew"
        if self.items[0].hr.url:
            return f"run `srbench data fetch {self.spec}`"
        if not self.manifest:
            return "check the folder and run again"
        if self.spec.startswith("hf:"):
            return f"run `srbench data remove '{self.spec}'` and `srbench data fetch '{self.spec}'`"
        if self.spec.partition(":")[0] == self.manifest:
            return f"put it back, or take the change over with `srbench data add {self.manifest} … --replace`"
        return "put it back, or correct the manifest"


def common_scale(items: Sequence[Item]) -> int:
    """The factor that all pairs have.

    Raises:
        DataError: the sizes of a pair do not fit, or two pairs have two factors.
    """
    scale = scale_of(items[0])
    for item in items:
        if (other := scale_of(item)) != scale:
            raise DataError(
                f"{items[0].name} is a pair for x{scale} and {item.name} is one for x{other}: "
                "make a data set of each factor."
            )
    return scale


def scale_of(item: Item) -> int:
    """The factor between an item's two images, from their headers: HR may exceed LR x scale by less than the scale.

    Raises:
        DataError: the sizes do not fit, or a file is not there.
    """
    hr, lr = (file.found() for file in item.files)
    if hr is None or lr is None:
        gone = next(file.path for file in item.files if file.found() is None)
        raise DataError(f"{gone} is not there, and nothing else says what scale it is for: fetch it.")
    (height, width), (lr_height, lr_width) = image_size(hr), image_size(lr)
    scale = height // lr_height
    if scale < 1 or (height // scale, width // scale) != (lr_height, lr_width):
        raise DataError(
            f"{lr.name} ({lr_width}x{lr_height}) is not {hr.name} ({width}x{height}) made smaller by a whole factor: "
            "crop HR to a multiple of the factor."
        )
    return scale


def file_sha256(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
