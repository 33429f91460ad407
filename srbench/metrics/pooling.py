"""How metrics pool the pixels of a data set's images, by the names that a run keeps for its reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, Literal

from srbench.metrics.metric import Metric
from srbench.metrics.pixel import psnr_of_pooled_mse

Pool = Literal["mean", "psnr-of-mse", "own"]
"""The mean of the images' values, the PSNR of their mean squared error, or a function of a plugin's, which no run can
hold."""

POOLS: Final = MappingProxyType[Pool, Callable[[Sequence[float]], float]]({"psnr-of-mse": psnr_of_pooled_mse})
"""The functions of the names that have one: from (n,) values of images to the data set's."""


def pool_name(metric: Metric) -> Pool:
    """What a metric's way to pool is called."""
    if metric.pool is None:
        return "mean"
    return next((name for name, function in POOLS.items() if function is metric.pool), "own")
