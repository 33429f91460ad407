"""Imports a Python file of the user with its folder importable, and leaves no trace of it in this process."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from srbench.errors import DataError, UsageError
from srbench.system.source import folders_above, relative_depth, source_files
from srbench.system.text import first_line

_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
MOST_KNOWN = 8
"""How many modules are kept: the file of each scale's network is one, and a library's registry takes a class once."""
_KNOWN: dict[tuple[tuple[Path, bytes], ...], ModuleType] = {}
_STAY = {"srbench", "__main__", *sys.builtin_module_names}


@contextlib.contextmanager
def imported(path: Path) -> Iterator[ModuleType]:
    """A context in which the module of a file is imported; what it imports from its folder is its own.

    Modules of another folder that have the same names, as ``common``, are put aside meanwhile. A file in a package is
    imported by the package's name, so that it may import relatively. It may import from the folders above as well,
    after everything that is installed, as a file of a repository whose programs are started elsewhere in it; and a
    package's own ``__init__``, which may start a whole framework, need not work.

    Raises:
        UsageError: it cannot be imported.
    """
    folders, packages = _packages_of(path), _Packages()
    root = folders[0].parent if folders else path.parent
    sys.meta_path.insert(0, packages)
    try:  # stdout is for results
        with neighbours(path.parent, root, folders_above(path)), contextlib.redirect_stdout(sys.stderr):
            key = tuple((file, content) for file, content in source_files(path, above=True))
            if key not in _KNOWN:
                while len(_KNOWN) >= MOST_KNOWN:
                    del _KNOWN[next(iter(_KNOWN))]
                _KNOWN[key] = _module(path, folders, packages)
            yield _KNOWN[key]
    finally:
        sys.meta_path.remove(packages)


@contextlib.contextmanager
def neighbours(folder: Path, root: Path, above: Sequence[Path] = ()) -> Iterator[None]:
    """A context in which modules of a folder, and of the folder of its package, can be imported; they are its own.

    Args:
        folder: of a module.
        root: of its package.
        above: further folders, which are searched last.
    """
    folders = list(dict.fromkeys([str(folder), str(root)]))
    before, paths, bytecode = dict(sys.modules), [*sys.path], sys.dont_write_bytecode
    tops = {known.partition(".")[0] for known in before} - _STAY
    there = {top for top in tops if _is_there(top, root, folder, *above)}
    for known, module in before.items():
        if known.partition(".")[0] in there and not _is_of_library(module):
            del sys.modules[known]
    kept = dict(sys.modules)
    sys.path[:0] = folders
    sys.path += [str(each) for each in above if str(each) not in folders]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()  # a file may have been written a moment ago
    try:
        yield
    finally:
        sys.path[:] = paths
        sys.dont_write_bytecode = bytecode
        for known, module in [*sys.modules.items()]:
            if known not in kept and known.partition(".")[0] not in _STAY and _lies_below(module, root, *above):
                del sys.modules[known]
        sys.modules.update({known: module for known, module in before.items() if known not in sys.modules})


class _Packages(MetaPathFinder, Loader):
    """Finds packages of the user's, and imports them bare, for the modules in them, where their ``__init__`` fails.

    Attributes:
        failed: what failed, in words.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A package's spec; None for modules and libraries, which are imported as ever."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.submodule_search_locations is None or not spec.origin or is_library(Path(spec.origin)):
            return None
        spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Nothing of its own."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the package's ``__init__``."""
        file = Path(str(module.__file__))
        try:
            SourceFileLoader(module.__name__, str(file)).exec_module(module)
        except Exception as error:  # any error of the user's code
            self.failed.append(
                f"{file.parent.name}/{file.name}: {type(error).__name__}: {first_line(error).rstrip('.')}"
            )

    def load(self, name: str, folder: Path) -> None:
        """Import a folder as a package of a name, with or without an ``__init__``."""
        if name in sys.modules:
            return
        places, init = [str(folder)], folder / "__init__.py"
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=places)
        if spec is None or not init.is_file():
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = places
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        above, _, last = name.rpartition(".")
        if above:
            setattr(sys.modules[above], last, module)
        if init.is_file():
            self.exec_module(module)


def _module(path: Path, folders: Sequence[Path], packages: _Packages) -> ModuleType:
    """A module, imported after the packages that it lies in, the outermost first."""
    parts = [each.name.replace(".", "_") for each in (*folders, path.with_suffix(""))]
    parts[0] = f"_{parts[0]}" if parts[0] in sys.modules else parts[0]
    names = [".".join(parts[: count + 1]) for count in range(len(parts))]
    spec = importlib.util.spec_from_file_location(names[-1], path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path.name} is not a Python file.")
    try:
        for package, folder in zip(names, folders, strict=False):
            packages.load(package, folder)
        if names[-1] in sys.modules:  # its package has imported it
            return sys.modules[names[-1]]
        module = sys.modules[names[-1]] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (DataError, UsageError):
        raise
    except (Exception, SystemExit) as error:  # any error of the user's code
        why = "; ".join([f"{type(error).__name__}: {first_line(error).rstrip('.')}", *packages.failed])
        raise UsageError(f"{path} cannot be imported: {why}.") from error
    return module


def _packages_of(path: Path) -> list[Path]:
    """The folders of the packages that a file lies in, the outermost first: as many as its relative imports need."""
    folders: list[Path] = []
    depth = relative_depth(path)
    for folder in path.parents:
        if not (folder / "__init__.py").is_file() and len(folders) >= depth:
            break
        folders.insert(0, folder)
    return folders


def _is_there(top: str, *folders: Path) -> bool:
    """Whether one of these folders has a module or a package of a name."""
    return any((folder / f"{top}.py").is_file() or (folder / top).is_dir() for folder in folders)


def _is_of_library(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and is_library(Path(file))


def is_library(file: Path) -> bool:
    """Whether a module is installed or of the standard library."""
    return bool({"site-packages", "dist-packages"} & {*file.parts}) or _STANDARD in file.resolve().parents


def _lies_below(module: ModuleType, *folders: Path) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if isinstance(file, str) else [str(each) for each in getattr(module, "__path__", ())]
    return any(not is_library(Path(place)) and any(map(Path(place).is_relative_to, folders)) for place in places)
