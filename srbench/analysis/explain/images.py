"""A user's own SR images, matched with the HR images of a data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srbench.analysis.explain.making import Original
from srbench.analysis.explain.scoring import Scores
from srbench.analysis.explain.variant import Variant
from srbench.data.catalog import Dataset
from srbench.data.folders import image_files
from srbench.errors import DataError
from srbench.imaging.files import read_image, to_uint8

_SUFFIX = re.compile(r"([-_. ]?(x\d+|\d+x|SRF[-_]?\d+|[SHL]R(x\d+)?|GT|out|output|result|bicubic))+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Matched:
    """Files in the order of a data set's images.

    Attributes:
        files: one for each image.
        note: what the user should know of how they were matched; empty if by name and nothing was left over.
    """

    files: tuple[Path, ...]
    note: str = ""


def match(folder: Path, dataset: Dataset) -> Matched:
    """Find the SR image of each image of a data set: by name, else by order.

    ``baby.png`` is the SR of ``baby``, and so is ``baby_x2.png``, ``babyx2.png``, ``baby_SRF_2_SR.png`` or
    ``baby-sr.png``.

    Raises:
        DataError: the folder is missing or empty, or its images cannot be matched.
    """
    files = image_files(folder)
    names = [item.name for item in dataset.items]
    rules: tuple[Callable[[str], str], ...] = (str.lower, _bare)
    alone = ""
    for rule in rules:
        known: dict[str, list[Path]] = {}
        for path in files:
            known.setdefault(rule(path.stem), []).append(path)
        partners = [known.get(name.lower()) or known.get(rule(name)) or [] for name in names]
        if all(len(found) == 1 for found in partners) and len({found[0] for found in partners}) == len(names):
            left = len(files) - len(names)
            note = f"{left} other image{'s' * (left > 1)} of {folder} left aside" if left else ""
            return Matched(tuple(found[0] for found in partners), note)
        alone = alone or next((name for name, found in zip(names, partners, strict=True) if not found), "")
        two = next((found for found in partners if len(found) > 1), None)
        if two:
            raise DataError(f"{two[0].name} and {two[1].name} could both be meant; leave one of them in {folder}.")
    if len(files) == len(names):
        return Matched(tuple(files), "the names do not match, so images were matched in their natural order")
    raise DataError(
        f"{folder} has no image called like '{alone or names[0]}' of {dataset.name}, and {len(files)} images where "
        f"{dataset.name} has {len(names)}; name each SR image as its HR image."
    )


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
        original = Original(name, hr, scale)
        scores.add(original, _fitted(path, hr, original).astype(np.float64), variants)
        step()
    return {variant: scores.figure(variant) for variant in variants}


def hr_images(dataset: Dataset) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Names and HR images of a data set, uint8.

    Raises:
        DataError: an image is missing or corrupt.
    """
    for sample in dataset.samples():
        yield sample.name, to_uint8(sample.hr)


def _bare(stem: str) -> str:
    return (_SUFFIX.sub("", stem) or stem).lower()


def _fitted(path: Path, hr: NDArray[np.uint8], original: Original) -> NDArray[np.uint8]:
    """An SR image as large as HR cropped to a multiple of the scale, and gray where HR is."""
    sr = to_uint8(read_image(path))
    (height, width), (most_height, most_width) = original.hr.shape[:2], hr.shape[:2]
    if not (height <= sr.shape[0] <= most_height and width <= sr.shape[1] <= most_width):
        raise DataError(
            f"{path.name} is {sr.shape[1]}x{sr.shape[0]} and the HR image '{original.name}' is {most_width}x"
            f"{most_height}; SR must be as large as HR, or HR cut to a multiple of the scale ({width}x{height})."
        )
    sr = sr[:height, :width]
    if sr.ndim == 3 and hr.ndim == 2 and (sr == sr[..., :1]).all():
        sr = sr[..., 0]
    if sr.ndim != hr.ndim:
        gray, coloured = ("SR", "HR") if sr.ndim == 2 else ("HR", "SR")
        raise DataError(f"{path.name}: {gray} is gray and {coloured} has colours; save SR as HR is.")
    return sr
