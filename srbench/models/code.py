"""Parses ``FILE.py:Class`` and the options of its own, without importing the file."""

from __future__ import annotations

import ast
from pathlib import Path

from srbench.errors import DataError, UsageError
from srbench.models.spec import Code
from srbench.system.places import is_file, user_path

ARGUMENT, WEIGHTS = "arg.", "weights="


def parse_code(path: str, query: str, pattern: str) -> tuple[Code, str, str]:
    """The class, the path of the weights (empty if none), and the other options.

    Args:
        path: before the ``?``.
        query: after it.
        pattern: the whole, for messages.

    Raises:
        UsageError: there is no class, or an argument is no NAME=VALUE.
        DataError: there is no such file.
    """
    text, _, name = path.rpartition(":")
    if not text and name.endswith(".py"):
        text, name = name, ""
    place = user_path(text or name).absolute()
    if not text or not is_file(place):
        raise DataError(f"There is no Python file '{text or name}'; write torch:FILE.py:Class?weights=W.pth.")
    if not name:
        known = networks(place)
        example = known[0] if known else "Class"
        more = f" (it has {', '.join(known)})" if known else ""
        raise UsageError(f"'{pattern}' names no class of {place.name}{more}; write torch:{text}:{example}.")
    parts = [part for part in query.split("&") if part]
    weights = [part.removeprefix(WEIGHTS) for part in parts if part.startswith(WEIGHTS)]
    arguments: dict[str, str] = {}
    for part in parts:
        if part.startswith(ARGUMENT):
            key, is_given, value = part.removeprefix(ARGUMENT).partition("=")
            if not (is_given and key.isidentifier()):
                raise UsageError(f"In '{pattern}', {part} is no argument of the class; write arg.NAME=VALUE.")
            arguments[key] = value
    if len(weights) > 1 or weights == [""]:
        raise UsageError(f"'{pattern}' names {'two files' if weights != [''] else 'no file'} of weights; name one.")
    others = [part for part in parts if not part.startswith((ARGUMENT, WEIGHTS))]
    return Code(place.resolve(), name, tuple(sorted(arguments.items()))), "".join(weights), "&".join(others)


def networks(path: Path) -> list[str]:
    """The classes at the top level of a Python file; those that are networks where any are."""
    classes = _classes(path)
    return [name for name, is_network in classes.items() if is_network] or [*classes]


def has_network(path: Path) -> bool:
    """Whether a class at the top level of a Python file is a network."""
    return any(_classes(path).values())


def _classes(path: Path) -> dict[str, bool]:
    """The classes of a file, which is not executed, and whether a base of theirs is called Module."""
    try:
        found = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError, OSError):
        return {}
    return {node.name: any("Module" in ast.dump(base) for base in node.bases) for node in found}
