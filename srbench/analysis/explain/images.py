"""A user's own SR images, scored by every variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.analysis.explain.making import Original, readings
from srbench.analysis.explain.scoring import Scores
from srbench.analysis.explain.variant import Variant
from srbench.data.catalog import Dataset
from srbench.data.sr_images import alike, read_sr
from srbench.imaging.color import gray_of, in_colour
from srbench.imaging.files import to_uint8


def figures_of_images(
    files: Sequence[Path], dataset: Dataset, scale: int, variants: Sequence[Variant], step: Callable[[], None]
) -> dict[Variant, float]:
    """Score SR images by every variant.

    Args:
        files: one for each image of the data set, in its order.
        dataset: the HR images.
        scale: the factor.
        variants: without a making.
        step: called after each image.

    Raises:
        DataError: an image cannot be read, or SR and HR do not fit.
    """
    scores = Scores()
    for path, (name, hr) in zip(files, hr_images(dataset), strict=True):
        for original, grays in readings(name, hr, scale):
            sr = _fitted(path, hr, original).astype(np.float64)
            scores.add(original, sr, [variant for variant in variants if variant.gray in grays])
        step()
    return {variant: scores.figure(variant) for variant in variants}


def hr_images(dataset: Dataset) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Names and HR images of a data set, uint8.

    Raises:
        DataError: an image is missing or corrupt.
    """
    for sample in dataset.samples():
        yield sample.name, to_uint8(sample.hr)


def has_gray(dataset: Dataset) -> bool:
    """Whether an HR image is stored gray, so that it matters how it is read.

    Raises:
        DataError: an image is missing or corrupt.
    """
    return any(hr.ndim == 2 for _, hr in hr_images(dataset))


def _fitted(path: Path, hr: NDArray[np.uint8], original: Original) -> NDArray[Any]:
    """An SR image as large as HR cropped to a multiple of the scale, and gray where HR is read so."""
    sr = read_sr(path, original.name, in_colour(original.hr), hr.shape[:2])
    fitted = alike(sr, original.hr)
    return gray_of(sr.astype(np.float64)) if fitted is None else fitted
