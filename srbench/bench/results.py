"""The results of a run as typed data: the schema of its JSON files and of ``--json``.

Numbers are finite or the strings ``"inf"`` and ``"-inf"`` (the PSNR of equal images): standard JSON has no infinity.
Each file has a checksum of its content (:mod:`srbench.system.sealed`). The models check what reports rely on, since a
file with a correct checksum may still come from anybody.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from srbench.metrics.pooling import Pool
from srbench.system.plain import LONGEST_ERROR, Count, Frozen, Name, Number, Plain, Scale, Sentence, Side, Traceback
from srbench.system.text import counted, cut

SCHEMA_VERSION: Final = 1
"""The version of documents that ``--json`` prints."""
RECORD_SCHEMA_VERSION: Final = 3
"""The version of run.json. 1 had no checksum, and 2 did not say how a metric pools: both are refused."""
CELL_SCHEMA_VERSION: Final = 2
"""The version of cell files. 1 had no checksum."""


class CellId(Frozen):
    """Identifies a cell by names; its key identifies what decides its values."""

    method: Name
    recipe: Name = ""
    """Empty for a method that is not trained."""
    dataset: Name
    scale: Scale
    protocol: Name
    seed: int = Field(default=0, ge=-(2**63), le=2**63)
    """The seed of the training; 0 for a method that is not trained."""

    @property
    def method_label(self) -> str:
        """``name`` or ``name:recipe``, as on the command line."""
        return f"{self.method}:{self.recipe}" if self.recipe else self.method

    def __str__(self) -> str:
        seed = f" seed {self.seed}" if self.seed else ""
        return f"{self.method_label} {self.dataset} x{self.scale} {self.protocol}{seed}"


class ImageResult(Frozen):
    """One image's values, by metric. ``width`` and ``height`` are HR's after cropping."""

    name: Name
    width: Side
    height: Side
    values: dict[Name, Number]
    tile: Side | None = None
    """The side of the tiles in input pixels; None if the image was processed whole."""
    blocks: dict[Name, Count] = Field(default_factory=dict)
    """How many blocks of the image a metric used, of metrics that count blocks (``niqe``)."""
    drawn: tuple[Sentence, ...] = ()
    """The steps from HR to LR in words, where the protocol draws them at random for each image."""


class CellResult(Frozen):
    """A finished cell: the content of ``cells/<key>.json``, the same for every execution."""

    schema_version: Literal[2] = CELL_SCHEMA_VERSION
    key: Name
    id: CellId
    protocol_hash: Name
    values: dict[Name, Number]
    """The data set's value by metric, aggregated by the protocol."""
    of_set: tuple[Name, ...] = ()
    """Metrics of the data set as a whole (``fid``): images have no values of theirs."""
    images: tuple[ImageResult, ...]
    inputs: Plain
    """Everything that the key is a hash of."""
    environment: dict[Name, Name]
    """Versions and device that computed the values."""
    notes: tuple[Sentence, ...] = ()
    """What the method did that reports must say."""
    reusable: bool = True
    """Whether the key covers all inputs; otherwise no later run reuses the cell."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _require_distinct("image", [image.name for image in self.images])
        of_images = self.values.keys() - set(self.of_set)
        if not all(of_images <= image.values.keys() for image in self.images):
            raise ValueError("an image lacks a metric")
        return self

    def of_images(self, metric: str) -> list[tuple[str, float]]:
        """The name of each image and its value; none of a metric of the whole set."""
        return [] if metric in self.of_set else [(image.name, image.values[metric]) for image in self.images]


class ReadNote(Frozen):
    """Names of what a method read: files, below the method's folder by their relative path, and variables."""

    schema_version: Literal[1] = 1
    files: tuple[Name, ...] = ()
    variables: tuple[Name, ...] = ()


class KeptNote(Frozen):
    """Where a run keeps the images of a cell or the HR of a data set: folders, one in the other."""

    schema_version: Literal[1] = 1
    key: Name
    folders: Annotated[tuple[Name, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Computed:
    """A cell that was computed, and the names of what its method read."""

    cell: CellResult
    note: ReadNote | None = None


class FailedCell(Frozen):
    """A cell without values."""

    id: CellId
    kind: Literal["method", "data"]
    error: Sentence
    traceback: Traceback = ""


class PlannedCell(Frozen):
    """A cell as run.json lists it."""

    id: CellId
    key: Name | None = None
    """None if the cell failed before its key was known (for example, without weights)."""
    status: Literal["ok", "failed", "pending"] = "pending"


class DatasetRecord(Frozen):
    """What a report says of a data set."""

    name: Name
    title: Name
    images: Count
    content_hash: Name
    citation: str = ""
    licence: str = ""
    has_hr: bool = True
    """Whether it has HR images, with which SR can be compared."""
    of: Count = 0
    """How many images the whole data set has, of which the run has the first; 0 if it has all."""

    @property
    def images_words(self) -> str:
        """``5 images``, or ``the first 2 of 5 images``."""
        return f"the first {self.images} of {counted(self.of, 'image')}" if self.of else counted(self.images, "image")


class MethodRecord(Frozen):
    """What a report says of a method."""

    name: Name
    family: Name
    channels: Name
    paper: str = ""
    learned: bool = False


class CurvePoint(Frozen):
    """One validation of a training."""

    step: Count
    """Number of batches."""
    validation_psnr: Number
    """Of the validation images, in dB."""
    train_psnr: Number
    """Of the training patches since the validation before, in dB."""
    picks: bool = True
    """Whether the recipe validates here, so that the best of these weights are kept."""


class TrainingRecord(Frozen):
    """What a report says of weights: the content of ``trainings/<weights>.json``."""

    schema_version: Literal[1] = 1
    weights: Name
    """The sha256 of their tensors, as in the inputs of cells."""
    shipped: bool = False
    """Whether they come with the method, so that they are the same on every machine."""
    curve: tuple[CurvePoint, ...] = ()
    """Empty if unknown."""


class MetricRecord(Frozen):
    """What a report says of a metric."""

    name: Name
    higher_is_better: bool
    unit: Name = ""
    digits: int = Field(default=4, ge=0, le=12)
    pool: Pool = "mean"
    """How its values of images become a data set's under a protocol that pools their pixels."""
    of_set: bool = False
    """Whether it is one of a whole set, so that images have no values, and the set's no interval."""
    unavailable: Sentence = ""
    """Why there are no values; empty if it was computed."""
    needs_hr: bool = True
    """Whether it compares SR with HR."""

    def lacking(self, dataset: DatasetRecord) -> str:
        """Why a data set has no values of it, in words; empty if it has."""
        if self.unavailable or not self.needs_hr or dataset.has_hr:
            return self.unavailable
        return f"{self.name} compares SR with HR, and {dataset.name} has no HR images"


class RunRecord(Frozen):
    """The content of run.json: the request, the environment, and the state of each cell."""

    schema_version: Literal[3] = RECORD_SCHEMA_VERSION
    id: Name
    command: str
    """The command line that repeats the run."""
    protocol: Name
    protocol_hash: Name
    protocol_words: str
    protocol_content: Plain
    metrics: tuple[MetricRecord, ...]
    methods: tuple[MethodRecord, ...]
    datasets: tuple[DatasetRecord, ...]
    scales: tuple[Scale, ...]
    seeds: tuple[int, ...]
    cells: tuple[PlannedCell, ...]
    failed: tuple[FailedCell, ...] = ()
    environment: dict[Name, Name]
    started: Name
    notes: tuple[str, ...] = ()
    """What reports must say."""
    finished: Name | None = None
    """ISO times in UTC; ``finished`` is None during the run and after an interruption."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _require_distinct("cell", [cell.id for cell in self.cells])
        _require_distinct("failed cell", [cell.id for cell in self.failed])
        for kind, records in (("metric", self.metrics), ("method", self.methods), ("data set", self.datasets)):
            _require_distinct(kind, [record.name for record in records])
        return self


def _require_distinct(kind: str, names: Sequence[Hashable]) -> None:
    seen: set[Hashable] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the {kind} {cut(str(name), LONGEST_ERROR)} twice")
        seen.add(name)
