"""Finds methods and metrics, through entry points and in plugin files.

Built-ins are found through the entry-point groups ``srbench.methods`` and ``srbench.metrics`` like others. Nothing is
imported until it is used; what `run` and `list` need to know of a method is cached as a :class:`Card`, so that planning
a finished run does not import torch.

Third-party code is imported by a host (:mod:`srbench.isolation`), which describes it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from srbench.errors import UsageError
from srbench.isolation.hosts import Hosts, Origin
from srbench.method import LearnedMethod, Method, MethodInfo
from srbench.metrics.hosted import hosted_metric
from srbench.metrics.metric import Metric
from srbench.models.code import has_network, networks
from srbench.models.parse import is_model
from srbench.models.roads import no_method
from srbench.models.spec import Spec
from srbench.plugins.card import Card, Choice, card_of, contract_hash, from_json, to_json
from srbench.plugins.ensemble import SIGN, ensemble_card, ensemble_class, without_sign
from srbench.plugins.hosted import ask, claim, is_foreign, reading
from srbench.plugins.loading import import_file, leads_to, load_entry, module_file, package_of, take
from srbench.plugins.metrics import Metrics
from srbench.plugins.models import Models, card_of_model
from srbench.plugins.notebook_source import class_source
from srbench.plugins.selection import select_choices
from srbench.recipe import Recipe
from srbench.system.files import write_atomically
from srbench.system.hashes import parse_json
from srbench.system.places import cache_folder, is_file
from srbench.system.source import source_hash

METHOD_GROUP = "srbench.methods"


class Registry:
    """The available methods and metrics.

    A broken plugin is reported only when it is used, and does not affect others.

    Args:
        plugins: Python files with methods and metrics. A plugin file is executed: name only files that you would run.
        models: models that another registry has found; :meth:`select` adds those that are selected.
        hosted: run third-party code in hosts; otherwise it is imported into this process.
        described: descriptions of plugin files by another registry's hosts.
    """

    def __init__(
        self,
        plugins: Sequence[Path] = (),
        models: Sequence[Spec] = (),
        *,
        hosted: bool = True,
        described: Mapping[Path, dict[str, Any]] | None = None,
    ) -> None:
        self.hosts = Hosts()
        self.described = dict(described or {})
        self._is_hosted = hosted
        self._methods: dict[str, EntryPoint | type[Method] | Origin] = {}
        self.metrics = Metrics(self.hosts if hosted else None)
        self.refused = (*take("method", METHOD_GROUP, self._methods), *self.metrics.refused)
        self._cards: dict[str, Card] = {}
        self._networks: list[Path] = []  # plugin files with nothing but networks
        files: dict[Path, Path] = {}
        for path in plugins:
            files.setdefault(path.resolve(), path)
        self.plugins = tuple(files)
        self._models = Models(models, self.plugins)
        for path in files.values():  # with paths as the user wrote them, for messages
            self._add_plugin(path)

    @property
    def has_classes(self) -> bool:
        """Whether it has classes that other processes cannot import."""
        return any(isinstance(entry, type) for entry in self._methods.values())

    def add(self, method: type[Method]) -> str:
        """Add a class of this session, which other processes cannot import. A known class is not added again.

        Returns:
            Its name.

        Raises:
            UsageError: it is not a complete method, or its name is taken.
        """
        if not (isinstance(method, type) and issubclass(method, Method)):
            raise UsageError(
                f"{method!r} is not a method: give a name, a subclass of srbench.method.Method, or a network."
            )
        if inspect.isabstract(method) or not isinstance(getattr(method, "info", None), MethodInfo):
            raise UsageError(f"Class {method.__qualname__} lacks `info` or `upscale`, so it is not a complete method.")
        name = method.info.name
        taken = self._methods.get(name)
        if taken is None:
            self._methods[name] = method
            source, is_read = class_source(method)
            card = card_of(method, source, _folder_of(method), origin=method.__module__)
            self._cards[name] = dataclasses.replace(card, unread=not is_read)
        elif taken is not method and not leads_to(taken, method):
            raise UsageError(f"Class {method.__qualname__} calls itself '{name}', which is taken; rename it.")
        return name

    @property
    def method_names(self) -> list[str]:
        """All method names: built-ins in their order, then others."""
        return list(self._methods)

    @property
    def models(self) -> tuple[Spec, ...]:
        """The models that were selected, with which another process can make the same registry."""
        return self._models.specs

    def method(self, name: str) -> type[Method]:
        """A method's class.

        Raises:
            UsageError: there is none of that name, or it cannot be imported.
            DataError: it is a model whose file cannot be used.
        """
        if (spec := self._models.get(name)) is not None:
            return self._models.method(spec, self.method(spec.method) if spec.method else None)
        if base := self._base(name):
            return ensemble_class(self.method(base))
        entry = self._methods.get(name)
        if entry is None:
            raise no_method(name, self._methods)
        if isinstance(entry, Origin):
            raise UsageError(f"Method '{name}' of {entry.name} runs in a process of its own.")
        found = entry if isinstance(entry, type) else load_entry(entry)
        if not (isinstance(found, type) and issubclass(found, Method)):
            raise UsageError(f"Method '{name}' is not a subclass of srbench.method.Method.")
        if inspect.isabstract(found) or not isinstance(getattr(found, "info", None), MethodInfo):
            raise UsageError(f"Method '{name}' lacks `info` or `upscale`.")
        if found.info.name != name:
            raise UsageError(f"The entry point '{name}' leads to a method that calls itself '{found.info.name}'.")
        if issubclass(found, LearnedMethod) and not _are_recipes(getattr(found, "recipes", None)):
            raise UsageError(f"Method '{name}' is learned and has no recipe: `recipes` maps names to Recipes.")
        return found

    def _base(self, name: str) -> str:
        """The method of which a name is the self-ensemble; empty if it is none."""
        base = name.removesuffix(SIGN)
        is_known = name in self._methods or self._models.get(name) is not None
        return "" if base == name or is_known else base

    def origin(self, name: str) -> str:
        """The installed package or the plugin file of a method."""
        entry = self._methods[name]
        if isinstance(entry, Origin):
            return entry.name
        return inspect.getfile(entry) if isinstance(entry, type) else package_of(entry)

    def source_file(self, name: str) -> Path | None:
        """The file with a method's code; None for models and classes of this session.

        Raises:
            UsageError: the module cannot be found.
        """
        entry = self._methods.get(self._base(name) or name)
        if isinstance(entry, Origin):
            return entry.plugins[0]
        if isinstance(entry, EntryPoint):
            return module_file(entry)
        return None

    def host_origin(self, name: str) -> Origin | None:
        """The origin of the host that a method runs in; None if it runs in this process.

        Exported weights run where their method runs.
        """
        name = self._base(name) or name
        spec = self._models.get(name)
        if not self._is_hosted or (spec is not None and spec.kind == "images"):
            return None
        if spec is not None:
            base = self._methods.get(spec.method) if spec.kind == "weights" else None
            if spec.kind == "weights" and (base is None or not is_foreign(base)):
                return None
            plugins = base.plugins if isinstance(base, Origin) else ()
            return Origin(spec.name, plugins, (spec,))
        entry = self._methods.get(name)
        if isinstance(entry, Origin):
            return entry
        return Origin(package_of(entry)) if isinstance(entry, EntryPoint) and is_foreign(entry) else None

    def watched(self, name: str) -> bool:
        """Whether a method's code is third-party, so that its reads must be recorded."""
        name = self._base(name) or name
        spec = self._models.get(name)
        entry = self._methods.get(spec.method if spec else name)
        return (spec is not None and spec.kind not in ("images", "weights")) or (
            entry is not None and is_foreign(entry)
        )

    def card(self, name: str) -> Card:
        """The card of a method; the method is imported only if it has changed since the card was cached.

        Raises:
            UsageError: there is none of that name, or it cannot be imported.
        """
        if name not in self._cards:  # globs need cards twice
            self._cards[name] = self._find_card(name)
        return self._cards[name]

    def _find_card(self, name: str) -> Card:
        """The cached card of a method, or a new one."""
        if (spec := self._models.get(name)) is not None:
            return card_of_model(spec, self.method(name), self.card(spec.method).source_hash if spec.method else "")
        if base := self._base(name):
            card = ensemble_card(self.card(base))
            if card.supplied:
                self.method(name)  # which says why there is none
            return card
        entry = self._methods.get(name)
        if entry is None:
            raise no_method(name, self._methods)
        origin = self.origin(name)
        if isinstance(entry, type):
            path = Path(origin)
            return card_of(self.method(name), source_hash(path), path.parent, origin)
        assert not isinstance(entry, Origin)  # its card came with it
        path = module_file(entry)
        source = source_hash(path)
        kept = cache_folder() / "cards" / f"{name}-{contract_hash()[:8]}-{source[:24]}.json"
        try:
            return from_json(parse_json(kept.read_text("utf-8")), path, source, origin)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            card = self._described(name, path, source, origin)
        with contextlib.suppress(OSError):  # a read-only cache only costs time
            write_atomically(kept, json.dumps(to_json(card)))
        return card

    def check(self, name: str) -> None:
        """Import a method, in this process or in a host.

        Raises:
            UsageError: it cannot be imported.
        """
        card, origin = self.card(name), self.host_origin(name)
        if origin is None:
            self.method(name)
        elif not origin.plugins:
            ask(self.hosts, origin, f"'{name}' of {card.origin}", "card", name)

    def _described(self, name: str, path: Path, source: str, origin: str) -> Card:
        """The card of an installed package's method, which is imported here or in a host."""
        where = self.host_origin(name)
        if where is None:
            return card_of(self.method(name), source, path.parent, origin)
        head = ask(self.hosts, where, f"'{name}'", "card", name)
        with reading(f"'{name}' of {origin}"):
            return from_json(head["card"], path, source, origin)

    def select(self, patterns: Iterable[str]) -> list[Choice]:
        """Methods by ``name``, ``name:recipe`` and globs of both, each once, in the order given.

        A name without a recipe means its first recipe; ``name:FILE.toml`` is a recipe of the user's own, called as the
        file is. A glob passes over methods that cannot be imported. ``onnx:FILE`` and the like are models.

        Raises:
            UsageError: a pattern matches nothing, or a recipe file is wrong.
            DataError: a model's file is missing, or cannot be used.
        """
        patterns = list(patterns)
        session = {name: name for name in self._methods if is_model(name)}  # networks of a Python session
        bare = {p: p if p in session else without_sign(p, self._models.get) for p in filter(is_model, patterns)}
        found = self._models.add((p for p in bare.values() if p not in session), self._version) | session
        models = {p: found[known] + (SIGN if known != p else "") for p, known in bare.items()}
        for known, name in models.items():
            if known != bare[known] and name in found.values():
                raise UsageError(f"'{name}' would be two rows, since a file is called so: '?label=NAME' renames it.")
        models |= {name: name for name in found.values() if name not in models}
        self._require_used_networks()
        return select_choices(patterns, models, self._methods, self.card)

    def _version(self, name: str) -> int | None:
        return self.card(name).info.version if name in self._methods else None

    def metric(self, name: str) -> Metric:
        """A metric; see :meth:`Metrics.get`."""
        return self.metrics.get(name)

    def of_plugin(self, path: Path) -> tuple[list[str], list[str]]:
        """The names of a plugin file's methods and metrics, in the process that has imported it."""
        return [name for name, entry in self._methods.items() if isinstance(entry, type)], self.metrics.of_plugin(path)

    def _add_plugin(self, path: Path) -> None:
        if not is_file(path):
            raise UsageError(f"There is no plugin file {path}.")
        if self._is_hosted:
            self._add_hosted(path)
            return
        module = import_file(path)
        added = 0
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__:
                if inspect.isabstract(value) or not isinstance(getattr(value, "info", None), MethodInfo):
                    continue
                claim(value.info.name, self._methods, "method", path)
                self._methods[value.info.name] = value
                added += 1
            elif isinstance(value, Metric) and not self.metrics.has_installed(value):
                self.metrics.add(value, path)
                added += 1
        self._require(path, is_used=bool(added))

    def _add_hosted(self, path: Path) -> None:
        """Add the methods and metrics that a host finds in a plugin file."""
        place = path.resolve()
        origin = Origin(str(path), (place,))
        if place not in self.described:
            try:
                self.described[place] = ask(self.hosts, origin, f"Plugin {path}", "describe")
            except UsageError as error:  # the host knows the file by its absolute path
                raise UsageError(str(error).replace(str(place), str(path))) from error
        found = self.described[place]
        with reading(f"Plugin {path}"):
            for data in found["methods"]:
                card = from_json(data, place, str(found["source"]), str(place))
                claim(card.name, self._methods, "method", path)
                self._methods[card.name] = origin
                self._cards[card.name] = card
            for data in found["metrics"]:
                self.metrics.add(hosted_metric(self.hosts, origin, data), path)
            self._require(path, is_used=bool(found["methods"] or found["metrics"]))

    def _require(self, path: Path, *, is_used: bool) -> None:
        """Reject a plugin file without methods and metrics, unless a row of options may have its network."""
        if is_used:
            return
        if not has_network(path):
            raise UsageError(f"Plugin {path} defines no method and no metric.")
        self._networks.append(path)

    def _require_used_networks(self) -> None:
        used = {spec.code.path for spec in self.models if spec.code is not None}
        for path in self._networks:
            if path.resolve() not in used:
                raise UsageError(
                    f"Plugin {path} defines no method and no metric; its network is a row as "
                    f"torch:{path}:{networks(path)[0]}?weights=W.pth, without --plugin."
                )


def _folder_of(method: type[Method]) -> Path:
    """The folder of a class's file; the working directory in a prompt or notebook."""
    try:
        return Path(inspect.getfile(method)).parent
    except (TypeError, OSError):
        return Path.cwd()


def _are_recipes(recipes: object) -> bool:
    if not isinstance(recipes, Mapping):
        return False
    return bool(recipes) and all(isinstance(n, str) and isinstance(r, Recipe) for n, r in recipes.items())
