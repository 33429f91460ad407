"""How many blocks of its images a value rests on, and what has to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from srbench.metrics.metric import Blocks, Metric

FEW = 8
"""Blocks below which a value says more of where they lie than of the image."""


@dataclass(frozen=True, slots=True)
class Extent:
    """An image as it was scored, and as it was before anything was cut from it: heights and widths."""

    name: str
    scored: tuple[int, ...]
    whole: tuple[int, ...]


def blocks(metrics: Sequence[Metric], shape: tuple[int, ...]) -> dict[str, int]:
    """How many blocks of an image of this shape metrics use, by name; of those that count blocks."""
    return {metric.name: metric.blocks(*shape[:2]).used for metric in metrics if metric.blocks is not None}


def notes_on_blocks(metrics: Sequence[Metric], images: Sequence[Extent]) -> Iterator[str]:
    """What has to be said of values that rest on few blocks, or on fewer than the images have."""
    for metric in metrics:
        if metric.blocks is None:
            continue
        counts = {
            image.name: Blocks(metric.blocks(*image.scored).used, metric.blocks(*image.whole).whole) for image in images
        }
        if cut := [name for name, count in counts.items() if count.used < count.whole]:
            used, whole = counts[cut[0]]
            yield (
                f"{metric.name} rests on {used} blocks of 96x96 pixels of {cut[0]}, which has {whole}: what is cut "
                f"from the border changes the count, and so the value{_likewise(cut)}"
            )
        if few := sorted((count.used, name) for name, count in counts.items() if count.used < FEW):
            yield f"{metric.name} rests on only {few[0][0]} blocks of 96x96 pixels of {few[0][1]}{_likewise(few)}"


def _likewise(images: Sequence[object]) -> str:
    others = len(images) - 1
    return f"; likewise {others} other image{'s' * (others > 1)}" if others else ""
