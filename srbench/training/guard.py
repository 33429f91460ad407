"""Keeps test images out of training."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from srbench.data.catalog import Dataset, protected_pixels, resolve
from srbench.data.images import pixel_hashes
from srbench.errors import DataError, SrbenchError
from srbench.recipe import Recipe

_ALLOWED = " (a recipe with `on_test_images = true` lets them in, and every report says so)"


def refuse_test_images(dataset: Dataset) -> None:
    """Refuse a data set that contains test images, for training and for validation.

    A test set is refused by its role, and its images by the hashes of their pixels, in whatever data set they are.

    Raises:
        DataError: names the data set and the reason.
    """
    if dataset.role == "test":
        raise DataError(
            f"'{dataset.spec}' is a test set: training or validating on it would make its values worthless{_ALLOWED}."
        )
    protected = protected_pixels()
    seen = protected.keys() & pixel_hashes(dataset)
    if seen:
        name = protected[min(seen)]
        raise DataError(
            f"'{dataset.spec}' holds {len(seen)} images of test sets, {name} for one; take them out{_ALLOWED}."
        )


def has_seen(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether a recipe allows test images, and a data set contains some of them."""
    seen = frozenset().union(*(_images_of(spec, _pixels) for spec in recipe.test_data))
    return bool(seen) and not seen.isdisjoint(_pixels(dataset))


def trains_on(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether a recipe trains on images of a data set, by the identity of their files; none is read."""
    own = _identities(dataset)
    stages = [recipe]
    while (before := stages[-1].init_from) is not None:
        stages.append(before)
    return any(not own.isdisjoint(_images_of(spec, _identities)) for stage in stages for spec in stage.train)


@lru_cache(maxsize=64)
def _images_of(spec: str, known_by: Callable[[Dataset], frozenset[str]]) -> frozenset[str]:
    """The images of a data set, by identity or pixels; none if it cannot be found."""
    try:
        return known_by(resolve(spec))
    except SrbenchError:
        return frozenset()


def _identities(dataset: Dataset) -> frozenset[str]:
    return frozenset(item.main.identity for item in dataset.items if item.main.identity)


def _pixels(dataset: Dataset) -> frozenset[str]:
    """The hashes of a data set's images; none if they cannot be read, which its own cell or training reports."""
    try:
        return pixel_hashes(dataset)
    except SrbenchError:
        return frozenset()
