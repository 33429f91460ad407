"""The training and validation data of a recipe: images prepared by its protocol, and batches of patches."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from srbench.data.catalog import Dataset, resolve
from srbench.data.dataset import Item
from srbench.data.images import read_samples
from srbench.errors import DataError
from srbench.imaging.files import to_uint8
from srbench.imaging.resize import imresize
from srbench.method import MethodInfo
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import Case, prepare
from srbench.recipe import Recipe
from srbench.system.text import warn
from srbench.training.guard import refuse_test_images
from srbench.training.patches import batches, cut_pairs, random_batches

Batches = Iterator[tuple[Tensor, Tensor]]


def training_batches(
    info: MethodInfo, recipe: Recipe, scale: int, device: torch.device, generator: torch.Generator
) -> Batches:
    """Endless batches of (N, C, h, w) inputs and (N, C, H, W) targets in [0, 1], drawn by ``generator`` alone.

    Raises:
        DataError: data are missing, belong to a test set, or no image is as large as a patch.
    """
    scales = _scales(recipe, scale)
    side = recipe.patch - recipe.patch % math.lcm(*scales)
    pairs = (
        (torch.from_numpy(case.method_input(info)), torch.from_numpy(case.method_target(info)))
        for size in scales
        for case in _cases(_training_sets(recipe), recipe, size, recipe.shrink, tell=size == scales[0])
    )
    try:
        if recipe.crops == "random":
            return random_batches(pairs, side, recipe.batch, generator, device, flips=recipe.flips)
        inputs, targets = cut_pairs(pairs, side, recipe.stride, device)
    except ValueError as error:
        raise DataError(f"The recipe cannot be trained: {error}.") from None
    return batches(inputs, targets, recipe.batch, generator, flips=recipe.flips)


def training_images(info: MethodInfo, recipe: Recipe, scale: int) -> list[tuple[Tensor, Tensor]]:
    """Whole (C, h, w) inputs and (C, H, W) targets in [0, 1], of every image at every size of the recipe.

    Raises:
        DataError: data are missing, belong to a test set, or no image is as large as a patch.
    """
    images = [
        (torch.from_numpy(case.method_input(info)), torch.from_numpy(case.method_target(info)))
        for case in _cases(_training_sets(recipe), recipe, scale, recipe.shrink)
    ]
    if not images:
        raise DataError(f"The recipe cannot be trained: no training image is as large as {recipe.patch} pixels.")
    return images


def validation_cases(recipe: Recipe, scale: int) -> list[Case]:
    """The validation images, at each scale of the network; pairs at their own scale.

    Raises:
        DataError: data are missing, belong to a test set, or are smaller than a patch.
    """
    scales = _scales(recipe, scale)
    sets = _validation_sets(recipe)
    cases = [case for size in scales for case in _cases(sets, recipe, size, tell=size == scales[0])]
    if not cases:
        raise DataError(f"The recipe cannot be trained: no validation image is as large as {recipe.patch} pixels.")
    return cases


def _scales(recipe: Recipe, scale: int) -> tuple[int, ...]:
    """The scales of examples: one if LR is supplied, since pairs have their own."""
    supplied = get_protocol(recipe.protocol).degraded == "none"
    return (recipe.scales or (scale,))[:1] if supplied else recipe.scales or (scale,)


def _cases(
    datasets: Iterable[Dataset], recipe: Recipe, scale: int, shrink: tuple[float, ...] = (1.0,), *, tell: bool = True
) -> Iterator[Case]:
    """The images of data sets at every size of the recipe, prepared by its protocol.

    A network for several scales takes the upsampled image, so pairs may have any scale. Images that are smaller than a
    patch are left out, and counted if ``tell``.
    """
    protocol = get_protocol(recipe.protocol)
    for dataset in datasets:
        small = 0
        if not recipe.on_test_images:
            refuse_test_images(dataset)
        for sample in read_samples(dataset):
            hr = to_uint8(sample.hr)
            lr = None if sample.lr is None else to_uint8(sample.lr)
            small += min(hr.shape[:2]) < recipe.patch
            factor = sample.scale or scale if recipe.scales and protocol.degraded == "none" else scale
            for size in shrink:
                image = hr if size == 1.0 else imresize(hr, size)
                if min(image.shape[:2]) >= recipe.patch:
                    yield prepare(protocol, sample.name, image, factor, lr)
        if small and tell:
            count = f"{small} of {len(dataset.items)} images of '{dataset.name}'"
            warn(f"note: left out, since smaller than a patch of {recipe.patch} pixels: {count}")


def _training_sets(recipe: Recipe) -> list[Dataset]:
    """The training sets, without the validation images if the recipe says so."""
    datasets = [resolve(spec) for spec in recipe.train]
    if not recipe.hold_out:
        return datasets
    held = {_key(item) for dataset in _validation_sets(recipe) for item in dataset.items}
    return [
        dataclasses.replace(dataset, items=tuple(item for item in dataset.items if _key(item) not in held))
        for dataset in datasets
    ]


def _validation_sets(recipe: Recipe) -> list[Dataset]:
    return [_spread(resolve(spec), recipe.validation_images) for spec in recipe.validation]


def _key(item: Item) -> str:
    """Identifies an image across data sets."""
    return item.main.identity or str(item.main.path.resolve())


def _spread(dataset: Dataset, most: int | None) -> Dataset:
    """A data set with at most ``most`` images, evenly spread."""
    count = len(dataset.items)
    if most is None or most >= count:
        return dataset
    return dataclasses.replace(dataset, items=tuple(dataset.items[k * count // most] for k in range(most)))
