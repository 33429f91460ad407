"""Imports a Python file of the user with its folder importable, and leaves no trace of it in this process."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from srbench.errors import DataError, UsageError
from srbench.system.text import first_line

_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
_STAY = {"srbench", "__main__", *sys.builtin_module_names}


@contextlib.contextmanager
def imported(path: Path) -> Iterator[ModuleType]:
    """A context in which the module of a file is imported; what it imports from its folder is its own.

    Modules of another folder that have the same names, as ``common``, are put aside meanwhile. A file in a package is
    imported by the package's name, so that it may import relatively.

    Raises:
        UsageError: it cannot be imported.
    """
    root, name = _root_and_name(path)
    with neighbours(path.parent, root), contextlib.redirect_stdout(sys.stderr):  # stdout is for results
        yield _module(path, f"_{name}" if name in sys.modules else name)


@contextlib.contextmanager
def neighbours(folder: Path, root: Path) -> Iterator[None]:
    """A context in which modules of a folder, and of the folder of its package, can be imported; they are its own."""
    folders = list(dict.fromkeys([str(folder), str(root)]))
    before, paths, bytecode = dict(sys.modules), [*sys.path], sys.dont_write_bytecode
    for known, module in before.items():
        if _is_in_the_way(known, module, root, folder):
            del sys.modules[known]
    kept = dict(sys.modules)
    sys.path[:0] = folders
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()  # a file may have been written a moment ago
    try:
        yield
    finally:
        sys.path[:] = paths
        sys.dont_write_bytecode = bytecode
        for known, module in [*sys.modules.items()]:
            if known not in kept and known.partition(".")[0] not in _STAY and _lies_below(module, root):
                del sys.modules[known]
        sys.modules.update({known: module for known, module in before.items() if known not in sys.modules})


def _module(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path.name} is not a Python file.")
    try:
        if "." in name:
            importlib.import_module(name.rpartition(".")[0])
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (DataError, UsageError):
        raise
    except (Exception, SystemExit) as error:  # any error of the user's code
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {first_line(error)}.") from error
    return module


def _root_and_name(path: Path) -> tuple[Path, str]:
    """The folder that a file's package is in, and the module's dotted name; of a file alone its folder and stem."""
    root, name = path.parent, path.stem.replace(".", "_")
    while (root / "__init__.py").is_file():
        root, name = root.parent, f"{root.name}.{name}"
    return root, name


def _is_in_the_way(name: str, module: ModuleType, *folders: Path) -> bool:
    """Whether a module has the name of one in these folders, and is another program's."""
    top = name.partition(".")[0]
    if top in _STAY or not any((folder / f"{top}.py").is_file() or (folder / top).is_dir() for folder in folders):
        return False
    file = getattr(module, "__file__", None)
    return not isinstance(file, str) or not is_library(Path(file))


def is_library(file: Path) -> bool:
    """Whether a module is installed or of the standard library."""
    return bool({"site-packages", "dist-packages"} & {*file.parts}) or _STANDARD in file.resolve().parents


def _lies_below(module: ModuleType, root: Path) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if isinstance(file, str) else [str(each) for each in getattr(module, "__path__", ())]
    return any(Path(place).is_relative_to(root) and not is_library(Path(place)) for place in places)
