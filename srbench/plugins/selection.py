"""Selects methods and recipes by what the user writes: names, globs and recipe files."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import get_args

from srbench.errors import UsageError
from srbench.method import Family
from srbench.plugins.card import Card, Choice, choices_of
from srbench.recipe import read_recipe
from srbench.system.names import as_known, unknown
from srbench.system.places import user_path

FAMILIES: tuple[str, ...] = get_args(Family)

CardOf = Callable[[str], Card]
"""The card of a method by name; UsageError if it cannot be imported."""


def select_choices(
    patterns: Iterable[str], models: Mapping[str, str], names: Iterable[str], card_of: CardOf
) -> list[Choice]:
    """The choices that patterns mean, each once, in order: see :meth:`srbench.plugins.registry.Registry.select`.

    Args:
        patterns: as the user writes them.
        models: names of models, by pattern.
        names: all methods that are not models.
        card_of: their cards, and those of models.

    Raises:
        UsageError: a pattern matches nothing, or a recipe file is wrong.
    """
    every = list(names)
    chosen: dict[str, Choice] = {}
    for pattern in patterns:
        if pattern in models:
            choice = Choice(card_of(models[pattern]), "")
            chosen.setdefault(choice.label, choice)
            continue
        name_pattern, _, recipe_pattern = pattern.partition(":")
        plus = "+" if name_pattern.endswith("+") else ""
        name_pattern = as_known(name_pattern.removesuffix("+"), every) + plus
        if recipe_pattern.endswith(".toml"):
            own = _with_own_recipe(card_of(name_pattern), Path(recipe_pattern))
            other = chosen.setdefault(own.label, own)
            if other.card.recipes[own.recipe] != own.card.recipes[own.recipe]:
                raise UsageError(f"Two recipes would be called '{own.label}'; rename {recipe_pattern}.")
            continue
        found = [name_pattern]
        if any(sign in name_pattern for sign in "*?["):
            sign = "+" if name_pattern.endswith("+") else ""
            found = [name + sign for name in _matching(name_pattern.removesuffix("+"), every, card_of)]
            if not found:
                raise unknown("method", pattern, every)
        for name in found:
            try:
                card = card_of(name)
            except UsageError:
                if len(found) == 1:
                    raise
                continue
            by_glob = name != name_pattern and not recipe_pattern
            for choice in choices_of(card, recipe_pattern, strict=len(found) == 1):
                if by_glob:
                    chosen.setdefault(choice.label, dataclasses.replace(choice, by_glob=True))
                elif chosen.setdefault(choice.label, choice).by_glob:  # named as well
                    chosen[choice.label] = choice
    return list(chosen.values())


def _with_own_recipe(card: Card, path: Path) -> Choice:
    """A method with a recipe from a file, beside its own recipes."""
    if not card.learned:
        raise UsageError(f"Method '{card.name}' is not trained, so it has no recipe '{path}'.")
    recipe = read_recipe(user_path(str(path)), card.recipes)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", path.stem):
        raise UsageError(f"A recipe cannot be called '{path.stem}': use letters, digits, '.', '_' and '-'.")
    if card.recipes.get(path.stem, recipe) != recipe:
        raise UsageError(f"'{card.name}' has another recipe called '{path.stem}'; rename {path}.")
    return Choice(dataclasses.replace(card, recipes={**card.recipes, path.stem: recipe}), path.stem)


def _matching(pattern: str, names: Iterable[str], card_of: CardOf) -> list[str]:
    """Methods that match a glob: by family in the literature's order, then by name; broken ones last."""
    ranks: dict[str, tuple[int, str]] = {}
    for name in names:
        if fnmatch.fnmatchcase(name, pattern):
            try:
                ranks[name] = (FAMILIES.index(card_of(name).info.family), name)
            except UsageError:
                ranks[name] = (len(FAMILIES), name)
    return sorted(ranks, key=ranks.__getitem__)
