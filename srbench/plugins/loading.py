"""Imports what others wrote: entry points, and files that are named. What is broken costs nobody else anything."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType
from typing import Any

from srbench.errors import UsageError
from srbench.system.installed import DISTRIBUTION, own_distribution
from srbench.system.places import is_file


@dataclass(frozen=True, slots=True)
class SkippedPlugin:
    """A plugin's entry point that is left out, because another one has its name."""

    kind: str
    name: str
    origin: str
    error: str


def take(kind: str, group: str, taken: dict[str, Any]) -> Iterator[SkippedPlugin]:
    """Take in a group's entry points; what has the name of one before it is refused."""
    for entry in _entry_points(group):
        first = taken.setdefault(entry.name, entry)
        if first.value != entry.value:
            why = f"{package_of(first)} has a {kind} of that name; rename one, or uninstall it"
            error = f"{kind.capitalize()} '{entry.name}' of {package_of(entry)} is left out: {why}."
            yield SkippedPlugin(kind, entry.name, package_of(entry), error)


def _entry_points(group: str) -> list[EntryPoint]:
    """Installed entry points, ours first; in a checkout that is not installed, those that pyproject.toml declares."""
    found = list(entry_points(group=group))
    if own_distribution() is None:
        declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
        table: dict[str, str] = declared["project"]["entry-points"][group]
        found += [EntryPoint(name, value, group) for name, value in table.items()]
    found.sort(key=lambda entry: not entry.value.startswith("srbench."))
    return found


def package_of(entry: EntryPoint) -> str:
    """The installed package that an entry point belongs to; srbench itself is called as its users call it."""
    return "srbench" if entry.dist is None or entry.dist.name == DISTRIBUTION else entry.dist.name


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


def load_entry(entry: EntryPoint) -> Any:
    """What an entry point leads to.

    Raises:
        UsageError: it cannot be imported.
    """
    with _importing(f"'{entry.name}' ({entry.value})"):
        return entry.load()


class _Fresh(SourceFileLoader):
    """Compiles the file as it is: an edit within a second, of the same length, leaves old bytecode in force."""

    def get_code(self, fullname: str) -> CodeType:
        """The module's code."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def import_file(path: Path) -> Any:
    """A plugin file as a module; it is executed.

    Raises:
        UsageError: there is none, or it cannot be imported.
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
        with _importing(f"Plugin {path}"):
            spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def module_file(entry: EntryPoint) -> Path:
    """The file of an entry point's module, which is not imported.

    Raises:
        UsageError: there is none.
    """
    with _importing(f"'{entry.name}' ({entry.value})"):  # looking for a module imports the packages above it
        spec = importlib.util.find_spec(entry.module)
    if spec is None or spec.origin is None:
        raise UsageError(f"'{entry.name}' ({entry.value}) cannot be imported: there is no such module.")
    if not Path(spec.origin).is_file():  # "built-in", say
        raise UsageError(f"'{entry.name}' ({entry.value}) leads to a module without a file.")
    return Path(spec.origin)


def leads_to(taken: object, method: type) -> bool:
    """Whether an entry point is that of a class."""
    return isinstance(taken, EntryPoint) and taken.value == f"{method.__module__}:{method.__qualname__}"
