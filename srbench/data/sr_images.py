"""SR images that were made elsewhere, matched with the HR images of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.data.catalog import Dataset
from srbench.data.own.folders import image_files
from srbench.data.stems import Way, bare, role, ways
from srbench.errors import DataError
from srbench.imaging.color import gray_of, in_colour, is_gray
from srbench.imaging.files import read_image, to_uint8
from srbench.imaging.resize import round_half_up
from srbench.system.names import same_name


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


def match(folder: Path, dataset: Dataset, scale: int | None = None) -> Matched:
    """Find the SR image of each image of a data set: by name, else by order.

    ``baby.png`` is the SR of ``baby``, and so is ``baby_x2.png``, ``baby_SwinIR.png``, ``baby_SRF_2_SR.png`` or
    ``sr_baby.png``, where the others are called alike (:mod:`srbench.data.stems`). Of several such files for each
    image those are taken that are called SR, or else those of this scale.

    Raises:
        DataError: the folder is missing or empty, or its images cannot be matched.
    """
    files = image_files(folder)
    hr = {file.path.resolve() for item in dataset.items for file in item.files}
    files = [path for path in files if path.resolve() not in hr] or files
    names = [item.name for item in dataset.items]
    for called in (names, [item.main.path.stem for item in dataset.items]):
        if meant := ways(called, files):
            return _chosen(meant, called, files, scale)
    known: dict[str, list[Path]] = {}
    for path in files:
        known.setdefault(same_name(bare(path.stem)), []).append(path)
    partners = [known.get(same_name(name)) or known.get(same_name(bare(name))) or [] for name in names]
    singles = [_only(found) for found in partners if found]
    if len(set(singles)) == len(names):
        return _matched(singles, files)
    if len(files) == len(names):
        note = "the names do not match, so images were matched in their natural order"
        return Matched(tuple(files), note, by_name=False)
    alone = next((name for name, found in zip(names, partners, strict=True) if not found), names[0])
    raise DataError(
        f"{folder} has no image called like '{alone}' of {dataset.name}, and {len(files)} images where "
        f"{dataset.name} has {len(names)}; name each SR image as its HR image."
    )


def match_by_name(folder: Path, dataset: Dataset, scale: int) -> Matched:
    """As :func:`match`, but by name alone: a figure in a table must not rest on a guess.

    Raises:
        DataError: the folder is missing or empty, or the names do not match.
    """
    matched = match(folder, dataset, scale)
    if not matched.by_name:
        raise DataError(f"The names in {folder} are not those of {dataset.name}; name each SR image as its HR image.")
    return matched


def _chosen(found: list[Way], names: Sequence[str], files: Sequence[Path], scale: int | None) -> Matched:
    """The files that are meant, of all ways in which there are files.

    Raises:
        DataError: more than one could be meant.
    """
    left = found
    tests: list[Callable[[Way], bool]] = [lambda way: way.role == "sr", lambda way: way.role == ""]
    tests += [lambda way: way.names_scale(scale), lambda way: not way.names_scale()] if scale else []
    for test in tests:
        left = [way for way in left if test(way)] or left
    for way in left[1:]:
        _only((*left[0].files[0], *way.files[0]))
    chosen = [_only(found) for found in left[0].files]
    if left[0].role != "sr":  # nor may a file that no way explains be the one
        explained = {path for way in found for files in way.files for path in files}
        of_name = {same_name(bare(name)): path for name, path in zip(names, chosen, strict=True)}
        for path in files:
            rival = of_name.get(same_name(bare(path.stem)))
            if rival and path not in explained and role(path.stem) in ("sr", ""):
                _only([rival, path])
    return _matched(chosen, files)


def _only(files: Sequence[Path]) -> Path:
    if len(files) > 1:
        raise DataError(
            f"{files[0].name} and {files[1].name} could both be meant; leave one of them in {files[0].parent}."
        )
    return files[0]


def _matched(chosen: Sequence[Path], files: Sequence[Path]) -> Matched:
    taken = set(chosen)
    left = [path.name for path in files if path not in taken]
    more = f" ({left[0]}{', …' * (len(left) > 1)})" if left else ""
    note = f"{len(left)} other image{'s' * (len(left) > 1)} of {files[0].parent.name} left aside{more}" if left else ""
    return Matched(tuple(chosen), note)


def read_sr(
    path: Path, name: str, hr: NDArray[np.uint8], most: tuple[int, ...], *, has_hr: bool = True
) -> NDArray[np.uint8]:
    """An SR image cut to HR's size, with one channel or three as HR has them; colours of a gray HR's SR become gray.

    Args:
        path: the file.
        name: HR's, for messages.
        hr: the HR image as it is scored: cropped to a multiple of the scale, and in three channels where the protocol
            reads gray images so.
        most: HR's height and width before it was cropped, which SR may have too.
        has_hr: False where there is no HR, and ``hr`` is LR enlarged to the size that SR must have.

    Raises:
        DataError: it cannot be read, or does not fit.
    """
    sr = to_uint8(read_image(path))
    (height, width), (most_height, most_width) = hr.shape[:2], most
    if not (height <= sr.shape[0] <= most_height and width <= sr.shape[1] <= most_width):
        if not has_hr:
            raise DataError(
                f"{path.name} is {sr.shape[1]}x{sr.shape[0]}, and SR of '{name}' is {width}x{height} at this scale."
            )
        cut = f", or HR cut to a multiple of the scale ({width}x{height})" if (height, width) != most else ""
        larger = sr.shape[0] >= most_height and sr.shape[1] >= most_width
        way_out = ": cut it to that, if what it has beyond HR lies below and to the right" if larger else ""
        raise DataError(
            f"{path.name} is {sr.shape[1]}x{sr.shape[0]} and the HR image '{name}' is {most_width}x"
            f"{most_height}; SR must be as large as HR{cut}{way_out}."
        )
    sr = sr[:height, :width]
    fitted = alike(sr, hr)
    if fitted is None and hr.ndim == 3:
        other = "HR" if has_hr else "LR"
        raise DataError(f"{path.name}: SR is gray and {other} has colours; save SR as {other} is.")
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
