"""How SR images are scored: what runs, the API and workers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError, MethodError
from srbench.metrics.metric import Metric, Pair
from srbench.protocols.protocol import Protocol


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

    def score(
        self,
        name: str,
        scored: tuple[NDArray[np.float64], NDArray[np.float64]],
        images: tuple[NDArray[Any], NDArray[Any]],
        device: str,
    ) -> dict[str, float]:
        """Every metric of one image.

        Args:
            name: of the image, for messages.
            scored: SR and HR, as :meth:`srbench.protocols.case.Case.pair` gives them.
            images: SR and HR to look at, uint8 (H, W) or (H, W, 3).
            device: where networks run.

        Raises:
            DataError: the image is too small for a metric.
            MethodError: a metric gave no number.
        """
        values: dict[str, float] = {}
        for metric in self.metrics:
            sr, hr = scored if metric.input == "scored" else images
            try:
                value = float(metric.function(Pair(sr, hr, self.protocol, device, self.weights)))
            except ValueError as error:
                raise DataError(f"{name} cannot be scored: {error}; leave it out or use a smaller scale") from None
            if value != value:
                raise MethodError(f"metric {metric.name} gave NaN on {name}")
            values[metric.name] = value
        return values

    def aggregate(self, images: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """A data set's values from its images'."""
        how = self.protocol.aggregate
        return {m.name: m.aggregate([values[m.name] for values in images], how) for m in self.metrics}
