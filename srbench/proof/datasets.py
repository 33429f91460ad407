"""The data sets of a run or a bundle among those that are here: by content, never by name alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from srbench.bench.results import DatasetRecord
from srbench.data.catalog import dataset_of, known_names, load_manifest, resolve
from srbench.data.dataset import Dataset, ImageFile, Item
from srbench.data.images import ensure_fetched
from srbench.data.own.folders import content_hash, first_images
from srbench.errors import DataError, SrbenchError
from srbench.imaging.files import image_size, pixels_sha256, read_image
from srbench.proof.manifest import BundleDataset, BundleImage


def resolved(specs: Iterable[str]) -> list[Dataset]:
    """The data sets of these names that are here; others are passed over."""
    found = []
    for spec in dict.fromkeys(specs):
        try:
            found.append(resolve(spec))
        except SrbenchError:
            continue
    return found


def known_sets(names: Iterable[str]) -> list[Dataset]:
    """The data sets that are called so and have a manifest here; names may be anybody's, and lead nowhere."""
    wanted = set(names)
    found: list[Dataset] = []
    for name in known_names():
        with suppress(SrbenchError):
            manifest = load_manifest(name)
            splits = [split for split in manifest.splits if {name, f"{name}-{split}"} & wanted]
            found.extend(dataset_of(manifest, split) for split in splits)
    return found


def by_content(record: DatasetRecord, sets: Sequence[Dataset]) -> Dataset:
    """The data set of a run, or the first images of one where the run has these alone.

    Raises:
        DataError: it is not here.
    """
    for whole in sets:
        dataset = first_images(whole, record.images) if record.of else whole
        if dataset.content_hash == record.content_hash:
            return dataset
    raise DataError(
        f"The data set '{record.name}' of this run is not here, or has changed: name its folder by --datasets."
    )


def described(dataset: Dataset, name: str) -> BundleDataset:
    """A data set as hashes. Images whose pixels no manifest names are read, and fetched if they are not here.

    Args:
        dataset: the data set.
        name: what the run calls it.

    Raises:
        DataError: an image cannot be had or read.
    """
    if any(file.pixels_sha256 is None for item in dataset.items for file in item.files):
        ensure_fetched(dataset)
    images = tuple(map(_image, dataset.items))
    return BundleDataset(name=name, content_hash=content_hash(dataset.items), homepage=dataset.homepage, images=images)


def _image(item: Item) -> BundleImage:
    height, width = _size(item.main)
    return BundleImage(
        name=item.name,
        width=width,
        height=height,
        pixels=None if item.hr is None else pixels_of(item.hr),
        lr_pixels=None if item.lr is None else pixels_of(item.lr),
        identity=tuple(file.identity for file in item.files),
    )


def _size(file: ImageFile) -> tuple[int, int]:
    if file.height and file.width:
        return file.height, file.width
    path = file.found()
    if path is None:
        raise DataError(f"{file.path} is not there: fetch the data set.")
    return image_size(path)


def pixels_of(file: ImageFile) -> str:
    """The hash of a file's pixels, as its manifest names it or as they are.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    if file.pixels_sha256:
        return file.pixels_sha256
    path = file.found()
    if path is None:
        raise DataError(f"{file.path} is not there: fetch the data set.")
    return pixels_sha256(read_image(path))


def local(wanted: BundleDataset, sets: Sequence[Dataset]) -> Dataset:
    """The data set of a bundle, under the bundle's names, among those that are here.

    By its content hash, else by the pixels of every image, whatever they are called here.

    Raises:
        DataError: it is not here.
    """
    for dataset in sets:
        if dataset.content_hash == wanted.content_hash:
            return dataset
    for dataset in sets:
        alike = dataset.has_hr == wanted.has_hr
        if not alike or dataset.lacks_files() or len(dataset.items) < len(wanted.images):
            continue
        by_pixels = {tuple(map(pixels_of, item.files)): item for item in dataset.items}
        keys = [image.key for image in wanted.images]
        if all(key in by_pixels for key in keys):
            items = [replace(by_pixels[key], name=image.name) for key, image in zip(keys, wanted.images, strict=True)]
            return replace(dataset, name=wanted.name, items=tuple(items), content_hash=wanted.content_hash)
    way = "name their folder by --datasets" if wanted.has_hr else "name the folder of LR by --datasets lr=DIR"
    raise DataError(f"the images of '{wanted.name}' are not here: {way}")
