"""Mean squared error and peak signal-to-noise ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.metric import Metric, Pair


def mse(sr: NDArray[Any], target: NDArray[Any]) -> float:
    """Mean over all pixels and channels of (sr - target)^2, in float64.

    >>> mse(np.array([[0, 2]]), np.array([[0, 0]]))
    2.0

    Raises:
        ValueError: the shapes differ, or there is no pixel.
    """
    require_same_shape(sr, target)
    difference: NDArray[np.float64] = np.subtract(sr, target, dtype=np.float64).ravel()
    return float(difference @ difference) / difference.size


def psnr(sr: NDArray[Any], target: NDArray[Any], *, peak: float = 255.0) -> float:
    """10 log10(peak^2 / MSE) in dB; infinite for equal images.

    Raises:
        ValueError: the shapes differ, or there is no pixel.
    """
    return psnr_of_mse(mse(sr, target), peak)


def protocol_psnr(pair: Pair) -> float:
    """PSNR as the pair's protocol has it, in dB."""
    return psnr_of_mse(mse(pair.sr, pair.target) + pair.protocol.psnr_eps * 255.0**2)


def psnr_of_mse(error: float, peak: float = 255.0) -> float:
    """PSNR in dB of a mean squared error."""
    return math.inf if error == 0 else 10.0 * math.log10(peak**2 / error)


def psnr_of_pooled_mse(values: Sequence[float]) -> float:
    """The PSNR of the mean over images of the MSEs behind PSNRs; images have equal weight."""
    pooled = fmean(10.0 ** (-value / 10.0) for value in values)
    return math.inf if pooled == 0 else -10.0 * math.log10(pooled)


def require_same_shape(sr: NDArray[Any], target: NDArray[Any]) -> None:
    """Raise ValueError unless both images have one shape and at least one pixel."""
    if sr.shape != target.shape:
        raise ValueError(f"SR is {sr.shape} and the target is {target.shape}: the shapes must be equal")
    if sr.size == 0:
        raise ValueError("no pixel is left to score")


PSNR = Metric("psnr", protocol_psnr, unit="dB", digits=2, pool=psnr_of_pooled_mse)
MSE = Metric("mse", lambda pair: mse(pair.sr, pair.target), higher_is_better=False, digits=1)
