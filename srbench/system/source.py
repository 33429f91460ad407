"""Hashes of source code, so that a changed method or metric is not taken for the one that made a result."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

MOST_ABOVE = 4
"""How many folders above a module it may import from: more are no repository's."""


@lru_cache(maxsize=16)
def code_hash(*modules: str) -> str:
    """sha256 over modules of srbench, and over all modules of its packages, by their names.

    Args:
        modules: dotted names below srbench: ``inference``, ``imaging``, ``bench.cell``.

    Raises:
        FileNotFoundError: there is none of a name, so that one which was moved cannot drop out.
    """
    digest = hashlib.sha256()
    for name in modules:
        for file in code_files(name):
            digest.update(f"{name}/{file.name}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def code_files(name: str) -> list[Path]:
    """The file of a module of srbench, or all files of a package, by its dotted name below srbench.

    Raises:
        FileNotFoundError: there is none.
    """
    place = Path(__file__).resolve().parents[1].joinpath(*name.split("."))
    found = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_name(f"{place.name}.py")]
    if not found or not all(file.is_file() for file in found):
        raise FileNotFoundError(f"srbench has no module {name}")
    return found


@lru_cache(maxsize=256)
def source_hash(path: Path) -> str:
    """sha256 over a module and, in turn, the modules of its own package that it imports."""
    digest = hashlib.sha256()
    for _, source in source_files(path):
        digest.update(hashlib.sha256(source).digest())
    return digest.hexdigest()


def source_files(path: Path, *, above: bool = False) -> Iterator[tuple[Path, bytes]]:
    """A module and, in turn, the modules of its own package that it imports, with what is in them.

    Args:
        path: of the module.
        above: whether the folders above count too, as for a program that is started in its repository's folder.
    """
    root = package_root(path)
    queue, seen = [path], {path}
    while queue:
        module = queue.pop(0)
        source = module.read_bytes()
        yield module, source
        found = {file for _, file in _imported_above(module, source)} if above else set()
        for file in sorted(found.union(_imported_files(module, source, root)) - seen):
            seen.add(file)
            queue.append(file)


def folders_above(path: Path) -> list[Path]:
    """Folders above a module's own, the nearest first, in which it and what it imports find modules by their names."""
    files = source_files(path, above=True)
    found = {folder for module, source in files for folder, _ in _imported_above(module, source)}
    return sorted(found - {path.parent}, key=lambda folder: -len(folder.parts))


def relative_depth(path: Path) -> int:
    """How many folders above a module its relative imports reach; 0 if it has none."""
    levels = (node.level for node in _imports(path.read_bytes()) if isinstance(node, ast.ImportFrom))
    return max(levels, default=0)


def package_root(path: Path) -> Path:
    """The folder of the outermost package that a module lies in. srbench itself is nobody's own package."""
    root = path.parent
    while (
        (root / "__init__.py").is_file() and (root.parent / "__init__.py").is_file() and root.parent.name != "srbench"
    ):
        root = root.parent
    return root


def _imported_files(module: Path, source: bytes, root: Path) -> Iterator[Path]:
    """Files below ``root`` that a module may import from: rather one too many than one too few."""
    for node in _imports(source):
        level = node.level if isinstance(node, ast.ImportFrom) else 0
        base = module.parents[level - 1] if 0 < level <= len(module.parents) else None
        for names in _names(node):
            yield from _files(base, names) if base else _anywhere(root, names)


def _imported_above(module: Path, source: bytes) -> Iterator[tuple[Path, Path]]:
    """Files that a module may import by an absolute name, each with the folder above that it is found in."""
    for node in _imports(source):
        if isinstance(node, ast.ImportFrom) and node.level:
            continue
        for names in _names(node):
            for folder in list(module.parents)[:MOST_ABOVE]:
                if found := [*_files(folder, names)]:
                    yield from ((folder, file) for file in found)
                    break


def _imports(source: bytes) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports in a module's source; none if it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):  # ValueError: it has a NUL byte
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[list[str]]:
    """The dotted names that an import may mean: of ``from a import b`` both a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".") for alias in node.names)
        return
    dotted = node.module.split(".") if node.module else []
    yield from (dotted, *([*dotted, alias.name] for alias in node.names))


def _anywhere(root: Path, dotted: list[str]) -> Iterator[Path]:
    """An absolute name: its first parts may be what the package is called, so each later start is tried too."""
    for start in range(len(dotted)):
        yield from _files(root, dotted[start:])


def _files(base: Path, dotted: list[str]) -> Iterator[Path]:
    place = base.joinpath(*dotted)
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if dotted and file.is_file():
            yield file


def files_of(found: type) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """What of a method's class is in its hash already.

    Returns:
        The files that are (its source; of a model its files), and the folder of a class that is not srbench's own.
    """
    spec = getattr(found, "spec", None)
    if spec is not None:
        return tuple(spec.files), ()
    try:
        file = Path(inspect.getfile(found))
    except (TypeError, OSError):
        return (), ()
    known = tuple(path for path, _ in source_files(file)) if file.is_file() else ()
    return known, () if found.__module__.startswith("srbench.") else (file.parent,)
