"""The figures of one image: every metric that can be computed, and how many blocks those rest on that count blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srbench.bench.plan import Plan
from srbench.errors import DataError, MethodError, UsageError
from srbench.metrics.metric import Blocks, Metric, Pair

Picture = NDArray[np.uint8]
FEW = 8
"""Blocks below which a figure says more of where they lie than of the picture."""


def score(
    plan: Plan,
    name: str,
    scored: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    pictures: tuple[Picture, Picture | None],
    device: str,
) -> dict[str, float]:
    """Every metric of one image that can be computed here.

    Args:
        plan: the metrics, and the files that they need; where there is no HR, no-reference ones alone.
        name: of the image, for messages.
        scored: SR and target, as :meth:`srbench.protocols.case.Case.pair` gives them; None without HR.
        pictures: SR and HR to look at, (H, W) or (H, W, 3).
        device: where networks run.

    Raises:
        DataError: the image is too small for a metric.
        MethodError: a metric gave no number.
    """
    values: dict[str, float] = {}
    for metric in plan.scored:
        try:
            values[metric.name] = float(metric.function(_pair(plan, metric, scored, pictures, device)))
        except ValueError as error:
            remedy = "leave it out or use a smaller scale" if metric.needs_hr else "leave it out"
            raise DataError(f"{name} cannot be scored: {error}; {remedy}") from None
        if values[metric.name] != values[metric.name]:
            raise MethodError(f"metric {metric.name} gave NaN on {name}")
    return values


def _pair(
    plan: Plan,
    metric: Metric,
    scored: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    pictures: tuple[Picture, Picture | None],
    device: str,
) -> Pair:
    """What a metric sees. One that does not need HR gets none: its figure is the same with HR and without."""
    sr, hr = pictures
    if not metric.needs_hr:
        return Pair(sr, sr[:0], plan.protocol, device, plan.weights)
    if scored is None or hr is None:
        raise UsageError(f"{metric.name} compares SR with HR: give HR, or ask for no-reference metrics alone.")
    if metric.input == "scored":
        return Pair(*scored, plan.protocol, device, plan.weights)
    return Pair(sr, hr, plan.protocol, device, plan.weights)


@dataclass(frozen=True, slots=True)
class Extent:
    """An image as it was scored, and as it was before anything was cut from it: heights and widths."""

    name: str
    scored: tuple[int, int]
    whole: tuple[int, int]


def blocks(metrics: Sequence[Metric], size: tuple[int, int]) -> dict[str, int]:
    """How many blocks of a picture of this size metrics use, by name; of those that count blocks."""
    return {metric.name: metric.blocks(*size).used for metric in metrics if metric.blocks is not None}


def notes_on_blocks(metrics: Sequence[Metric], images: Sequence[Extent]) -> Iterator[str]:
    """What has to be said of figures that rest on few blocks, or on fewer than the images have."""
    for metric in metrics:
        if metric.blocks is None:
            continue
        counts = {
            image.name: Blocks(metric.blocks(*image.scored).used, metric.blocks(*image.whole).whole) for image in images
        }
        if cut := [name for name, count in counts.items() if count.used < count.whole]:
            used, whole = counts[cut[0]]
            yield (
                f"{metric.name} rests on {used} blocks of 96x96 pixels of {cut[0]}, which has {whole}{_more(cut)}: "
                "what is cut from the border changes the count, and so the figure"
            )
        if few := sorted((count.used, name) for name, count in counts.items() if count.used < FEW):
            yield f"{metric.name} rests on only {few[0][0]} blocks of 96x96 pixels of {few[0][1]}{_more(few)}"


def _more(images: Sequence[object]) -> str:
    return f" (and so for {len(images) - 1} more images)" if len(images) > 1 else ""
