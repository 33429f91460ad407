"""Imports entry points and plugin files. A broken plugin does not affect others."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType
from typing import Any

from srbench.errors import UsageError
from srbench.models.source_file import neighbours
from srbench.system.installed import DISTRIBUTION, own_distribution
from srbench.system.places import is_file


@dataclass(frozen=True, slots=True)
class SkippedPlugin:
    """An entry point that is left out because its name is taken."""

    kind: str
    name: str
    origin: str
    error: str


def take(kind: str, group: str, taken: dict[str, Any]) -> Iterator[SkippedPlugin]:
    """Add the entry points of a group to ``taken``; yields those whose name is taken."""
    for entry in _entry_points(group):
        first = taken.setdefault(entry.name, entry)
        if first.value != entry.value:
            why = f"{package_of(first)} has a {kind} of that name; rename one, or uninstall it"
            error = f"{kind.capitalize()} '{entry.name}' of {package_of(entry)} is left out: {why}."
            yield SkippedPlugin(kind, entry.name, package_of(entry), error)


def _entry_points(group: str) -> list[EntryPoint]:
    """Installed entry points, srbench's first; in a checkout that is not installed, those in pyproject.toml."""
    found = list(_installed(tuple(sys.path), tuple(map(_changed, sys.path))).select(group=group))
    if own_distribution() is None:
        declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
        table: dict[str, str] = declared["project"]["entry-points"][group]
        found += [EntryPoint(name, value, group) for name, value in table.items()]
    found.sort(key=lambda entry: not entry.value.startswith("srbench."))
    return found


@lru_cache(maxsize=2)
def _installed(folders: tuple[str, ...], changed: tuple[int, ...]) -> Any:
    """All entry points; read again when a package has come or gone, for every other package's file is read."""
    return entry_points()


def _changed(folder: str) -> int:
    """When a file came or went in a folder of ``sys.path``; 0 where it is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def package_of(entry: EntryPoint) -> str:
    """The installed package of an entry point; ``srbench`` for srbench itself."""
    return "srbench" if entry.dist is None or entry.dist.name == DISTRIBUTION else entry.dist.name


@contextlib.contextmanager
def _importing(what: str) -> Iterator[None]:
    """A context for importing plugins: output goes to stderr, since stdout is for results.

    Raises:
        UsageError: the plugin raised, or tried to exit.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:  # any error must not affect other plugins
        raise UsageError(f"{what} cannot be imported: {type(error).__name__}: {error}.") from error


def load_entry(entry: EntryPoint) -> Any:
    """Load an entry point.

    Raises:
        UsageError: it cannot be imported.
    """
    with _importing(f"'{entry.name}' ({entry.value})"):
        return entry.load()


class _Fresh(SourceFileLoader):
    """Always compiles the file: cached bytecode is not invalidated by an edit within a second of the same length."""

    def get_code(self, fullname: str) -> CodeType:
        """The module's code."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def import_file(path: Path) -> Any:
    """Import a plugin file as a module, which executes it; it may import modules that lie beside it.

    Raises:
        UsageError: it does not exist, or cannot be imported.
    """
    if not is_file(path):
        raise UsageError(f"There is no plugin file {path}.")
    name = f"srbench_plugin_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    place = path.resolve()
    loader = _Fresh(name, str(place)) if place.suffix == ".py" else None
    spec = importlib.util.spec_from_file_location(name, place, loader=loader)
    if spec is None or spec.loader is None:
        raise UsageError(f"Plugin {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        here = str(place.parent)
        beside = contextlib.nullcontext() if here in sys.path else neighbours(place.parent, place.parent)
        with _importing(f"Plugin {path}"), beside:
            spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def module_file(entry: EntryPoint) -> Path:
    """The file of an entry point's module, without importing it.

    Raises:
        UsageError: there is none.
    """
    with _importing(f"'{entry.name}' ({entry.value})"):  # this imports the parent packages
        spec = importlib.util.find_spec(entry.module)
    if spec is None or spec.origin is None:
        raise UsageError(f"'{entry.name}' ({entry.value}) cannot be imported: there is no such module.")
    if not Path(spec.origin).is_file():  # for example "built-in"
        raise UsageError(f"'{entry.name}' ({entry.value}) leads to a module without a file.")
    return Path(spec.origin)


def leads_to(taken: object, method: type) -> bool:
    """Whether an entry point refers to a class."""
    return isinstance(taken, EntryPoint) and taken.value == f"{method.__module__}:{method.__qualname__}"
