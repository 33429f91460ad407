"""Figures of a folder of images, as they are reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from srbench.errors import DataError, MethodError
from srbench.metrics.metric import Metric
from srbench.protocols.protocol import Protocol


@dataclass(frozen=True, slots=True)
class ImageScores:
    """An image's figures, by metric.

    Attributes:
        name: of the file, or of its HR image.
        width: of what was scored, before a protocol's shave.
        height: likewise.
        values: by metric.
        blocks: how many blocks of it those metrics used that count blocks.
    """

    name: str
    width: int
    height: int
    values: dict[str, float]
    blocks: dict[str, int]


@dataclass(frozen=True, slots=True)
class FolderScores:
    """What became of a folder's images.

    Attributes:
        metrics: those that were asked for.
        unavailable: why some of them cannot be computed here, by name.
        protocol: by which images were cropped, rounded and shaved, where there is HR.
        scale: by which HR was cropped and shaved; None without HR.
        images: those that were scored.
        failed: names of the others, and why.
        notes: what must be said beside the figures.
    """

    metrics: tuple[Metric, ...]
    unavailable: Mapping[str, str]
    protocol: Protocol
    scale: int | None
    images: list[ImageScores] = field(default_factory=list)
    failed: list[tuple[str, DataError | MethodError]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def scored(self) -> tuple[Metric, ...]:
        """The metrics that could be computed."""
        return tuple(metric for metric in self.metrics if metric.name not in self.unavailable)
