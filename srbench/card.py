"""What planning and listing know of a method without importing it, and a method as chosen on the command line."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from srbench.errors import UsageError
from srbench.method import LearnedMethod, Method, MethodInfo
from srbench.names import unknown
from srbench.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Card:
    """What planning and listing need to know of a method.

    ``source_hash`` is of the method's file and of the files of its own package that it imports; ``folder`` is where
    that file lies, with ``weights/`` beside it. ``supplied`` are SR images that were made elsewhere: they are scored,
    and nothing is run.
    """

    info: MethodInfo
    learned: bool
    recipes: Mapping[str, Recipe]
    source_hash: str
    folder: Path
    origin: str
    supplied: bool = False

    @property
    def name(self) -> str:
        """The method's name."""
        return self.info.name


@dataclass(frozen=True, slots=True)
class Choice:
    """A method as chosen on the command line; ``recipe`` is empty for one that is not trained.

    ``by_glob``: a glob brought it in with its default recipe, and nobody asked for that recipe by name.
    """

    card: Card
    recipe: str
    by_glob: bool = False

    @property
    def label(self) -> str:
        """``name`` or ``name:recipe``."""
        return f"{self.card.name}:{self.recipe}" if self.recipe else self.card.name


def card_of(method: type[Method], source: str, folder: Path, origin: str) -> Card:
    """The card of a class, whose source has that hash and lies in that folder."""
    learned = issubclass(method, LearnedMethod)
    recipes = dict(method.recipes) if issubclass(method, LearnedMethod) else {}
    return Card(method.info, learned, recipes, source, folder, origin)


def to_json(card: Card) -> dict[str, Any]:
    """What is kept of a card; the rest is asked anew each time."""
    info = dataclasses.asdict(card.info) | {"scales": sorted(card.info.scales)}
    recipes = [[name, recipe.model_dump(mode="json")] for name, recipe in card.recipes.items()]
    return {"info": info, "learned": card.learned, "recipes": recipes}


def from_json(data: dict[str, Any], path: Path, source: str, origin: str) -> Card:
    """A card that was kept of the method in a file.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is not one.
    """
    known = {"scales": frozenset(data["info"]["scales"]), "files": tuple(data["info"]["files"])}
    info = MethodInfo(**(data["info"] | known))
    recipes = {name: Recipe.model_validate(recipe) for name, recipe in data["recipes"]}
    return Card(info, data["learned"], recipes, source, path.parent, origin)


@lru_cache(maxsize=1)
def contract_hash() -> str:
    """What a kept card depends on beside the method's own source."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in ("method.py", "recipe.py"))).hexdigest()


def choices_of(card: Card, pattern: str, *, strict: bool) -> list[Choice]:
    """A method with each of its recipes that a pattern means; without one with its first.

    Raises:
        UsageError: it means none, and ``strict``.
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
