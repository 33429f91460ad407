"""Reads the images of a data set; what is missing is fetched first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from srbench.data.dataset import Dataset, ImageFile, Pixels, scale_of
from srbench.data.fetch.fetch import fetch
from srbench.data.fetch.progress import Progress
from srbench.errors import DataError, UsageError
from srbench.imaging.files import pixels_sha256, read_image
from srbench.system.hashes import file_sha256


@dataclass(frozen=True, slots=True)
class Sample:
    """An item's pixels: (H, W) or (H, W, 3) RGB, uint8 or uint16. ``scale`` is known for pairs only."""

    name: str
    hr: Pixels
    lr: Pixels | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class LrSample:
    """An LR image without HR: (h, w) or (h, w, 3) RGB, uint8 or uint16."""

    name: str
    lr: Pixels


def read_samples(dataset: Dataset, progress: Progress = True) -> Iterator[Sample]:
    """Read the images one by one, in order; what is missing is fetched first.

    Raises:
        UsageError: the data set has no HR images.
        DataError: an image cannot be had, is not the one that the manifest means, or cannot be read.
    """
    ensure_fetched(dataset, progress)
    for item in dataset.items:
        if item.hr is None:
            raise UsageError(f"'{dataset.spec}' has LR images alone, and here HR is needed: give hr=DIR,lr=DIR.")
        lr = None if item.lr is None else _read(dataset, item.lr)
        hr = _read(dataset, item.hr)
        scale = item.scale if lr is None or item.scale else scale_of(item)
        yield Sample(item.name, hr, lr, scale)


def read_lr(dataset: Dataset, progress: Progress = True) -> Iterator[LrSample]:
    """The images of a data set without HR, as :func:`read_samples` reads those of others."""
    ensure_fetched(dataset, progress)
    for item in dataset.items:
        yield LrSample(item.name, _read(dataset, item.main))


def ensure_fetched(dataset: Dataset, progress: Progress = True) -> None:
    """Fetch what is missing; if another process is at it, wait for that one.

    Raises:
        DataError: an image cannot be had.
    """
    if dataset.lacks_files():
        fetch(dataset, progress=progress)


def pixel_hashes(dataset: Dataset) -> frozenset[str]:
    """Every hash that an image of it is known by, to find test images in training data.

    HR images as they are and, where they are crops of another set's images, those images too. Images whose pixels
    no manifest names are read.
    """
    hashes: set[str] = set()
    for item in dataset.items:
        if item.hr is None:
            continue
        if item.hr.pixels_sha256 is None:
            hashes.update(pixels_sha256(sample.hr) for sample in read_samples(dataset))
            break
        hashes.add(item.hr.pixels_sha256)
    for crop in (item.main.crop_of for item in dataset.items):
        if crop is not None and crop.file is not None and crop.file.pixels_sha256:
            hashes.add(crop.file.pixels_sha256)
    return frozenset(hashes)


def _read(dataset: Dataset, file: ImageFile) -> Pixels:
    where = file.found()
    label = f"{dataset.name}: {where.name if where else file.path.name}"
    if where is None:
        raise DataError(f"{label} is not there: {dataset.way_out()}.")
    if file.pixels_sha256 is None and file.sha256 and file_sha256(where) != file.sha256:
        what = (
            "does not have the sha256 that its manifest names"
            if dataset.manifest
            else "has changed since it was looked at"
        )
        raise DataError(f"{label} {what}: {dataset.way_out()}.")
    if misfit := file.misfit(where):
        raise DataError(f"{label} {misfit}: {dataset.way_out()}.")
    try:
        pixels = read_image(where, name=label)
    except DataError as error:
        if not file.url and dataset.kind != "embedded":
            raise
        raise DataError(f"{label} is corrupt: {dataset.way_out()}.") from error
    if file.pixels_sha256 and pixels_sha256(pixels) != file.pixels_sha256:
        if file.sha256 and file_sha256(where) == file.sha256:
            raise DataError(f"{label} is right but decodes to other pixels: install Pillow's own wheel.")
        raise DataError(f"{label} does not have the pixels that its manifest names: {dataset.way_out()}.")
    if misfit := file.misfit(where, pixels.shape[:2]):
        raise DataError(f"{label} {misfit}: {dataset.way_out()}.")
    return pixels
