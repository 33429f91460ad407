"""A resolved data set: which images it has, where they lie, and their pixels when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.data.manifest import Archive, SplitRole
from srbench.errors import DataError
from srbench.imaging.files import image_size

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class CropOf:
    """The image of another data set that an image is a bottom/right crop of, to a multiple of the scale."""

    dataset: Dataset
    image: str
    multiple: int

    @property
    def file(self) -> ImageFile | None:
        """The other image's file; None where that data set has none of the name."""
        return next((item.hr for item in self.dataset.items if item.name == self.image), None)


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
    """An HR image, with its LR in a set of pairs; or an LR image alone."""

    name: str
    hr: ImageFile | None
    lr: ImageFile | None = None
    scale: int | None = None

    @property
    def files(self) -> tuple[ImageFile, ...]:
        """HR where there is one, then LR where there is one."""
        return tuple(file for file in (self.hr, self.lr) if file is not None)

    @property
    def main(self) -> ImageFile:
        """HR, or LR where there is no HR."""
        return self.files[0]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One split of a data set, or a user's folder.

    Attributes:
        name: short and safe in file names; ``embedded`` for the default split, ``embedded-train`` for another.
        spec: what the user asked for.
        split: the split's name; empty for folders.
        kind: ``"hr"``, ``"pairs"``, ``"lr"`` (LR images without HR) or ``"embedded"``.
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
        called: what a user's own folder is called, whichever set its images are.
        share_sr: whether the owners let SR images be passed on.
        above: the folders above a user's own, the nearest first: they tell apart data sets of one name. Empty where
            the name was given.
        by_hand: how to get it, where it cannot be downloaded.
    """

    name: str
    spec: str
    split: str
    kind: Literal["hr", "pairs", "lr", "embedded"]
    title: str
    items: tuple[Item, ...]
    content_hash: str
    role: SplitRole
    citation: str = ""
    licence: str = ""
    homepage: str = ""
    manifest: str = ""
    folder: Path = Path()
    note: str = ""
    called: str = ""
    share_sr: bool = True
    above: tuple[str, ...] = ()
    by_hand: str = ""
    of: int = 0
    """How many images the whole has, of which these are the first; 0 for the whole."""

    @property
    def has_hr(self) -> bool:
        """Whether there are HR images that SR can be compared with."""
        return self.kind != "lr"

    @property
    def supplies_lr(self) -> bool:
        """Whether LR is part of it, so that no protocol makes it."""
        return self.kind in ("pairs", "lr")

    @property
    def scale(self) -> int | None:
        """The scale that the pairs were made for, if the manifest says so and it is one."""
        scales = {item.scale for item in self.items}
        return scales.pop() if len(scales) == 1 else None

    def lacks_files(self) -> bool:
        """Whether there is something to fetch."""
        return any(file.found() is None for item in self.items for file in item.files)

    def way_out(self) -> str:
        """What a user can do about a file that is missing or wrong."""
        if self.by_hand:
            return f"{self.by_hand}; then run `srbench data add {self.manifest} DIR`"
        if self.kind == "embedded":
            return "install scikit-image anew"
        if self.items[0].main.url:
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
    if scale >= 1 and (height // scale, width // scale) == (lr_height, lr_width):
        return scale
    scale = round(max(height / lr_height, width / lr_width))
    if scale > 1 and (-(-height // scale), -(-width // scale)) == (lr_height, lr_width):
        raise DataError(
            f"{lr.name} ({lr_width}x{lr_height}) is {hr.name} ({width}x{height}) downsampled by {scale}, rounded "
            f"up as by MATLAB's imresize: cut LR to {width // scale}x{height // scale} at its upper left, or crop HR "
            f"to {width // scale * scale}x{height // scale * scale} and downsample it anew."
        )
    raise DataError(
        f"{lr.name} ({lr_width}x{lr_height}) is not {hr.name} ({width}x{height}) downsampled by a whole factor: "
        "crop HR to a multiple of the factor."
    )
