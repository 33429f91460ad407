"""Finds methods and metrics: through entry points and, where named, in plugin files.

Built-ins have no privilege: they are found through the entry-point groups ``srbench.methods`` and ``srbench.metrics``
like everybody else's. Nothing is imported until it is used; what `run` and `list` must know of a method is kept as a
:class:`Card`, so that planning a run whose results are all there need not import torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import hashlib
import importlib
import importlib.util
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any, get_args

from srbench.atomic import cache_folder, write_atomically
from srbench.canonical import parse_json
from srbench.errors import UsageError
from srbench.live_source import class_hash
from srbench.method import Family, LearnedMethod, Method, MethodInfo
from srbench.metrics import bridge
from srbench.metrics.metric import Metric
from srbench.models.hub import onnx_of_export
from srbench.models.model import SrImages, method_class, spec_hash
from srbench.models.spec import Spec, is_model, parse_spec
from srbench.names import unknown
from srbench.recipe import Recipe, read_recipe
from srbench.source import source_hash

METHODS = "srbench.methods"
METRICS = "srbench.metrics"
FAMILIES: tuple[str, ...] = get_args(Family)


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


@dataclass(frozen=True, slots=True)
class Refused:
    """A plugin's entry point that is left out, because another one has its name."""

    kind: str
    name: str
    origin: str
    error: str


class Registry:
    """The methods and metrics at hand.

    A plugin that is broken is found broken only when it is asked for, and costs nobody else anything.

    Args:
        plugins: Python files whose methods and metrics are to be added. A plugin file is executed: name only files
            that you would run.
        models: files that are methods, as another registry has found them; :meth:`select` adds those that it is asked
            for.
    """

    def __init__(self, plugins: Sequence[Path] = (), models: Sequence[Spec] = ()) -> None:
        self._methods: dict[str, EntryPoint | type[Method]] = {}
        self._metrics: dict[str, EntryPoint | Metric] = {}
        self.refused = (*_take("method", METHODS, self._methods), *_take("metric", METRICS, self._metrics))
        self._plugin_of: dict[str, Path] = {}
        self._cards: dict[str, Card] = {}
        self._models: dict[str, Spec] = {spec.name: spec for spec in models}
        self._model_classes: dict[str, type[Method]] = {}
        self.plugins = tuple(path.resolve() for path in plugins)
        for path in plugins:
            self._add_plugin(path)

    def add(self, method: type[Method]) -> str:
        """Add a class of this session, which no other process can find; one that is known already stays as it is.

        Returns:
            Its name.

        Raises:
            UsageError: it is not a whole method, or its name is another's.
        """
        if not (isinstance(method, type) and issubclass(method, Method)):
            raise UsageError(f"{method!r} is not a method: give a name, or a subclass of srbench.method.Method.")
        if inspect.isabstract(method) or not isinstance(getattr(method, "info", None), MethodInfo):
            raise UsageError(f"Class {method.__qualname__} lacks `info` or `upscale`, so it is not a method yet.")
        name = method.info.name
        taken = self._methods.get(name)
        if taken is None:
            self._methods[name] = method
            self._cards[name] = _card(method, class_hash(method), _folder_of(method), origin=method.__module__)
        elif taken is not method and not _leads_to(taken, method):
            raise UsageError(
                f"Class {method.__qualname__} calls itself '{name}', and there is one of that name; rename it."
            )
        return name

    @property
    def method_names(self) -> list[str]:
        """Every method's name: built-ins in their given order, then the others'."""
        return list(self._methods)

    @property
    def models(self) -> tuple[Spec, ...]:
        """The models that have been asked for: with them another process can make the same registry."""
        return tuple(self._models.values())

    @property
    def metric_names(self) -> list[str]:
        """Every metric's name."""
        return list(self._metrics)

    def method(self, name: str) -> type[Method]:
        """A method's class.

        Raises:
            UsageError: there is none of that name, or it cannot be imported.
            DataError: it is a model, and its file cannot be used.
        """
        if name in self._models:
            return self._model_class(self._models[name])
        entry = self._methods.get(name)
        if entry is None:
            raise unknown("method", name, self._methods)
        found = entry if isinstance(entry, type) else _load(entry)
        if not (isinstance(found, type) and issubclass(found, Method)):
            raise UsageError(f"Method '{name}' is not a subclass of srbench.method.Method.")
        if inspect.isabstract(found) or not isinstance(getattr(found, "info", None), MethodInfo):
            raise UsageError(f"Method '{name}' lacks `info` or `upscale`.")
        if found.info.name != name:
            raise UsageError(f"The entry point '{name}' leads to a method that calls itself '{found.info.name}'.")
        if issubclass(found, LearnedMethod) and not _are_recipes(getattr(found, "recipes", None)):
            raise UsageError(f"Method '{name}' is learned and has no recipe: `recipes` maps names to Recipes.")
        return found

    def origin(self, name: str) -> str:
        """Where a method comes from: the package that is installed, or the plugin file."""
        entry = self._methods[name]
        return inspect.getfile(entry) if isinstance(entry, type) else _package(entry)

    def card(self, name: str) -> Card:
        """What is known of a method; imports it only if it changed since it was last described.

        Raises:
            UsageError: there is none of that name, or it cannot be imported.
        """
        if name not in self._cards:  # a glob asks twice: for the families, and for the methods
            self._cards[name] = self._find_card(name)
        return self._cards[name]

    def _find_card(self, name: str) -> Card:
        """The card that is kept of a method, or a new one."""
        if name in self._models:
            return self._model_card(self._models[name])
        entry = self._methods.get(name)
        if entry is None:
            raise unknown("method", name, self._methods)
        origin = self.origin(name)
        if isinstance(entry, type):
            return _describe(self.method(name), Path(origin), origin)
        path = _module_file(entry)
        source = source_hash(path)
        kept = cache_folder() / "cards" / f"{name}-{_contract_hash()[:8]}-{source[:24]}.json"
        try:
            return _from_json(parse_json(kept.read_text("utf-8")), path, source, origin)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            card = _describe(self.method(name), path, origin)
        with contextlib.suppress(OSError):  # a read-only cache costs time, not results
            write_atomically(kept, json.dumps(_to_json(card)))
        return card

    def select(self, patterns: Iterable[str]) -> list[Choice]:
        """Methods by ``name``, ``name:recipe`` and globs of both, each once, in the order given.

        A name without a recipe means its first recipe; ``name:FILE.toml`` is a recipe of the user's own, called as the
        file is. A glob passes over methods that cannot be imported. ``onnx:FILE`` and the like are models.

        Raises:
            UsageError: a pattern matches nothing, or a recipe file is wrong.
            DataError: a model's file is missing, or cannot be used.
        """
        chosen: dict[str, Choice] = {}
        for pattern in patterns:
            if is_model(pattern):
                choice = Choice(self.card(self._add_model(pattern)), "")
                chosen.setdefault(choice.label, choice)
                continue
            name_pattern, _, recipe_pattern = pattern.partition(":")
            if recipe_pattern.endswith(".toml"):
                own = self._own_choice(name_pattern, Path(recipe_pattern))
                other = chosen.setdefault(own.label, own)
                if other.card.recipes[own.recipe] != own.card.recipes[own.recipe]:
                    raise UsageError(f"Two recipes would be called '{own.label}'; rename {recipe_pattern}.")
                continue
            names = [name_pattern]
            if any(sign in name_pattern for sign in "*?["):
                names = self._matching(name_pattern)
                if not names:
                    raise unknown("method", pattern, self._methods)
            for name in names:
                try:
                    card = self.card(name)
                except UsageError:
                    if len(names) == 1:
                        raise
                    continue
                by_glob = name != name_pattern and not recipe_pattern
                for choice in _recipes_of(card, recipe_pattern, strict=len(names) == 1):
                    if by_glob:
                        chosen.setdefault(choice.label, dataclasses.replace(choice, by_glob=True))
                    elif chosen.setdefault(choice.label, choice).by_glob:  # named as well
                        chosen[choice.label] = choice
        return list(chosen.values())

    def _add_model(self, pattern: str) -> str:
        """Make a model known, and return its name; that alone will do for one that is known.

        Raises:
            UsageError: another of the run's is called so.
        """
        if pattern in self._models:
            return pattern
        spec = parse_spec(pattern)
        if spec.method and not self._has(spec.method, spec.version):
            lacking = f"{spec.name} has weights of '{spec.method}' version {spec.version}, which is not known here"
            exported = onnx_of_export(spec)
            if exported is None:
                raise UsageError(f"{lacking}; name its file by --plugin, or install that version.")
            spec = exported
        other = self._models.setdefault(spec.name, spec)
        if other != spec:
            raise UsageError(f"Two models would be called '{spec.name}'; rename a file, or run them one by one.")
        return spec.name

    def _has(self, name: str, version: int) -> bool:
        return name in self._methods and self.card(name).info.version == version

    def _model_class(self, spec: Spec) -> type[Method]:
        if spec.name not in self._model_classes:
            base = self.method(spec.method) if spec.method else None
            self._model_classes[spec.name] = method_class(spec, base)
        return self._model_classes[spec.name]

    def _model_card(self, spec: Spec) -> Card:
        found = self._model_class(spec)
        base = self.card(spec.method).source_hash if spec.method else ""
        place = spec.entries[0].path
        supplied = issubclass(found, SrImages)
        return Card(found.info, False, {}, spec_hash(spec, base), place.parent, str(place), supplied)

    def _own_choice(self, name: str, path: Path) -> Choice:
        """A method with a recipe of the user's own beside its others."""
        card = self.card(name)
        if not card.learned:
            raise UsageError(f"Method '{name}' is not trained, so it has no recipe '{path}'.")
        recipe = read_recipe(path.expanduser(), card.recipes)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", path.stem):
            raise UsageError(f"A recipe cannot be called '{path.stem}': use letters, digits, '.', '_' and '-'.")
        if card.recipes.get(path.stem, recipe) != recipe:
            raise UsageError(f"'{name}' has another recipe called '{path.stem}'; rename {path}.")
        return Choice(dataclasses.replace(card, recipes={**card.recipes, path.stem: recipe}), path.stem)

    def _matching(self, pattern: str) -> list[str]:
        """Methods that a glob means: by family in the literature's order, then by name; broken ones last.

        Methods to be named are meant only by globs that begin with a part of their name.
        """
        ranks: dict[str, tuple[int, str]] = {}
        for name in self._methods:
            if fnmatch.fnmatchcase(name, pattern):
                try:
                    info = self.card(name).info
                except UsageError:
                    ranks[name] = (len(FAMILIES), name)
                    continue
                if not info.by_name_only or pattern[0] not in "*?[":
                    ranks[name] = (FAMILIES.index(info.family), name)
        return sorted(ranks, key=ranks.__getitem__)

    def metric(self, name: str) -> Metric:
        """A metric, ours or, as ``library:function``, another library's.

        Raises:
            UsageError: there is none of that name, or it cannot be imported.
        """
        entry = self._metrics.get(name)
        if entry is None and ":" in name:
            return bridge.bridged(name)
        if entry is None:
            raise unknown("metric", name, self._metrics)
        found = entry if isinstance(entry, Metric) else _load(entry)
        if not isinstance(found, Metric) or found.name != name:
            raise UsageError(f"The entry point of metric '{name}' does not lead to a Metric of that name.")
        return found

    def metric_hash(self, name: str) -> str:
        """Hash of a metric's version and source."""
        metric = self.metric(name)
        entry = self._metrics.get(name)
        if entry is None:
            path = Path(bridge.__file__)
        else:
            path = self._plugin_of[name] if isinstance(entry, Metric) else _module_file(entry)
        return f"{metric.version}-{source_hash(path)[:16]}"

    def _add_plugin(self, path: Path) -> None:
        module = _import_file(path)
        added = 0
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__:
                if inspect.isabstract(value) or not isinstance(getattr(value, "info", None), MethodInfo):
                    continue
                self._claim(value.info.name, self._methods, "method", path)
                self._methods[value.info.name] = value
                added += 1
            elif isinstance(value, Metric) and not self._is_built_in(value):
                self._claim(value.name, self._metrics, "metric", path)
                self._metrics[value.name] = value
                self._plugin_of[value.name] = path.resolve()
                added += 1
        if not added:
            raise UsageError(f"Plugin {path} defines no method and no metric.")

    def _is_built_in(self, metric: Metric) -> bool:
        """Whether a plugin's metric is one that it imported from an installed package."""
        entry = self._metrics.get(metric.name)
        return isinstance(entry, EntryPoint) and _load(entry) is metric

    @staticmethod
    def _claim(name: str, taken: Mapping[str, Any], kind: str, path: Path) -> None:
        if name in taken:
            raise UsageError(f"Plugin {path} defines {kind} '{name}', and there is one of that name; rename it.")


def _take(kind: str, group: str, taken: dict[str, Any]) -> Iterator[Refused]:
    """Take in a group's entry points; what has the name of one before it is refused."""
    for entry in _entry_points(group):
        first = taken.setdefault(entry.name, entry)
        if first.value != entry.value:
            why = f"{_package(first)} has a {kind} of that name; rename one, or uninstall it"
            error = f"{kind.capitalize()} '{entry.name}' of {_package(entry)} is left out: {why}."
            yield Refused(kind, entry.name, _package(entry), error)


def _entry_points(group: str) -> list[EntryPoint]:
    """Installed entry points, ours first; in a checkout that is not installed, those that pyproject.toml declares."""
    found = list(entry_points(group=group))
    try:
        distribution("srbench")
    except PackageNotFoundError:
        declared = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
        table: dict[str, str] = declared["project"]["entry-points"][group]
        found += [EntryPoint(name, value, group) for name, value in table.items()]
    found.sort(key=lambda entry: not entry.value.startswith("srbench."))
    return found


def _package(entry: EntryPoint) -> str:
    """The installed package that an entry point belongs to."""
    return entry.dist.name if entry.dist else "srbench"


@contextlib.contextmanager
def _importing(what: str) -> Iterator[None]:
    """Runs a plugin's code: what it prints goes to stderr, as stdout is for results; what it raises is one sentence.

    Raises:
        UsageError: it raised, or wanted to end the program.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:  # its author's affair, and must not take the others along
        raise UsageError(f"{what} cannot be imported: {type(error).__name__}: {error}.") from error


def _load(entry: EntryPoint) -> Any:
    with _importing(f"'{entry.name}' ({entry.value})"):
        return entry.load()


def _import_file(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"There is no plugin file {path}.")
    name = f"srbench_plugin_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"Plugin {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _importing(f"Plugin {path}"):
            spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _module_file(entry: EntryPoint) -> Path:
    with _importing(f"'{entry.name}' ({entry.value})"):  # looking for a module imports the packages above it
        spec = importlib.util.find_spec(entry.module)
    if spec is None or spec.origin is None:
        raise UsageError(f"'{entry.name}' ({entry.value}) cannot be imported: there is no such module.")
    if not Path(spec.origin).is_file():  # "built-in", say
        raise UsageError(f"'{entry.name}' ({entry.value}) leads to a module without a file.")
    return Path(spec.origin)


@lru_cache(maxsize=1)
def _contract_hash() -> str:
    """What a kept card depends on beside the method's own source."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in ("method.py", "recipe.py"))).hexdigest()


def _leads_to(taken: EntryPoint | type[Method], method: type[Method]) -> bool:
    """Whether an entry point is that of a class."""
    return isinstance(taken, EntryPoint) and taken.value == f"{method.__module__}:{method.__qualname__}"


def _folder_of(method: type[Method]) -> Path:
    """Where a class is defined; that of a prompt or a notebook is where it runs."""
    try:
        return Path(inspect.getfile(method)).parent
    except (TypeError, OSError):
        return Path.cwd()


def _are_recipes(recipes: object) -> bool:
    if not isinstance(recipes, Mapping):
        return False
    return bool(recipes) and all(isinstance(n, str) and isinstance(r, Recipe) for n, r in recipes.items())


def _describe(method: type[Method], path: Path, origin: str) -> Card:
    return _card(method, source_hash(path), path.parent, origin)


def _card(method: type[Method], source: str, folder: Path, origin: str) -> Card:
    learned = issubclass(method, LearnedMethod)
    recipes = dict(method.recipes) if issubclass(method, LearnedMethod) else {}
    return Card(method.info, learned, recipes, source, folder, origin)


def _to_json(card: Card) -> dict[str, Any]:
    info = dataclasses.asdict(card.info) | {"scales": sorted(card.info.scales)}
    recipes = [[name, recipe.model_dump(mode="json")] for name, recipe in card.recipes.items()]
    return {"info": info, "learned": card.learned, "recipes": recipes}


def _from_json(data: dict[str, Any], path: Path, source: str, origin: str) -> Card:
    info = MethodInfo(**(data["info"] | {"scales": frozenset(data["info"]["scales"])}))
    recipes = {name: Recipe.model_validate(recipe) for name, recipe in data["recipes"]}
    return Card(info, data["learned"], recipes, source, path.parent, origin)


def _recipes_of(card: Card, pattern: str, *, strict: bool) -> list[Choice]:
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
