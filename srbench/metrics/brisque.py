"""BRISQUE, the blind image spatial quality evaluator (Mittal, Moorthy, Bovik, IEEE Transactions on Image Processing 21,
2012): 0 for a good photograph, about 100 for a very bad one. It needs no HR.

As LIVE's MATLAB release of 2011 computes it, with its model. That one passes features to LIBSVM's programs in text
files, so they are rounded on the way, which moves values near 0 by half a per cent.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.metric import Metric, Pair
from srbench.metrics.scene_statistics import (
    SHIFTS,
    Floats,
    asymmetric_shape,
    grid,
    halve,
    luma_plane,
    moments,
    normalised,
    shifted_product,
)

MODEL, RANGE = "brisque-model", "brisque-range"
LEAST = 14
"""Pixels of a side: the window still fits into the halved image."""


class Regression(NamedTuple):
    """LIBSVM's support vector regression by Gaussian kernels."""

    coefficients: Floats
    """(vectors,)"""
    vectors: Floats
    """(vectors, 36)"""
    gamma: float
    rho: float


@lru_cache(maxsize=2)
def read_brisque_model(path: Path) -> Regression:
    """A model file of LIBSVM."""
    head, _, body = path.read_text("ascii").partition("SV\n")
    fields = dict(line.split(maxsplit=1) for line in head.splitlines())
    rows = [line.split() for line in body.splitlines()]
    vectors = np.zeros((len(rows), 36))
    for vector, row in zip(vectors, rows, strict=True):
        for item in row[1:]:
            index, _, value = item.partition(":")
            vector[int(index) - 1] = float(value)
    coefficients = np.array([float(row[0]) for row in rows])
    return Regression(coefficients, vectors, float(fields["gamma"]), float(fields["rho"]))


@lru_cache(maxsize=2)
def read_range(path: Path) -> Floats:
    """A range file of LIBSVM: (36, 2), what becomes -1 and 1."""
    return np.array([line.split()[1:] for line in path.read_text("ascii").splitlines()[2:]], np.float64)


def brisque(image: NDArray[Any], model: Regression, limits: Floats) -> float:
    """BRISQUE of an image.

    Args:
        image: uint8, (H, W) gray or (H, W, 3) RGB; gray counts as three equal channels.
        model: the regression.
        limits: (36, 2), the least and the largest of each feature that it was trained on.

    Raises:
        ValueError: it is no such image, is too small, or too flat.
    """
    height, width = image.shape[:2]
    if min(height, width) < LEAST:
        raise ValueError(f"BRISQUE needs at least {LEAST}x{LEAST} pixels, and the image is {width}x{height}")
    found = _features(luma_plane(image, "gray"))
    if np.isnan(found).any():
        raise ValueError("BRISQUE needs some texture, and the image has next to none")
    # as it is passed on in text: first with six decimals, then with six digits
    written = np.array([float(f"{feature:f}") for feature in found])
    scaled = -1 + 2 * (written - limits[:, 0]) / (limits[:, 1] - limits[:, 0])
    rounded = np.array([float(f"{feature:g}") for feature in scaled])
    distances = ((model.vectors - rounded) ** 2).sum(axis=1)
    return float((model.coefficients * np.exp(-model.gamma * distances)).sum() - model.rho)


def _features(plane: Floats) -> Floats:
    """(36,): 18 at full size, then 18 at half of it."""
    return np.array([*_of_scale(plane), *_of_scale(halve(plane))])


def _of_scale(plane: Floats) -> list[float]:
    shapes = grid()
    coefficients = normalised(plane, "zero")
    found = moments(coefficients)
    with np.errstate(all="ignore"):
        wanted = np.float64(found.square) / np.float64(found.magnitude) ** 2
    features = [float(shapes.alpha[np.argmin(np.abs(1 / shapes.ratio - wanted))]), found.square]
    scratch = np.empty_like(coefficients)
    for shift in SHIFTS:  # of the whole image; the last is the authors' (-1, 1) seen from the other pixel
        found = moments(shifted_product(coefficients, shift, scratch))
        at = asymmetric_shape(found)
        mean = (found.right - found.left) * shapes.to_mean[at] * shapes.to_beta[at]
        features += [float(shapes.alpha[at]), float(mean), found.left**2, found.right**2]
    return features


def _score(pair: Pair) -> float:
    return brisque(pair.sr, read_brisque_model(pair.weights[MODEL]), read_range(pair.weights[RANGE]))


BRISQUE = Metric(
    "brisque", _score, higher_is_better=False, input="image", needs_hr=False, weights=(MODEL, RANGE), digits=2
)
