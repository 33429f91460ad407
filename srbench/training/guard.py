"""Keeps test images out of training."""

from __future__ import annotations

from srbench.data.catalog import Dataset, protected_pixels
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
    protected = protected_pixels()
    seen = protected.keys() & dataset.pixel_hashes()
    if seen:
        name = protected[min(seen)]
        raise DataError(f"'{dataset.spec}' holds {len(seen)} images of test sets, {name} for one; take them out.")
