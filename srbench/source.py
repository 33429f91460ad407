"""Hashes of source code, so that a changed method or metric is not taken for the one that made a result."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=256)
def source_hash(path: Path) -> str:
    """sha256 over a module and, in turn, the modules beside it that it imports from."""
    digest = hashlib.sha256()
    queue, seen = [path], {path}
    while queue:
        source = queue.pop(0).read_bytes()
        digest.update(hashlib.sha256(source).digest())
        for name in sorted(_imported_names(source)):
            for sibling in (path.parent / f"{name}.py", path.parent / name / "__init__.py"):
                if sibling.is_file() and sibling not in seen:
                    seen.add(sibling)
                    queue.append(sibling)
    return digest.hexdigest()


def _imported_names(source: bytes) -> set[str]:
    """Names of modules that may lie beside a module with this source."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names.update([module.split(".")[0], module.rpartition(".")[2]])
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name.rpartition(".")[2] for alias in node.names)
    return names - {"", "*"}
