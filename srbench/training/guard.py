"""Keeps test images out of training."""

from __future__ import annotations

from functools import lru_cache

from srbench.data.catalog import Dataset, dataset_of, load_manifest, manifest_names
from srbench.errors import DataError


def refuse_test_images(dataset: Dataset) -> None:
    """Raise unless a data set may be trained on, or validated on: both decide the weights.

    A test set is refused by its role, and an image of one is refused by the hash of its pixels, whatever data set it
    comes in.

    Raises:
        DataError: naming the data set and what is wrong with it.
    """
    if dataset.role == "test":
        raise DataError(
            f"'{dataset.spec}' is a test set: training or validating on it would make its figures worthless."
        )
    seen = _test_images().keys() & dataset.pixel_hashes()
    if seen:
        name = _test_images()[min(seen)]
        raise DataError(f"'{dataset.spec}' holds {len(seen)} images of test sets, {name} for one; take them out.")


@lru_cache(maxsize=1)
def _test_images() -> dict[str, str]:
    """The pixel hash of every known test image, and the set it belongs to."""
    known: dict[str, str] = {}
    for name in manifest_names():
        manifest = load_manifest(name)
        for dataset in (dataset_of(manifest, split) for split in manifest.splits):
            if dataset.role == "test":
                hashes = (item.hr.pixels_sha256 for item in dataset.items)
                known.update((pixels, dataset.spec) for pixels in hashes if pixels)
    return known
