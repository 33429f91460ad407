"""What came of some images of a cell: a long cell is cut into spans of images, which are computed by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from srbench.bench.results import ImageResult
from srbench.isolation.watch import Reads
from srbench.metrics.blocks import Extent
from srbench.metrics.scoring import Scored

Span: TypeAlias = tuple[int, int]
"""The index of the first image of the data set, and the one behind the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one task found out about images of a cell that follow each other.

    Attributes:
        images: their results.
        scored: what metrics gave for each.
        extents: their sizes.
        reads: what method and metrics read besides their source.
        notes: what the method did that a method must not do, in words.
        unsteady: a sentence if the method gave another image the second time.
        pairing: of SR images that were made elsewhere: what is to be said of how they were found.
        same: how many of these are HR.
        environment: versions and device.
    """

    images: tuple[ImageResult, ...]
    scored: tuple[Scored, ...]
    extents: tuple[Extent, ...]
    reads: Reads
    notes: tuple[str, ...]
    unsteady: str
    pairing: str
    same: int
    environment: dict[str, str]
