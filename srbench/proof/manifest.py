"""What a bundle says of itself: ``manifest.json``, which names every other member by its sha256.

Its own sha256 is the digest of the whole, and the claim's name: ``srb:`` and its first 16 digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from srbench.bench.results import CellResult
from srbench.proof.archive import is_member_name
from srbench.system.hashes import digest
from srbench.system.plain import Count, Frozen, Name, Sentence, Side

MANIFEST: Final = "manifest.json"
RUN: Final = "run.json"
SCHEMA_VERSION: Final = 1
LARGEST_JSON: Final = 32 * 2**20
"""Bytes of a JSON member: a manifest of 60,000 images has 20 MB."""
LARGEST_FILE: Final = 2**30
"""Bytes of any other: an SR image that is not rounded has 24 bytes a pixel."""
LARGEST_SOURCE: Final = 2**20
"""Bytes of a file of code."""
DIGITS: Final = 16
"""Of the digest, in a claim's name."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sr = Literal["none", "sample", "all"]


class Member(Frozen):
    """A file of the bundle."""

    sha256: Sha256
    bytes: Count


class BundleImage(Frozen):
    """An image of a data set, by hashes: the bundle never has the image itself."""

    name: Name
    width: Side
    """Of HR as it is stored, in pixels; of LR in a set without HR."""
    height: Side
    pixels: Sha256 | None
    """Of HR's samples (:func:`srbench.imaging.files.pixels_sha256`), which any lossless copy has; null without HR."""
    lr_pixels: Sha256 | None = None
    """Of LR's, in a set of pairs or of LR alone."""
    identity: tuple[Name, ...]
    """Of HR, then of LR: what the data set's content hash is made of."""

    @property
    def key(self) -> tuple[str, ...]:
        """The pixel hashes of HR and of LR, as far as there are these."""
        return tuple(pixels for pixels in (self.pixels, self.lr_pixels) if pixels is not None)


class BundleDataset(Frozen):
    """A data set, as a list of its images' hashes."""

    name: Name
    content_hash: Sha256
    homepage: Name = ""
    images: tuple[BundleImage, ...] = Field(min_length=1)

    @property
    def has_hr(self) -> bool:
        """Whether it has HR images."""
        return self.images[0].pixels is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        kinds = {(image.pixels is not None, image.lr_pixels is not None) for image in self.images}
        if len(kinds) > 1 or not self.images[0].key:
            raise ValueError("HR, LR or both have to be named of all images alike")
        content = digest([[image.name, *([] if self.has_hr else [None]), *image.identity] for image in self.images])
        if content != self.content_hash:
            raise ValueError("content_hash is not that of the images")
        if len({image.name for image in self.images}) != len(self.images):
            raise ValueError("an image twice")
        return self


class BundleWeights(Frozen):
    """Weights of a method, by the sha256 of their tensors."""

    sha256: Sha256
    file: Name
    """What the file is called where a method looks for it; empty if unknown."""
    member: Name | None = None
    """The file in the bundle, if it has it."""


class BundleMethod(Frozen):
    """The code of a method."""

    name: Name
    version: int = Field(ge=-(2**63), le=2**63)
    source: Name
    """The hash of its code, as in the inputs of cells."""
    origin: Name = ""
    """The package that it came from; empty for a plugin file."""
    files: dict[Name, Name] = Field(default_factory=dict, max_length=200)
    """Members with its source, by their path below the folder of its package; empty if the bundle does not have it."""
    main: Name = ""
    """The first of them."""
    weights: tuple[BundleWeights, ...] = ()

    @model_validator(mode="after")
    def _below(self) -> Self:
        if not all(is_member_name(path) and path.endswith(".py") for path in self.files):
            raise ValueError("a file of code leads out of its folder, or is no Python")
        if (self.main or None) not in (None, *self.files) or bool(self.main) != bool(self.files):
            raise ValueError("main is none of the files")
        return self


class BundleSr(Frozen):
    """The scored SR planes of one image of a cell."""

    cell: Sha256
    """The cell's key."""
    image: Name
    member: Name


class Manifest(Frozen):
    """The content of ``manifest.json``."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["srbench-bundle"] = "srbench-bundle"
    made_by: Name
    """The version of srbench."""
    results: Sha256
    """The digest of the results alone: the same wherever and whenever they were computed."""
    members: dict[Name, Member]
    datasets: tuple[BundleDataset, ...]
    methods: tuple[BundleMethod, ...]
    sr: Sr
    sr_images: tuple[BundleSr, ...] = ()
    left_out: tuple[Sentence, ...] = ()
    """What is not in the bundle, and why."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not all(is_member_name(name) for name in self.members) or MANIFEST in self.members:
            raise ValueError("a member has a name that none may have")
        for kind, names in (
            ("data set", [dataset.name for dataset in self.datasets]),
            ("method", [method.name for method in self.methods]),
            ("SR image", [f"{sr.cell} {sr.image}" for sr in self.sr_images]),
            ("member", self.named),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"a {kind} twice")
        if extra := {name for name in self.members if name not in (RUN, *self.named) and not is_cell(name)}:
            raise ValueError(f"the member {min(extra)} belongs to nothing")
        if lacking := {RUN, *self.named} - self.members.keys():
            raise ValueError(f"the member {min(lacking)} is not there")
        return self

    @property
    def named(self) -> list[str]:
        """The members that methods and SR images name."""
        sources = [member for method in self.methods for member in method.files.values()]
        weights = {weights.member for method in self.methods for weights in method.weights if weights.member}
        return [*sources, *sorted(weights), *(sr.member for sr in self.sr_images)]


def cell_member(key: str) -> str:
    """The member of a cell."""
    return f"cells/{key}.json"


def is_cell(member: str) -> bool:
    """Whether a member is a cell's."""
    return re.fullmatch(r"cells/[0-9a-f]{64}\.json", member) is not None


def claim_name(sha256: str) -> str:
    """A claim's name, from the digest of its bundle."""
    return f"srb:{sha256[:DIGITS]}"


def results_digest(cells: Sequence[CellResult]) -> str:
    """The digest of what came out: cells by their inputs, names and figures, in the order of their keys.

    Times, machines and notes have no part in it: the same figures have the same digest on every engine.
    """
    rows: list[Mapping[str, object]] = [
        {
            "key": cell.key,
            "id": cell.id.model_dump(mode="json"),
            "values": cell.model_dump(mode="json", include={"values"})["values"],
            "images": [image.model_dump(mode="json", include={"name", "values"}) for image in cell.images],
        }
        for cell in cells
    ]
    return digest(sorted(rows, key=lambda row: (str(row["key"]), digest(row))))
