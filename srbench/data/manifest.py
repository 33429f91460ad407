"""The TOML file that describes a data set: what it is, who owns it, its splits, and the hashes of its files.

A manifest::

    title = "Set5"
    kind = "hr"              # "hr": HR images; "pairs": each with its LR; "lr": LR alone; "embedded": of a package
    role = "test"            # "test": never to be trained on; "train"; "splits": each split is what its name says
    default_split = "test"
    licence = "research use; owners' terms"
    homepage = "https://..."
    citation = "@inproceedings{...}"
    base_url = "https://raw.githubusercontent.com/<owner>/<repository>/<commit>/Set5/"

    [splits.test]
    images = [
      { name = "baby", path = "baby_GT.bmp", width = 512, height = 512, bytes = 786486, sha256 = "...", ... },
    ]

``path`` is below ``base_url``, below the data set's folder in the data root and below its folder in a mirror. A user's
own manifest may give a folder (relative to the manifest) as ``base_url``: its images are read where they are.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from srbench.errors import DataError
from srbench.system.names import plain_signs, safe_name
from srbench.system.toml import parse_toml

MOST_IMAGES = 100_000
"""That ``numbered`` may stand for: a few bytes of TOML must not fill the memory."""
Kind = Literal["hr", "pairs", "lr", "embedded"]
Role = Literal["test", "train", "splits"]


def _relative(path: str) -> str:
    """A path that stays below its folder, on every system."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or any(sign in path for sign in "\\:\0"):
        raise ValueError("must be a relative path with forward slashes and without '..'")
    if any(len(part.encode()) > 255 for part in parts) or len(parts) > 50:
        raise ValueError("is too long for a path")
    return path


def _name(name: str) -> str:
    if not name or name != plain_signs(name, "._-") or name[0] in "._-":
        raise ValueError("must be letters, digits, '.', '_' and '-', and begin with a letter or digit")
    return name


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, AfterValidator(_relative)]
Name = Annotated[str, AfterValidator(_name)]
ImageName = Annotated[str, Field(pattern=r"^[^./\\:\x00-\x1f][^/\\:\x00-\x1f]*$", max_length=200)]
"""Part of a file's name: whatever a folder of images may hold, but no way out of the folder."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Model):
    """One file.

    Attributes:
        path: below the base URL.
        bytes: its size.
        sha256: of the file as published.
        pixels_sha256: of the decoded samples (:func:`srbench.imaging.files.pixels_sha256`), which any lossless
            copy has.
        width: in pixels.
        height: in pixels.
    """

    path: RelativePath
    bytes: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None
    pixels_sha256: Sha256 | None = None
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)


class ImageEntry(FileEntry):
    """One HR image, with its LR in a set of pairs; an LR image in a set of LR alone.

    Attributes:
        name: unique in its split; what results are filed under.
        lr: the LR image.
        source: the image of the data set ``crop_of`` that this one is a crop of.
    """

    name: ImageName
    lr: FileEntry | None = None
    source: str | None = None


class Archive(_Model):
    """A zip below the base URL that holds a split's images, each at its ``path``."""

    path: RelativePath
    bytes: int = Field(gt=0)
    sha256: Sha256


class Numbered(_Model):
    """Images that differ in a number only, from ``first`` to ``last``: ``"DIV2K_train_HR/{:04d}.png"``.

    In a set of pairs ``lr`` is the LR image's path likewise.
    """

    path: str
    lr: str = ""
    first: int = Field(ge=0)
    last: int = Field(ge=0)

    @model_validator(mode="after")
    def _check(self) -> Numbered:
        for name, path in (("path", self.path), ("lr", self.lr)):
            if path and not re.fullmatch(r"[^{}]*\{(:(0[1-9])?d?)?\}[^{}]*", path):
                raise ValueError(f"{name} needs one number field, such as {{}} or {{:04d}}")
        if not self.path:
            raise ValueError("path needs one number field, such as {} or {:04d}")
        if self.first > self.last:
            raise ValueError("first must not exceed last")
        if self.last - self.first >= MOST_IMAGES:
            raise ValueError(f"has more than {MOST_IMAGES} images")
        return self

    def images(self, most: int = MOST_IMAGES) -> tuple[ImageEntry, ...]:
        """Their entries, named by the file's stem, or the first of them."""
        numbers = range(self.first, min(self.last + 1, self.first + most))
        pairs = ((self.path.format(number), self.lr.format(number)) for number in numbers)
        return tuple(
            ImageEntry(name=PurePosixPath(path).stem, path=path, lr=FileEntry(path=lr) if lr else None)
            for path, lr in pairs
        )


class Split(_Model):
    """The images of one split, listed or numbered, with the pairs' scale and the archives of HR and LR."""

    scale: int | None = Field(default=None, ge=1)
    archive: Archive | None = None
    lr_archive: Archive | None = None
    images: tuple[ImageEntry, ...] = ()
    numbered: Numbered | None = None

    @model_validator(mode="after")
    def _check(self) -> Split:
        if bool(self.images) == (self.numbered is not None):
            raise ValueError("needs either images or numbered")
        for what in ("name", "path"):  # numbered ones differ
            seen = Counter(str(getattr(entry, what)).lower() for entry in self.images)
            twice = next((value for value, count in seen.items() if count > 1), None)
            if twice:
                raise ValueError(f"two images have the {what} '{twice}'")
        return self

    def entries(self) -> tuple[ImageEntry, ...]:
        """Its images in order."""
        return self.images or self.numbered_images()

    @property
    def count(self) -> int:
        """How many images."""
        return len(self.images) or (self.numbered.last - self.numbered.first + 1 if self.numbered else 0)

    def numbered_images(self, most: int = MOST_IMAGES) -> tuple[ImageEntry, ...]:
        """Its numbered images, or the first of them."""
        return self.numbered.images(most) if self.numbered else ()


class Manifest(_Model):
    """A whole manifest.

    ``name`` is the file's stem, ``file`` where it was read from, ``shares`` the data set in whose folder its files lie,
    and ``by_hand`` says how people get a set that nobody may download without them: names alone are then pinned.
    ``share_sr`` is false where the owners forbid to pass on SR images of theirs: no bundle holds any.
    """

    name: Name
    file: str
    title: str = Field(min_length=1)
    kind: Kind
    role: Role
    default_split: str
    licence: str
    homepage: str = ""
    citation: str = ""
    notes: str = ""
    base_url: str = Field(default="", max_length=2000)
    package: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    crop_of: str = ""
    shares: str = ""
    by_hand: str = ""
    share_sr: bool = True
    splits: dict[Name, Split]

    @property
    def is_remote(self) -> bool:
        """Whether its files have to be fetched, rather than read where they are."""
        return "://" in self.base_url

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        if self.default_split not in self.splits:
            raise ValueError(f"default_split '{self.default_split}' is not one of its splits")
        if (self.kind == "embedded") != bool(self.package):
            raise ValueError("package goes with kind 'embedded', and only with it")
        if self.by_hand and (self.base_url or self.kind != "hr"):
            raise ValueError("by_hand goes with HR images, without base_url")
        if self.kind != "embedded" and not self.base_url and not self.by_hand:
            raise ValueError("base_url is missing")
        for name, split in self.splits.items():
            for entry in split.images or split.numbered_images(1):
                self._check_entry(f"{name}: image '{entry.name}'", entry, split)
        return self

    def _check_entry(self, where: str, entry: ImageEntry, split: Split) -> None:
        if (self.kind == "pairs") != (entry.lr is not None):
            raise ValueError(f"{where}: lr goes with kind 'pairs', and only with it")
        if entry.source and not self.crop_of:
            raise ValueError(f"{where}: source needs crop_of")
        for file, archive in ((entry, split.archive), (entry.lr, split.lr_archive or split.archive)):
            pinned = file is None or file.sha256 or file.pixels_sha256 or archive
            if self.is_remote and not pinned:
                raise ValueError(f"{where}: sha256 or pixels_sha256 is needed for what is downloaded")


def parse_manifest(content: bytes, *, name: str, file: str) -> Manifest:
    """Check the bytes of a TOML manifest.

    Raises:
        DataError: naming the file and the first field that is wrong.
    """
    try:
        fields = parse_toml(content)
    except ValueError as error:
        raise DataError(f"{file} is not valid TOML ({error}): correct it.") from error
    try:
        return Manifest.model_validate({"name": name, "file": file, **fields})
    except ValidationError as error:
        raise DataError(f"{file}: {_first(error)}; correct this manifest.") from error


def read_manifest(path: Path) -> Manifest:
    """Read a user's manifest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    return parse_manifest(content, name=safe_name(path.stem), file=str(path))


def _first(error: ValidationError) -> str:
    details = error.errors(include_url=False)
    field = ".".join(str(part) for part in details[0]["loc"])
    message = details[0]["msg"].removeprefix("Value error, ")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{field}: {message}{more}" if field else f"{message}{more}"


SplitRole = Literal["test", "validation", "train", "user"]


def role_of(manifest: Manifest, split: str) -> SplitRole:
    """What a split is for: as the manifest says, or as the split's name does."""
    if manifest.role != "splits":
        return manifest.role
    return "train" if split.startswith("train") else "validation" if split.startswith("val") else "test"
