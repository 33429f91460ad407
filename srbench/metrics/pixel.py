"""Mean squared error and peak signal-to-noise ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from srbench.imaging.bands import Plane, bands
from srbench.metrics.metric import Metric, Pair
from srbench.metrics.sums import PairwiseSum


def mse(sr: Plane, target: Plane) -> float:
    """Mean over all pixels and channels of (sr - target)^2, in float64.

    >>> mse(np.array([[0, 2]]), np.array([[0, 0]]))
    2.0

    Raises:
        ValueError: the shapes differ, or there is no pixel.
    """
    require_same_shape(sr, target)
    squares, taken = PairwiseSum(sr.size), 0  # BLAS, which is faster, adds in another order with other threads
    for rows in bands(sr.shape[0], math.prod(sr.shape[1:])):
        difference = np.subtract(sr[rows], target[rows], dtype=np.float64)
        squares.add(taken, np.square(difference, out=difference))
        taken += difference.size
    return squares.total() / sr.size


def psnr(sr: Plane, target: Plane, *, peak: float = 255.0) -> float:
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


def require_same_shape(sr: Plane, target: Plane) -> None:
    """Raise ValueError unless both images have one shape and at least one pixel."""
    if sr.shape != target.shape:
        raise ValueError(f"SR is {sr.shape} and the target is {target.shape}: the shapes must be equal")
    if sr.size == 0:
        raise ValueError("no pixel is left to score")


PSNR = Metric("psnr", protocol_psnr, unit="dB", digits=2, pool=psnr_of_pooled_mse, in_bands=True)
MSE = Metric("mse", lambda pair: mse(pair.sr, pair.target), higher_is_better=False, digits=1, in_bands=True)
