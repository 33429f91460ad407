"""Which of srbench's data sets a user's own images are, so that no other images bear its name.

A name says nothing of a folder's content: ``./urban100`` may hold 25 images, or a link lead to another set. What
decides are the images' names and the hashes of their pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from srbench.data.dataset import Dataset, ImageFile
from srbench.data.manifest import FileEntry, Split
from srbench.errors import DataError
from srbench.imaging.files import image_size, pixels_sha256, read_image

OWN = "own"
"""What is added to the name of a user's own data set that is called like one of srbench's and is none."""


@dataclass(frozen=True, slots=True)
class Known:
    """A data set of srbench's as its manifest describes it; its files need not be here.

    Attributes:
        name: what it is called.
        split: its images; None where nothing tells them, since people get it by hand and have not.
        content: gives its content hash.
    """

    name: str
    split: Split | None = None
    content: Callable[[], str] = str

    @property
    def images(self) -> dict[str, tuple[FileEntry, ...]]:
        """Names with HR, and LR where there is one."""
        entries = self.split.entries() if self.split else ()
        return {entry.name: (entry, entry.lr) if entry.lr else (entry,) for entry in entries}

    @property
    def count(self) -> int:
        """How many images."""
        return self.split.count if self.split else 0


def identified(dataset: Dataset, sets: Iterable[Known], *, named: bool = False) -> Dataset:
    """A user's own data set: as one of srbench's where it has all of its images, whatever it and they are called.

    Else it has a name that none of srbench's has; its note says which images it holds.

    Args:
        dataset: of a folder, of two, or of a manifest.
        sets: those that come with srbench.
        named: whether the user has said what it is called, so that no other name is found for it.
    """
    sets = list(sets)
    namesake = next((known for known in sets if known.name.casefold() == dataset.name.casefold()), None)
    if namesake is not None and dataset.content_hash == namesake.content():
        return _as_known(dataset, namesake, [*namesake.images])
    images = _images_of(dataset, sets)
    for known in sorted(sets, key=lambda known: known is not namesake):
        if (known is namesake or not named) and (names := _all_of(dataset, known, images)):
            same = _as_known(dataset, known, names)
            return same if known is namesake else _noted(same, f"{dataset.spec} is {known.name}, by its pixels")
    part = _part_of(dataset, sets, images)
    if namesake is not None:
        name = f"{dataset.name}-{OWN}"
        note = f"{dataset.spec} is called {name} here: it is not srbench's {namesake.name}"
        if namesake.split is None:
            note = (
                f"{dataset.spec} is called {name} here: `srbench data add {namesake.name} DIR` makes it {namesake.name}"
            )
        return _noted(replace(dataset, name=name), f"{note}, but holds {part}" if part else note)
    return _noted(dataset, f"{dataset.spec} holds {part}") if part else dataset


def _noted(dataset: Dataset, note: str) -> Dataset:
    return replace(dataset, note="; ".join(filter(None, (dataset.note, note))))


def _all_of(dataset: Dataset, known: Known, images: Sequence[set[tuple[str, str]]]) -> list[str]:
    """What the set calls each image, where all images are the set's and none is missing; else nothing."""
    if len(dataset.items) != known.count or len(images) < len(dataset.items):
        return []
    files_of = known.images
    names: list[str] = []
    for item, found in zip(dataset.items, images, strict=True):
        own = {name for of, name in found if of == known.name}.difference(names)
        name = item.name if item.name in own else min(own, default="")
        lr, known_lr = item.files[1:], files_of[name][1:] if name else ()
        if not name or len(lr) != len(known_lr) or not all(map(_same, lr, known_lr)):
            return []
        names.append(name)
    return names


def _same(own: ImageFile, known: FileEntry) -> bool:
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


def _as_known(dataset: Dataset, known: Known, names: Sequence[str]) -> Dataset:
    """The user's files in the set's order, under its names, and known by what the set's are known by."""
    own = dict(zip(names, dataset.items, strict=True))
    items = []
    for name, files in known.images.items():
        hr, *lr = (
            replace(file, sha256=file.sha256 or same.sha256, pixels_sha256=same.pixels_sha256)
            for file, same in zip(own[name].files, files, strict=True)
        )
        items.append(replace(own[name], name=name, hr=hr, lr=lr[0] if lr else None))
    return replace(dataset, name=known.name, above=(), items=tuple(items), content_hash=known.content())


def _images_of(dataset: Dataset, sets: Sequence[Known]) -> list[set[tuple[str, str]]]:
    """Of which sets' images each HR image is, by their names: as far as to the first that is of none.

    So nothing is decoded in vain.
    """
    by_hash: dict[str, set[tuple[str, str]]] = {}
    sizes = set()
    for known in sets:
        for hr in known.split.images if known.split else ():  # numbered ones have no hashes
            sizes.add((hr.height, hr.width))
            for found in filter(None, (hr.sha256, hr.pixels_sha256)):
                by_hash.setdefault(found, set()).add((known.name, hr.name))
    images: list[set[tuple[str, str]]] = []
    for item in dataset.items if dataset.has_hr else ():
        of = by_hash.get(item.main.sha256 or "") or by_hash.get(_pixels(item.main, sizes) or "", set())
        if not of:
            break
        images.append(of)
    return images


def _part_of(dataset: Dataset, sets: Sequence[Known], images: Sequence[set[tuple[str, str]]]) -> str:
    """The one set that all HR images are of, and how many of its images they are; empty where there is none."""
    for known in sets:
        own = [{name for of, name in found if of == known.name} for found in images]
        if len(images) == len(dataset.items) and all(own):
            count, all_of_it = len(set().union(*own)), known.count
            return f"{'all' if count == all_of_it else f'{count} of the'} {all_of_it} images of {known.name}"
    return ""
