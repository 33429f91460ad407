"""Cards: descriptions of methods that need no import, and choices of methods and recipes."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.errors import UsageError
from srbench.method import FittedMethod, LearnedMethod, Method, MethodInfo
from srbench.recipe import Recipe
from srbench.system.names import unknown
from srbench.system.source import code_hash


@dataclass(frozen=True, slots=True)
class Card:
    """What planning and listing need to know of a method.

    ``source_hash`` is of the method's file and the files of its package that it imports; ``folder`` is the file's
    folder, with ``weights/`` in it. ``supplied``: existing SR images, which are only scored. ``fitted``: the method
    fits itself, and an interrupted fit starts again. ``unread``: a class of this session whose source, or what it
    uses, cannot be read. ``base``: of a self-ensemble, the method whose weights it has.
    """

    info: MethodInfo
    learned: bool
    recipes: Mapping[str, Recipe]
    source_hash: str
    folder: Path
    origin: str
    supplied: bool = False
    fitted: bool = False
    unread: bool = False
    base: str = ""

    @property
    def name(self) -> str:
        """The method's name."""
        return self.info.name


@dataclass(frozen=True, slots=True)
class Choice:
    """A method and recipe as chosen on the command line; ``recipe`` is empty for methods that are not trained.

    ``by_glob``: selected by a glob with its default recipe, not by name.
    """

    card: Card
    recipe: str
    by_glob: bool = False

    @property
    def label(self) -> str:
        """``name`` or ``name:recipe``."""
        return f"{self.card.name}:{self.recipe}" if self.recipe else self.card.name


def card_of(method: type[Method], source: str, folder: Path, origin: str) -> Card:
    """The card of a class, with the hash and folder of its source."""
    learned = issubclass(method, LearnedMethod)
    recipes = dict(method.recipes) if issubclass(method, LearnedMethod) else {}
    return Card(method.info, learned, recipes, source, folder, origin, fitted=issubclass(method, FittedMethod))


def to_json(card: Card) -> dict[str, Any]:
    """The cached part of a card."""
    info = dataclasses.asdict(card.info) | {"scales": sorted(card.info.scales)}
    recipes = [[name, recipe.model_dump(mode="json")] for name, recipe in card.recipes.items()]
    return {"info": info, "learned": card.learned, "fitted": card.fitted, "recipes": recipes}


def from_json(data: dict[str, Any], path: Path, source: str, origin: str) -> Card:
    """A card from cached data.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the data are invalid.
    """
    known = {"scales": frozenset(data["info"]["scales"]), "files": tuple(data["info"]["files"])}
    info = MethodInfo(**(data["info"] | known))
    recipes = {name: Recipe.model_validate(recipe) for name, recipe in data["recipes"]}
    return Card(info, data["learned"], recipes, source, path.parent, origin, fitted=bool(data["fitted"]))


def contract_hash() -> str:
    """The hash of the code that cached cards depend on besides the method's source."""
    return code_hash("method", "recipe")


def choices_of(card: Card, pattern: str, *, strict: bool) -> list[Choice]:
    """A method with each recipe that matches a pattern; without a pattern with its first recipe.

    Raises:
        UsageError: nothing matches, if ``strict``.
    """
    if not card.learned:
        if pattern and strict:
            raise UsageError(f"Method '{card.name}' is not trained, so it has no recipe '{pattern}'.")
        return [] if pattern else [Choice(card, "")]
    if not pattern:
        return [Choice(card, next(iter(card.recipes)))]
    found = [Choice(card, recipe) for recipe in card.recipes if fnmatch.fnmatchcase(recipe, pattern)]
    if not found and strict:
        raise unknown(f"recipe of {card.name}", pattern, card.recipes)
    return found
