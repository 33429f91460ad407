"""Trainings: which weights a method needs, where they are, and which ones they start from. Free of torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from srbench.data.catalog import resolve
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.plugins.card import Card
from srbench.protocols.builtin import get_protocol
from srbench.recipe import Recipe
from srbench.weights import find_weights, weights_name

QUICK = "quick"
"""The recipe that takes seconds to minutes; the only one that a run trains for methods selected by a glob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The training of weights: a method, a recipe with its seed, a scale, and the weights file.

    Attributes:
        method: the method's name.
        label: ``name:recipe``, for messages.
        recipe: with the seed.
        scale: of the cell; with ``recipe.scales`` one file is for all scales.
        file_name: of the weights.
        shipped: the folder of weights that come with the method.
        data: content hashes of the recipe's data sets, part of the file name; empty for missing ones.
        after: the training whose weights this one starts from.
    """

    method: str
    label: str
    recipe: Recipe
    scale: int
    file_name: str
    shipped: Path
    data: tuple[tuple[str, str], ...] = ()
    after: Training | None = None

    def find(self) -> Path | None:
        """The weights file, if it exists."""
        return find_weights(self.file_name, self.shipped)

    def check_data(self) -> None:
        """Refuse to train if the data have changed since the file name was made.

        Raises:
            DataError: a folder has changed since.
        """
        for spec, content in self.data:
            if content and resolve(spec).content_hash != content:
                raise DataError(f"'{spec}' has changed since this training was planned: run the same command again.")

    def __str__(self) -> str:
        scales = self.recipe.scales or (self.scale,)
        seed = f" seed {self.recipe.seed}" if self.recipe.seed else ""
        return f"{self.label} {' '.join(f'x{scale}' for scale in scales)}{seed}"


def plan_training(card: Card, recipe: Recipe, scale: int, seed: int, label: str = "") -> Training:
    """The training that a learned method needs at a scale.

    Args:
        card: the method.
        recipe: without the seed that is asked for.
        scale: the scale.
        seed: added to the recipe's.
        label: for messages; by default the method and its name of the recipe.

    Raises:
        UsageError: the recipe's stages do not fit together.
    """
    if card.base:
        label = label.replace(card.name, card.base, 1)
        card = dataclasses.replace(card, info=dataclasses.replace(card.info, name=card.base), base="")
    named = next((name for name, known in card.recipes.items() if known == recipe), "")
    return _planned(card, recipe.seeded(seed), scale, label or (f"{card.name}:{named}" if named else card.name))


def _planned(card: Card, recipe: Recipe, scale: int, label: str) -> Training:
    _check(card, recipe, scale, label)
    before = recipe.before(scale)
    after = None
    if before is not None:
        stage = label if before[0] is recipe else f"{label}, first stage"
        after = _planned(card, before[0], before[1], stage)
    data = {spec: _content_hash(spec) for spec in recipe.data}
    return Training(
        method=card.name,
        label=label,
        recipe=recipe,
        scale=scale,
        file_name=weights_name(card.name, card.info.version, recipe.scales or (scale,), recipe, data),
        shipped=card.folder / "weights",
        data=tuple(data.items()),
        after=after,
    )


def training_command(label: str, scale: int, seed: int) -> str:
    """The command that trains weights, for messages."""
    return f"srbench train {label} --scales {scale}{f' --seeds {seed}' if seed else ''}"


def _check(card: Card, recipe: Recipe, scale: int, label: str) -> None:
    """Refuse scales that do not fit the method or each other."""
    if recipe.scales and (card.info.input == "lr" or recipe.transfer is not None):
        raise UsageError(f"{label}: one network for several scales takes the upsampled image, and no transfer.")
    scales = recipe.scales or (scale,)
    first = () if recipe.transfer is None else (recipe.transfer.scale,)
    for wrong in sorted({*scales, *first} - card.info.scales):
        raise UsageError(f"{label}: the recipe trains at x{wrong}, where {card.name} does not work.")
    for refusal in filter(None, (_refusal(recipe.protocol, each) for each in sorted({*scales, *first}))):
        raise UsageError(f"{label} cannot be trained: its recipe's {refusal}.")
    multiple = math.lcm(*scales)
    if multiple > recipe.patch:
        raise UsageError(
            f"{label}: a patch of {recipe.patch} pixels holds no multiple of {multiple}, which "
            f"{' and '.join(f'x{each}' for each in scales)} need; give the recipe a larger one."
        )


def _refusal(protocol: str, scale: int) -> str:
    """Why a protocol is not for a scale; nothing of one that does not exist, which its training reports."""
    try:
        return get_protocol(protocol).refusal(scale)
    except UsageError:
        return ""


@lru_cache(maxsize=64)
def _content_hash(spec: str) -> str:
    """The content hash of a data set; empty if it is missing, which its training reports."""
    try:
        return resolve(spec).content_hash
    except SrbenchError:
        return ""
