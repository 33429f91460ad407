"""Which of srbench's data sets a user's own images are, so that no other images bear its name.

A name says nothing of a folder's content: ``./urban100`` may hold 25 images, or a link lead to another set. What
decides are the images' names and the hashes of their pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from srbench.data.dataset import Dataset, ImageFile
from srbench.errors import DataError
from srbench.imaging.files import image_size, pixels_sha256, read_image

OWN = "own"
"""What is added to the name of a user's own data set that is called like one of srbench's and is none."""


class Known(NamedTuple):
    """A data set of srbench's as its manifest describes it; its files need not be here."""

    name: str
    images: Sequence[tuple[str, tuple[ImageFile, ...]]]
    """Names with HR, and LR where there is one."""
    content_hash: str


def told_apart(dataset: Dataset, sets: Iterable[Known]) -> Dataset:
    """A user's own data set under a name that none of srbench's has, unless it is that one; its note says which it is.

    Args:
        dataset: of a folder, of two, or of a manifest.
        sets: those that come with srbench.
    """
    sets = list(sets)
    namesake = next((known for known in sets if known.name.casefold() == dataset.name.casefold()), None)
    if namesake is not None and _is(dataset, namesake):
        return _identified(dataset, namesake)
    part = _part_of(dataset, sets)
    if namesake is not None:
        name = f"{dataset.name}-{OWN}"
        note = f"{dataset.spec} is called {name} here: it is not srbench's {namesake.name}"
        return _noted(replace(dataset, name=name), f"{note}, but holds {part}" if part else note)
    return _noted(dataset, f"{dataset.spec} holds {part}") if part else dataset


def _noted(dataset: Dataset, note: str) -> Dataset:
    return replace(dataset, note="; ".join(filter(None, (dataset.note, note))))


def _is(dataset: Dataset, known: Known) -> bool:
    """Whether all images are the set's, under its names."""
    if dataset.content_hash == known.content_hash:
        return True
    if [item.name for item in dataset.items] != [name for name, _ in known.images]:
        return False
    pairs = zip((item.files for item in dataset.items), (files for _, files in known.images), strict=True)
    return all(len(own) == len(files) and all(map(_same, own, files)) for own, files in pairs)


def _same(own: ImageFile, known: ImageFile) -> bool:
    if own.sha256 and own.sha256 == known.sha256:
        return True
    return known.pixels_sha256 is not None and _pixels(own, {(known.height, known.width)}) == known.pixels_sha256


def _pixels(file: ImageFile, sizes: Iterable[tuple[int | None, int | None]]) -> str | None:
    """The hash of a file's pixels; None where it is of none of these sizes, or cannot be read: that is said later."""
    path = file.found()
    if file.pixels_sha256 or path is None:
        return file.pixels_sha256
    try:
        return pixels_sha256(read_image(path)) if image_size(path) in sizes else None
    except DataError:
        return None


def _identified(dataset: Dataset, known: Known) -> Dataset:
    """The user's files, known by what the set's are known by."""
    items = []
    for item, (_, files) in zip(dataset.items, known.images, strict=True):
        own = [
            replace(file, sha256=file.sha256 or same.sha256, pixels_sha256=same.pixels_sha256)
            for file, same in zip(item.files, files, strict=True)
        ]
        items.append(replace(item, hr=own[0], lr=own[1] if len(own) > 1 else None))
    return replace(dataset, name=known.name, items=tuple(items), content_hash=known.content_hash)


def _part_of(dataset: Dataset, sets: Sequence[Known]) -> str:
    """The one set that all HR images are of, and how many of its images they are; empty where there is none.

    The first image that is of none ends the search, so that nothing is decoded in vain.
    """
    by_hash: dict[str, set[tuple[str, str]]] = {}
    sizes = set()
    for known in sets:
        for name, (hr, *_) in known.images:
            sizes.add((hr.height, hr.width))
            for found in filter(None, (hr.sha256, hr.pixels_sha256)):
                by_hash.setdefault(found, set()).add((known.name, name))
    seen: set[tuple[str, str]] = set()
    counts: Counter[str] = Counter()
    for item in dataset.items:
        images = by_hash.get(item.hr.sha256 or "") or by_hash.get(_pixels(item.hr, sizes) or "", set())
        if not images:
            return ""
        seen |= images
        counts.update({name for name, _ in images})
    for known in sets:
        if counts[known.name] == len(dataset.items):
            own = sum(name == known.name for name, _ in seen)
            return (
                f"{'all' if own == len(known.images) else f'{own} of the'} {len(known.images)} images of {known.name}"
            )
    return ""
