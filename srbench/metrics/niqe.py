"""NIQE, the natural image quality evaluator (Mittal, Soundararajan, Bovik, IEEE Signal Processing Letters 20, 2013).

How far the statistics of an image's blocks of 96x96 pixels are from those of natural images: lower is better. It needs
no HR. Papers print four conventions, which differ by several per cent, under one name:

- ``niqe``: LIVE's MATLAB release, on MATLAB's gray;
- ``niqe-y``: on the Y of YCbCr, as BasicSR computes it, with no border cut;
- ``niqe-pirm``: MATLAB's release on Y, 4 pixels shaved: the NIQE in the PI of the PIRM challenge;
- ``niqe-pyiqa``: pyiqa's, in tables since 2023.

The model of natural images is LIVE's file of parameters, which comes with srbench, as does its notice.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.metric import Blocks, Metric, Pair
from srbench.metrics.scene_statistics import (
    SHIFTS,
    Floats,
    Luma,
    asymmetric_shape,
    grid,
    halve,
    luma_plane,
    moments,
    normalised,
    normalised_in_float32,
    shifted_product,
)

BLOCK = 96
FEATURES = 36
LEAST = 2
"""Blocks: a covariance needs two."""
PARAMETERS = "niqe-parameters"


@dataclass(frozen=True, slots=True)
class Convention:
    """What the programs that are all called NIQE do differently.

    Attributes:
        luma: the plane.
        shave: pixels that are cut from every side of it.
        normalise: from a plane to its coefficients.
        single: whether the model is rounded to float32, as in pyiqa up to 0.1.10, which the tables are from (1e-6).
    """

    luma: Luma
    shave: int = 0
    normalise: Callable[[Floats], Floats] = normalised
    single: bool = False


CONVENTIONS = {
    "niqe": Convention("gray"),
    "niqe-y": Convention("y", normalise=partial(normalised, flat="zero")),
    "niqe-pirm": Convention("y", shave=4),
    "niqe-pyiqa": Convention("yiq", normalise=normalised_in_float32, single=True),
}


class NiqeModel(NamedTuple):
    """The features of natural images: their mean, (36,), and covariance, (36, 36)."""

    mean: Floats
    covariance: Floats


@lru_cache(maxsize=2)
def read_niqe_model(path: Path) -> NiqeModel:
    """LIVE's ``modelparameters.mat``: two compressed matrices of doubles (MATLAB's MAT-file format, level 5)."""
    content, at = path.read_bytes(), 128
    found: dict[int, Floats] = {}
    while at < len(content):
        _, size = struct.unpack_from("<II", content, at)
        matrix = zlib.decompress(content[at + 8 : at + 8 + size])
        at += 8 + size
        # the numbers, which the matrix ends with, are preceded by their count in bytes
        for count in (FEATURES, FEATURES**2):
            if matrix[-8 * count - 4 : -8 * count] == struct.pack("<I", 8 * count):
                found[count] = np.frombuffer(matrix[-8 * count :], "<f8").astype(np.float64)
    return NiqeModel(found[FEATURES], found[FEATURES**2].reshape(FEATURES, FEATURES))


def niqe(image: NDArray[Any], model: NiqeModel, convention: Convention = CONVENTIONS["niqe"]) -> float:
    """NIQE of an image; 2 to 4 for good photographs, and higher the worse it is.

    Args:
        image: uint8, (H, W) gray or (H, W, 3) RGB; gray counts as three equal channels.
        model: of natural images.
        convention: whose NIQE.

    Raises:
        ValueError: it is no such image, has fewer than two blocks of 96x96 pixels, or is too flat.
    """
    height, width = image.shape[:2]
    count = blocks_of(height, width, convention.shave).used
    if count < LEAST:
        cut = f" once {convention.shave} pixels are shaved from every side" if convention.shave else ""
        raise ValueError(
            f"NIQE compares blocks of 96x96 pixels and needs at least two, and the image of {width}x{height} has "
            f"{count or 'none'}{cut}"
        )
    plane = luma_plane(image, convention.luma)
    inside = slice(convention.shave, -convention.shave or None)
    if convention.single:
        model = NiqeModel(*(each.astype(np.float32).astype(np.float64) for each in model))
    return niqe_of_plane(plane[inside, inside], model, convention.normalise)


def niqe_of_plane(plane: Floats, model: NiqeModel, normalise: Callable[[Floats], Floats]) -> float:
    """NIQE of a plane of at least two blocks.

    Raises:
        ValueError: fewer than two blocks have all features.
    """
    found = _features(plane, normalise)
    whole = found[~np.isnan(found).any(axis=1)]
    if len(whole) < LEAST:
        raise ValueError(
            f"NIQE needs two blocks of 96x96 pixels with some texture everywhere, and of {len(found)} the image has "
            f"{len(whole) or 'none'}"
        )
    offset = model.mean - np.nanmean(found, axis=0)
    both = (model.covariance + np.cov(whole, rowvar=False)) / 2
    return float(np.sqrt(offset @ np.linalg.solve(both, offset)))


def blocks_of(height: int, width: int, shave: int = 0) -> Blocks:
    """How many blocks an image of this size has, shaved and whole."""
    used = max(height - 2 * shave, 0) // BLOCK * (max(width - 2 * shave, 0) // BLOCK)
    return Blocks(used, height // BLOCK * (width // BLOCK))


def _features(plane: Floats, normalise: Callable[[Floats], Floats]) -> Floats:
    """(blocks, 36): 18 features at full size, then 18 at half of it. A side that is empty makes its features NaN."""
    height, width = (side - side % BLOCK for side in plane.shape)
    whole = np.ascontiguousarray(plane[:height, :width])
    scales = ((whole, BLOCK), (halve(whole), BLOCK // 2))
    return np.hstack([_of_blocks(normalise(each), size) for each, size in scales])


def _of_blocks(coefficients: Floats, size: int) -> Floats:
    height, width = coefficients.shape
    scratch = np.empty((size, size))
    return np.array(
        [
            _of_block(np.ascontiguousarray(coefficients[top : top + size, left : left + size]), scratch)
            for top in range(0, height, size)
            for left in range(0, width, size)
        ]
    )


def _of_block(block: Floats, scratch: Floats) -> list[float]:
    shapes = grid()
    found = moments(block)
    at = asymmetric_shape(found)
    features = [shapes.alpha[at], (found.left + found.right) / 2 * shapes.to_beta[at]]
    for shift in SHIFTS:
        found = moments(shifted_product(block, shift, scratch))
        at = asymmetric_shape(found)
        left, right = found.left * shapes.to_beta[at], found.right * shapes.to_beta[at]
        features += [shapes.alpha[at], (right - left) * shapes.to_mean[at], left, right]
    return features


def _score(name: str, pair: Pair) -> float:
    return niqe(pair.sr, read_niqe_model(pair.weights[PARAMETERS]), CONVENTIONS[name])


def _metric(name: str) -> Metric:
    return Metric(
        name,
        partial(_score, name),
        higher_is_better=False,
        input="image",
        needs_hr=False,
        weights=(PARAMETERS,),
        blocks=partial(blocks_of, shave=CONVENTIONS[name].shave),
    )


NIQE = _metric("niqe")
NIQE_Y = _metric("niqe-y")
NIQE_PIRM = _metric("niqe-pirm")
NIQE_PYIQA = _metric("niqe-pyiqa")
