"""Values of a folder of images, as they are reported."""

from __future__ import annotations

from dataclasses import dataclass, field

from srbench.errors import DataError, MethodError
from srbench.metrics.scoring import Scored, Scoring


@dataclass(frozen=True, slots=True)
class ImageScores:
    """An image's values, by metric.

    Attributes:
        name: of the file, or of its HR image.
        width: of what was scored, before a protocol's shave.
        height: likewise.
        scored: values by metric, and what metrics of sets need of it.
        blocks: how many blocks of it those metrics used that count blocks.
    """

    name: str
    width: int
    height: int
    scored: Scored
    blocks: dict[str, int]

    @property
    def values(self) -> dict[str, float]:
        """By metric."""
        return self.scored.values


@dataclass(frozen=True, slots=True)
class FolderScores:
    """What became of a folder's images.

    Attributes:
        scoring: the metrics, and the protocol by which images are cropped, rounded and shaved where there is HR.
        scale: by which HR was cropped and shaved; None without HR.
        images: those that were scored.
        failed: names of the others, and why.
        whole: the folder's values, and why metrics of sets have none.
        notes: what must be said beside the values.
    """

    scoring: Scoring
    scale: int | None
    images: list[ImageScores] = field(default_factory=list)
    failed: list[tuple[str, DataError | MethodError]] = field(default_factory=list)
    whole: Scored = field(default_factory=Scored)
    notes: list[str] = field(default_factory=list)
