"""What a run leaves behind, as typed data: the schema of the JSON files and of ``--json``.

Numbers are finite or the strings ``"inf"`` and ``"-inf"`` (the PSNR of equal images): standard JSON has no infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

SCHEMA_VERSION: Final = 1
"""Of run.json and of the documents that ``--json`` prints."""
CELL_SCHEMA_VERSION: Final = 2
"""Of the files of cells. 1 had no checksum; it is read as well."""


def plain_number(value: float) -> float | str:
    """A number as JSON can hold it."""
    return value if abs(value) != float("inf") else ("inf" if value > 0 else "-inf")


Number = Annotated[float, BeforeValidator(float), PlainSerializer(plain_number, when_used="json")]


class Frozen(BaseModel):
    """Immutable; an unknown key is an error, so that a file of another schema is never half understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CellId(Frozen):
    """Which cell: the words a person would use. What decides its numbers is in its key."""

    method: str
    recipe: str = ""
    """Empty for a method that is not trained."""
    dataset: str
    scale: int
    protocol: str
    seed: int = 0
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

    name: str
    width: int
    height: int
    values: dict[str, Number]
    tile: int | None = None
    """The side in input pixels of the tiles that it was worked on in; None for one piece."""


class CellResult(Frozen):
    """A finished cell: the content of ``cells/<key>.json``. Nothing in it changes from one execution to the next."""

    schema_version: Literal[1, 2] = CELL_SCHEMA_VERSION
    key: str
    id: CellId
    protocol_hash: str
    values: dict[str, Number]
    """The data set's figure, by metric, aggregated as the protocol says."""
    images: tuple[ImageResult, ...]
    inputs: dict[str, Any]
    """All that the key is a hash of."""
    environment: dict[str, str]
    """Versions and device that made the numbers."""
    notes: tuple[str, ...] = ()
    """What the method did that must be said beside the figures."""
    reusable: bool = True
    """Whether all that decided the numbers is in the key; else no later run takes them for its own."""


class ReadNote(Frozen):
    """Names of what a method read: files, below the method's folder by their relative path, and variables."""

    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """A cell that was computed, and the names of what its method read."""

    cell: CellResult
    note: ReadNote | None = None


class FailedCell(Frozen):
    """A cell without numbers."""

    id: CellId
    kind: Literal["method", "data"]
    error: str
    """One sentence."""
    traceback: str = ""


class PlannedCell(Frozen):
    """A cell as run.json lists it."""

    id: CellId
    key: str | None = None
    """None where the cell failed before its key was known (no weights, say)."""
    status: Literal["ok", "failed", "pending"] = "pending"


class DatasetRecord(Frozen):
    """What a report says of a data set."""

    name: str
    title: str
    images: int
    content_hash: str
    citation: str = ""
    licence: str = ""


class MethodRecord(Frozen):
    """What a report says of a method."""

    name: str
    family: str
    channels: str
    paper: str = ""
    learned: bool = False


class MetricRecord(Frozen):
    """What a report says of a metric."""

    name: str
    higher_is_better: bool
    unit: str = ""
    digits: int = 4
    unavailable: str = ""
    """Why there are no figures of it; empty for one that was computed."""


class RunRecord(Frozen):
    """The content of run.json: what was asked for, with what, and what came of it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str
    command: str
    """The command line that repeats the run."""
    protocol: str
    protocol_hash: str
    protocol_words: str
    protocol_content: dict[str, Any]
    metrics: tuple[MetricRecord, ...]
    methods: tuple[MethodRecord, ...]
    datasets: tuple[DatasetRecord, ...]
    scales: tuple[int, ...]
    seeds: tuple[int, ...]
    cells: tuple[PlannedCell, ...]
    failed: tuple[FailedCell, ...] = ()
    environment: dict[str, str]
    started: str
    notes: tuple[str, ...] = ()
    """What must be said beside the figures."""
    finished: str | None = None
    """ISO times in UTC; ``finished`` is None while running and after an interruption."""
