"""What a metric is to the harness: a pure function with a name, a unit and a direction.

A new metric is a function and a :class:`Metric` that describes it, made known by an entry point of the group
``srbench.metrics`` or by ``--plugin file.py``::

    MAE = Metric("mae", lambda pair: float(abs(pair.sr - pair.target).mean()), higher_is_better=False)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from srbench.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Pair:
    """What a metric sees of one image.

    Attributes:
        sr: float64 (H, W) luma or (H, W, 3) RGB on the scale 0..255, rounded and shaved by the protocol.
        target: the same of the HR image.
        protocol: the protocol that made both; it also chooses SSIM's window.
    """

    sr: NDArray[np.float64]
    target: NDArray[np.float64]
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: what it is called on the command line and in results.
        function: from a :class:`Pair` to one number.
        higher_is_better: the direction.
        unit: for axes and table heads; empty for a pure number.
        digits: decimals in tables.
        version: raise it whenever the numbers change.
        pool: from the per-image values to the figure of the pooled pixels, for protocols that pool; the mean if absent.
    """

    name: str
    function: Callable[[Pair], float]
    higher_is_better: bool = True
    unit: str = ""
    digits: int = 4
    version: int = 1
    pool: Callable[[Sequence[float]], float] | None = None

    def aggregate(self, values: Sequence[float], how: Literal["mean", "pooled"]) -> float:
        """One figure for a data set from its per-image values."""
        if how == "pooled" and self.pool is not None:
            return self.pool(values)
        return fmean(values)
