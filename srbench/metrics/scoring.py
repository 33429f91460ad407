"""How SR images are scored: what runs, the API and workers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.bands import Bands, Plane
from srbench.metrics.metric import Metric, Pair
from srbench.protocols.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Scored:
    """What metrics give for an image, or for a data set.

    Attributes:
        values: by metric.
        parts: by metric of sets, all that its value needs of an image.
        reasons: why other metrics have no value: a sentence by metric.
    """

    values: dict[str, float] = field(default_factory=dict)
    parts: dict[str, NDArray[Any]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scoring:
    """A protocol and metrics.

    Attributes:
        protocol: by which SR and HR are compared.
        metrics: those that can be computed here.
        hashes: of each, all that decides its values: version, source, packages, weights.
        weights: the files that they need, by name.
    """

    protocol: Protocol
    metrics: tuple[Metric, ...]
    hashes: Mapping[str, str]
    weights: Mapping[str, Path]

    def without_hr(self) -> Scoring:
        """By those metrics alone that need no HR."""
        metrics = tuple(metric for metric in self.metrics if not metric.needs_hr)
        return replace(self, metrics=metrics, hashes={metric.name: self.hashes[metric.name] for metric in metrics})

    def score(
        self,
        name: str,
        scored: tuple[Plane, Plane] | None,
        images: tuple[NDArray[Any], NDArray[Any] | None],
        device: str,
    ) -> dict[str, float]:
        """Every metric of one image alone; arguments and errors are :meth:`score_what_can_be`'s.

        Raises:
            DataError: the image is too small for a metric.
            UsageError: a metric is one of a set of images.
        """
        for metric in self.metrics:
            if metric.combine is not None:
                raise UsageError(f"{metric.name} compares sets of images, so one image has none: score a folder.")
        return self.score_whole(name, scored, images, device).values

    def score_whole(
        self,
        name: str,
        scored: tuple[Plane, Plane] | None,
        images: tuple[NDArray[Any], NDArray[Any] | None],
        device: str,
    ) -> Scored:
        """Every metric of one image of a set; arguments and errors are :meth:`score_what_can_be`'s.

        Raises:
            DataError: the image is too small for a metric.
        """
        found = self.score_what_can_be(name, scored, images, device)
        for reason in found.reasons.values():
            raise DataError(reason)
        return found

    def score_what_can_be(
        self,
        name: str,
        scored: tuple[Plane, Plane] | None,
        images: tuple[NDArray[Any], NDArray[Any] | None],
        device: str,
    ) -> Scored:
        """Every metric of one image that the image is large enough for.

        Args:
            name: of the image, for messages.
            scored: SR and HR, as :meth:`srbench.protocols.case.Case.pair` gives them; None without HR.
            images: SR and HR to look at, uint8 (H, W) or (H, W, 3); None for HR if there is none.
            device: where networks run.

        Raises:
            MethodError: a metric gave no number.
            UsageError: a metric needs HR, and there is none.
        """
        found = Scored()
        for metric in self.metrics:
            pair = self._pair(metric, scored, images, device)
            try:
                if metric.combine is not None:
                    found.parts[metric.name] = np.asarray(metric.function(pair))
                    continue
                value = float(metric.function(pair))
            except ValueError as error:
                remedy = "leave it out or use a smaller scale" if metric.needs_hr else "leave it out"
                found.reasons[metric.name] = f"{name} cannot be scored: {error}; {remedy}"
                continue
            if value != value:
                raise MethodError(f"metric {metric.name} gave NaN on {name}")
            found.values[metric.name] = value
        return found

    def _pair(
        self,
        metric: Metric,
        scored: tuple[Plane, Plane] | None,
        images: tuple[NDArray[Any], NDArray[Any] | None],
        device: str,
    ) -> Pair:
        """What a metric sees. A no-reference one never sees HR: its value is the same with HR and without."""
        sr, hr = images
        if not metric.needs_hr:
            return Pair(sr, sr[:0], self.protocol, device, self.weights)
        if scored is None or hr is None:
            raise UsageError(f"{metric.name} compares SR with HR: give HR, or name no-reference metrics alone.")
        if metric.input == "image":
            return Pair(sr, hr, self.protocol, device, self.weights)
        sides: tuple[Any, Any] = scored if metric.in_bands else (_whole(scored[0]), _whole(scored[1]))
        return Pair(*sides, self.protocol, device, self.weights)

    def aggregate(self, images: Sequence[Scored]) -> Scored:
        """A data set's values from its images', of metrics that every image has; ``reasons`` of sets too small.

        Raises:
            MethodError: a metric gave no number.
        """
        how = self.protocol.aggregate
        found = Scored()
        for metric in self.metrics:
            if metric.combine is None:
                if all(metric.name in image.values for image in images):
                    found.values[metric.name] = metric.aggregate([image.values[metric.name] for image in images], how)
            elif all(metric.name in image.parts for image in images):
                try:
                    value = float(metric.combine([image.parts[metric.name] for image in images]))
                except ValueError as error:
                    found.reasons[metric.name] = str(error)
                    continue
                if value != value:
                    raise MethodError(f"metric {metric.name} gave NaN")
                found.values[metric.name] = value
        return found


def _whole(pixels: Plane) -> NDArray[Any]:
    """What a metric may work on that knows arrays alone."""
    if not isinstance(pixels, Bands):
        return pixels
    whole = np.asarray(pixels)
    whole.setflags(write=False)
    return whole
