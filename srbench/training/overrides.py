"""Recipes with other batches or other data, as ``srbench train --steps N --data DIR`` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from srbench.data.catalog import known_names, resolve
from srbench.data.dataset import Dataset, common_scale
from srbench.data.own.pair_folders import pairs_below
from srbench.errors import UsageError
from srbench.plugins.card import Choice
from srbench.recipe import Recipe
from srbench.system.files import write_atomically
from srbench.system.places import is_folder, user_path
from srbench.system.toml import toml_value
from srbench.weights import trained_folder

MOST_HELD_OUT = 20
"""Images of each data set that are held out for validation: a tenth of them, and no more than that."""


@dataclasses.dataclass(frozen=True, slots=True)
class OwnData:
    """Data to train on in place of a recipe's.

    Attributes:
        specs: the data sets, as a recipe names them.
        name: of all of them.
        held_out: images of each that are held out for validation.
        scale: of pairs; 0 where LR is made of HR.
        notes: what was taken for what, in words.
    """

    specs: tuple[str, ...]
    name: str
    held_out: int
    scale: int
    notes: tuple[str, ...]


def own_data(given: Sequence[str], scale: int | None) -> OwnData:
    """The data sets that a user names, folders of HR and LR images taken as pairs.

    Args:
        given: as on the command line.
        scale: that is asked for, if it is one.

    Raises:
        UsageError: there is no image to train on beside those that are held out, or some are pairs and others not.
        DataError: a folder is missing or empty, or pairs do not fit.
    """
    specs, notes = [], []
    for spec in given:
        folder = user_path(spec)
        of_folder = spec not in known_names() and is_folder(folder)
        pairs = pairs_below(folder, spec, scale) if of_folder else ""
        specs.append(pairs or spec)
        if pairs:
            notes.append(f"{spec} holds HR and LR, taken as pairs: {pairs}")
    found = [resolve(spec) for spec in specs]
    scales = {_scale(dataset) for dataset in found}
    if len(scales) > 1:
        raise UsageError("--data names pairs of several scales, or pairs beside HR images alone: train on one kind.")
    held_out = max(1, min(MOST_HELD_OUT, min(len(dataset.items) for dataset in found) // 10))
    if all(len(dataset.items) <= held_out for dataset in found):
        raise UsageError("--data needs two images at least: one to train on, and one that is held out for validation.")
    notes.append(
        f"{held_out} of {' and '.join(f'{len(dataset.items)} images of {dataset.name}' for dataset in found)} held out "
        "for validation"
    )
    name = "-".join(dict.fromkeys(dataset.name for dataset in found))
    return OwnData(tuple(specs), name, held_out, scales.pop(), tuple(notes))


def _scale(dataset: Dataset) -> int:
    return common_scale(dataset.items) if dataset.kind == "pairs" else 0


def overridden(choice: Choice, steps: int | None, data: OwnData | None) -> Choice:
    """A method with its recipe changed, under a name that says how.

    Args:
        choice: a learned method with a recipe.
        steps: batches; everything that the recipe counts in batches changes in proportion.
        data: what to train and validate on.

    Raises:
        UsageError: the method is not trained in steps.
    """
    card, recipe, name = choice.card, choice.card.recipes[choice.recipe], choice.recipe
    if steps is not None:
        if card.fitted:
            raise UsageError(f"{card.name} fits itself and is not trained in steps: leave out --steps.")
        recipe, name = recipe.with_steps(steps), f"{name}-{steps}-steps"
    if data is not None:
        recipe, name = _on(recipe, data), f"{name}-{data.name}"
    return Choice(dataclasses.replace(card, recipes={**card.recipes, name: recipe}), name)


def _on(recipe: Recipe, data: OwnData) -> Recipe:
    """The recipe with other data, at each of its stages."""
    before = None if recipe.init_from is None else _on(recipe.init_from, data)
    changes = {
        "train": data.specs,
        "validation": data.specs,
        "validation_images": data.held_out,
        "hold_out": True,
        "on_test_images": False,
        "init_from": before,
    }
    if data.scale:  # nothing is downsampled, so there is one scale, and one size
        changes |= {"protocol": "paired", "scales": (), "transfer": None, "shrink": (1.0,)}
    return recipe.model_copy(update=changes)


def keep_recipe(choice: Choice) -> Path:
    """Write a choice's recipe beside the weights, as a file that ``srbench run`` takes; returns its path."""
    recipe = choice.card.recipes[choice.recipe]
    path = trained_folder() / "recipes" / recipe.hash / f"{choice.recipe}.toml"
    lines = [f"{key} = {toml_value(value)}" for key, value in recipe.content().items()]
    write_atomically(path, "\n".join(lines) + "\n")
    return path
