"""How metrics pool the images of a data set, by names that runs store for reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final, Literal

from srbench.metrics.metric import Metric
from srbench.metrics.pixel import psnr_of_pooled_mse

Pool = Literal["mean", "psnr-of-mse", "own"]
"""The mean of the images' values, the PSNR of their mean squared error, or a plugin's own function, which runs cannot
store."""

POOLS: Final = MappingProxyType[Pool, Callable[[Sequence[float]], float]]({"psnr-of-mse": psnr_of_pooled_mse})
"""Functions by name, from (n,) values of images to the data set's value."""


def pool_name(metric: Metric) -> Pool:
    """The name of a metric's pooling."""
    if metric.pool is None:
        return "mean"
    return next((name for name, function in POOLS.items() if function is metric.pool), "own")
