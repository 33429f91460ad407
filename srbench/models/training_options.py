"""Options of BasicSR and traiNNer-redux as rows: ``basicsr:OPTIONS.yml`` is the network that the file tests or trains.

Read are ``network_g`` with its arguments, ``scale``, ``path.pretrain_network_g`` and ``path.param_key_g``. The class is
searched for in plugin files and in the repository that the file lies in, unless ``?class=FILE.py`` or
``?class=FILE.py:Class`` names it.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.errors import DataError, UsageError
from srbench.models.spec import MOST, SCALE, SCALE_ARGUMENTS, Code
from srbench.system.installed import install_command
from srbench.system.places import is_file, user_path
from srbench.system.text import first_line

CLASS, WEIGHTS = "class=", "weights="
_ARCHS = ("basicsr/archs", "traiNNer/archs", "archs", "*/archs")
"""Where repositories that build on BasicSR have their networks, by globs."""
_LARGEST = 2**20
_KEYS = ("pretrain_network_g", "pretrain_network_G")


@dataclass(frozen=True, slots=True)
class TestedNetwork:
    """What a file of options says.

    Attributes:
        scale: the factor.
        weights: their file.
        code: the class and its arguments.
    """

    scale: int
    weights: Path
    code: Code


def read_options(path: Path, query: str, plugins: Iterable[Path] = ()) -> tuple[TestedNetwork, str]:
    """The network of a file of options, and what of a query is not for it.

    Args:
        path: of the file.
        query: after the ``?``: ``class=FILE.py``, ``weights=FILE`` and others.
        plugins: Python files that may have the class.

    Raises:
        UsageError: the package PyYAML is not installed, or the file is no such options.
        DataError: a file that it names is missing.
    """
    table = _read_yaml(path)
    network, paths, scale = table.get("network_g"), table.get("path"), table.get("scale")
    if not isinstance(network, dict) or not isinstance(network.get("type"), str):
        raise UsageError(
            f"{path.name} has no network_g with a type; basicsr: reads options of BasicSR and traiNNer-redux."
        )
    if type(scale) is not int or not 1 <= scale <= MOST:
        raise UsageError(f"{path.name} has no scale from 1 to {MOST}; add 'scale: 4'.")
    paths = paths if isinstance(paths, dict) else {}
    parts = [part for part in query.split("&") if part]
    own = {key: [p.removeprefix(key) for p in parts if p.startswith(key)] for key in (CLASS, WEIGHTS)}
    weights = [*own[WEIGHTS], *(str(paths[key]) for key in _KEYS if paths.get(key))]
    if not weights:
        raise UsageError(f"{path.name} has no path.pretrain_network_g; add it, or '?weights=FILE.pth'.")
    source, name = _class(own[CLASS][0], network["type"]) if own[CLASS] else ("", network["type"])
    place = user_path(source).absolute() if source else _source_of(path, name, plugins)
    if not is_file(place):
        raise DataError(f"There is no Python file '{source}'; name the one with the class {name}.")
    arguments = {str(key): repr(value) for key, value in network.items() if key != "type"}
    named = paths.get("param_key_g")
    code = Code(
        place.resolve(),
        name,
        tuple(sorted(arguments.items())),
        table=named if isinstance(named, str) and not own[WEIGHTS] else "",
    )
    others = "&".join(part for part in parts if not part.startswith((CLASS, WEIGHTS)))
    return TestedNetwork(scale, _found(path, weights[0].replace(SCALE, str(scale))), code), others


def without_scale(code: Code) -> Code:
    """The class as it is for all scales: its constructor gets the scale that each file says."""
    kept = tuple(argument for argument in code.arguments if argument[0] not in SCALE_ARGUMENTS)
    return Code(code.path, code.name, kept, code.table)


def _read_yaml(path: Path) -> dict[str, Any]:
    if importlib.util.find_spec("yaml") is None:
        raise UsageError(f"PyYAML is not installed: {install_command('basicsr')} installs it.")
    import yaml

    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name} cannot be read as YAML ({first_line(error).rstrip('.')}).") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path.name} is no table of options.")
    return found


def _found(options: Path, text: str) -> Path:
    """A file that options name, from the working directory or a folder that they lie in."""
    for folder in (Path.cwd(), *options.absolute().parents):
        if is_file(place := folder / user_path(text)):
            return place.resolve()
    raise DataError(f"There is no file '{text}', which {options.name} names; put it there, or add '?weights=FILE.pth'.")


def _class(text: str, name: str) -> tuple[str, str]:
    """The file and the class of ``FILE.py``, ``FILE.py:Class``, or what a row of ``torch:`` begins with."""
    file, _, other = text.removeprefix("torch:").rpartition(":")
    return (file, other) if file.endswith(".py") else (text.removeprefix("torch:"), name)


def _source_of(options: Path, name: str, plugins: Iterable[Path]) -> Path:
    """The file of a class: a plugin, or one in the repository that the options lie in.

    Raises:
        UsageError: it is not there.
    """
    for file in plugins:
        if name in _defined(file):
            return file
    for folder in options.absolute().parents:
        for pattern in _ARCHS:
            for place in sorted(folder.glob(pattern)):
                for file in sorted(place.glob("*.py")):
                    if name in _defined(file):
                        return file
    raise UsageError(
        f"{options.name} names the network {name}, and there is no archs/ folder with that class above it: name its "
        "file by --plugin FILE.py, or by '?class=FILE.py' ('?class=FILE.py:Class' if it is called otherwise there)."
    )


def _defined(path: Path) -> Iterator[str]:
    """Classes and functions at the top level of a file, which is not executed."""
    try:
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield node.name
    except (SyntaxError, ValueError, RecursionError, OSError):
        return
