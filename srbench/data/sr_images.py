"""SR images that were made elsewhere, matched with the HR images of a data set."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.data.catalog import Dataset
from srbench.data.own.folders import image_files
from srbench.errors import DataError
from srbench.imaging.color import gray_of, in_colour, is_gray
from srbench.imaging.files import read_image, to_uint8
from srbench.imaging.resize import round_half_up

_SUFFIX = re.compile(r"([-_. ]?(x\d+|\d+x|SRF[-_]?\d+|[SHL]R(x\d+)?|GT|out|output|result|bicubic))+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Matched:
    """Files in the order of a data set's images.

    Attributes:
        files: one for each image.
        note: what the user should know of how they were matched; empty if by name and nothing was left over.
        by_name: whether their names match; else they are in their natural order.
    """

    files: tuple[Path, ...]
    note: str = ""
    by_name: bool = True


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
        note = "the names do not match, so images were matched in their natural order"
        return Matched(tuple(files), note, by_name=False)
    raise DataError(
        f"{folder} has no image called like '{alone or names[0]}' of {dataset.name}, and {len(files)} images where "
        f"{dataset.name} has {len(names)}; name each SR image as its HR image."
    )


def match_by_name(folder: Path, dataset: Dataset) -> tuple[Path, ...]:
    """As :func:`match`, but by name alone: a figure in a table must not rest on a guess.

    Raises:
        DataError: the folder is missing or empty, or the names do not match.
    """
    matched = match(folder, dataset)
    if not matched.by_name:
        raise DataError(f"The names in {folder} are not those of {dataset.name}; name each SR image as its HR image.")
    return matched.files


def read_sr(path: Path, name: str, hr: NDArray[np.uint8], most: tuple[int, ...]) -> NDArray[np.uint8]:
    """An SR image cut to HR's size, with one channel or three as HR has them; colours of a gray HR's SR become gray.

    Args:
        path: the file.
        name: HR's, for messages.
        hr: the HR image as it is scored: cropped to a multiple of the scale, and in three channels where the protocol
            reads gray images so.
        most: height and width that SR may have.

    Raises:
        DataError: it cannot be read, or does not fit.
    """
    sr = to_uint8(read_image(path))
    (height, width), (most_height, most_width) = hr.shape[:2], most
    if not (height <= sr.shape[0] <= most_height and width <= sr.shape[1] <= most_width):
        raise DataError(
            f"{path.name} is {sr.shape[1]}x{sr.shape[0]} and the HR image '{name}' is {most_width}x"
            f"{most_height}; SR must be as large as HR, or HR cut to a multiple of the scale ({width}x{height})."
        )
    sr = sr[:height, :width]
    fitted = alike(sr, hr)
    if fitted is None and hr.ndim == 3:
        raise DataError(f"{path.name}: SR is gray and HR has colours; save SR as HR is.")
    if fitted is None:  # what a network for RGB leaves of a gray image, brought back as its own row is
        fitted = round_half_up(gray_of(sr.astype(np.float64))).astype(np.uint8)
    return np.ascontiguousarray(fitted)


def alike(sr: NDArray[Any], hr: NDArray[Any]) -> NDArray[Any] | None:
    """A gray SR image with one channel or three as HR has them, a coloured one as it is.

    Returns:
        None where one of them has colours and the other has no place for them.
    """
    if sr.ndim == hr.ndim:
        return sr
    if sr.ndim == 2:
        return in_colour(sr) if is_gray(hr) else None
    return sr[..., 0] if is_gray(sr) else None


def _bare(stem: str) -> str:
    return (_SUFFIX.sub("", stem) or stem).lower()
