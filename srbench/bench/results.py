"""What a run leaves behind, as typed data: the schema of the JSON files and of ``--json``.

Numbers are finite or the strings ``"inf"`` and ``"-inf"`` (the PSNR of equal images): standard JSON has no infinity.
Each file carries a checksum of its content (:mod:`srbench.system.sealed`); what the models bound is what a report
relies on, for a file with a right checksum may still be anybody's.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from srbench.metrics.pooling import Pool
from srbench.system.plain import LONGEST_ERROR, Count, Frozen, Name, Number, Plain, Scale, Sentence, Side, Traceback
from srbench.system.text import cut

SCHEMA_VERSION: Final = 1
"""Of the documents that ``--json`` prints."""
RECORD_SCHEMA_VERSION: Final = 3
"""Of run.json. 1 had no checksum, so whether it was altered cannot be told, and 2 did not say how a metric pools: both
are refused."""
CELL_SCHEMA_VERSION: Final = 2
"""Of the files of cells. 1 had no checksum."""


class CellId(Frozen):
    """Which cell: the words a person would use. What decides its numbers is in its key."""

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
    """One image's figures, by metric. ``width`` and ``height`` are HR's after cropping."""

    name: Name
    width: Side
    height: Side
    values: dict[Name, Number]
    tile: Side | None = None
    """The side in input pixels of the tiles that it was worked on in; None for one piece."""
    blocks: dict[Name, Count] = Field(default_factory=dict)
    """How many blocks of the image a metric used, of metrics that count blocks (``niqe``)."""


class CellResult(Frozen):
    """A finished cell: the content of ``cells/<key>.json``. Nothing in it changes from one execution to the next."""

    schema_version: Literal[2] = CELL_SCHEMA_VERSION
    key: Name
    id: CellId
    protocol_hash: Name
    values: dict[Name, Number]
    """The data set's figure, by metric, aggregated as the protocol says."""
    images: tuple[ImageResult, ...]
    inputs: Plain
    """All that the key is a hash of."""
    environment: dict[Name, Name]
    """Versions and device that made the numbers."""
    notes: tuple[Sentence, ...] = ()
    """What the method did that must be said beside the figures."""
    reusable: bool = True
    """Whether all that decided the numbers is in the key; else no later run takes them for its own."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _require_distinct("image", [image.name for image in self.images])
        if not all(self.values.keys() <= image.values.keys() for image in self.images):
            raise ValueError("an image lacks a metric")
        return self


class ReadNote(Frozen):
    """Names of what a method read: files, below the method's folder by their relative path, and variables."""

    schema_version: Literal[1] = 1
    files: tuple[Name, ...] = ()
    variables: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """A cell that was computed, and the names of what its method read."""

    cell: CellResult
    note: ReadNote | None = None


class FailedCell(Frozen):
    """A cell without numbers."""

    id: CellId
    kind: Literal["method", "data"]
    error: Sentence
    traceback: Traceback = ""


class PlannedCell(Frozen):
    """A cell as run.json lists it."""

    id: CellId
    key: Name | None = None
    """None where the cell failed before its key was known (no weights, say)."""
    status: Literal["ok", "failed", "pending"] = "pending"


class DatasetRecord(Frozen):
    """What a report says of a data set."""

    name: Name
    title: Name
    images: Count
    content_hash: Name
    citation: str = ""
    licence: str = ""


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
    """Batches done."""
    validation_psnr: Number
    """Of the validation images, in dB."""
    train_psnr: Number
    """Of the training patches since the validation before, in dB."""


class TrainingRecord(Frozen):
    """What a report says of weights: the content of ``trainings/<weights>.json``."""

    schema_version: Literal[1] = 1
    weights: Name
    """The sha256 of their tensors, as in the inputs of cells."""
    shipped: bool = False
    """Whether they come with the method, so that every machine has the same."""
    curve: tuple[CurvePoint, ...] = ()
    """Empty where it is not known."""


class MetricRecord(Frozen):
    """What a report says of a metric."""

    name: Name
    higher_is_better: bool
    unit: Name = ""
    digits: int = Field(default=4, ge=0, le=12)
    pool: Pool = "mean"
    """How its figures of images become a data set's under a protocol that pools their pixels."""
    unavailable: Sentence = ""
    """Why there are no figures of it; empty for one that was computed."""


class RunRecord(Frozen):
    """The content of run.json: what was asked for, with what, and what came of it."""

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
    """What must be said beside the figures."""
    finished: Name | None = None
    """ISO times in UTC; ``finished`` is None while running and after an interruption."""

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
