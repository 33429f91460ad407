"""Hashes of classes without a file of their own: in a notebook, a script or an interactive session.

The hash of a file covers everything in it. Here the class is followed instead: its compiled code, and the functions,
classes and values of the session that it refers to. If something cannot be followed, the hash is unique, so that a
result is rather computed again than taken from other code.
"""

from __future__ import annotations

import builtins
import hashlib
import sys
import uuid
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from srbench.models.source_file import is_library
from srbench.system.source import source_hash

_hash_now = source_hash.__wrapped__  # without the cache: modules are reloaded

_SKIPPED = {
    *("__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__", "_abc_impl"),
    *("__annotations__", "__annotate_func__", "__annotations_cache__", "__orig_bases__", "__abstractmethods__"),
}
"""Attributes of classes that do not change their behaviour."""
_WRAPPED = (staticmethod, classmethod)


def class_source(found: type) -> tuple[str, bool]:
    """The sha256 of a class, of what its code uses, and of its module's file; and whether all could be followed."""
    walk = _Walk()
    try:
        parts = list(walk.of_class(found))
    except Exception:  # any error of inspected objects, and infinite values
        parts = [walk.unknown()]
    file = _file(sys.modules.get(found.__module__))
    if file is not None and found.__module__ != "__main__":
        parts.append(_hash_now(file))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest(), walk.is_read


class _Walk:
    """Follows values, each once."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # so that ids are not reused
        self.is_read = True
        """Whether everything could be followed."""

    def unknown(self) -> str:
        """A part for what cannot be followed, which is no other's."""
        self.is_read = False
        return uuid.uuid4().hex

    def parts(self, value: Any) -> Iterator[str]:
        """The parts of a value that are hashed."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            yield f"{type(value).__name__} {value!r}"
            return
        if id(value) in self._seen:
            yield f"again {self._seen[id(value)]}"
            return
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        yield from self._followed(value)

    def _followed(self, value: Any) -> Iterator[str]:
        if isinstance(value, type | FunctionType | ModuleType):
            yield from self._named(value)
        elif isinstance(value, _WRAPPED):
            yield type(value).__name__
            yield from self.parts(value.__func__)
        elif isinstance(value, property | cached_property):
            functions = (value.func,) if isinstance(value, cached_property) else (value.fget, value.fset)
            yield type(value).__name__
            for function in functions:
                yield from self.parts(function)
        elif isinstance(value, list | tuple):
            yield f"{type(value).__name__} {len(value)}"
            for item in value:
                yield from self.parts(item)
        elif isinstance(value, set | frozenset):
            walks = [(_Walk(), item) for item in value]
            items = sorted("\n".join(walk.parts(item)) for walk, item in walks)
            self.is_read &= all(walk.is_read for walk, _ in walks)
            yield f"{type(value).__name__} {items}"
        elif isinstance(value, Mapping):
            yield f"{type(value).__name__} {len(value)}"
            for key, item in value.items():
                yield from self.parts(key)
                yield from self.parts(item)
        else:
            yield from self._object(value)

    def _named(self, value: Any) -> Iterator[str]:
        """A class, function or module: its name, and its code if it is the user's."""
        is_module = isinstance(value, ModuleType)
        module = value.__name__ if is_module else value.__module__
        name = "" if is_module else value.__qualname__
        home = sys.modules.get(module)
        yield f"{module} {name}"
        if is_module or not (_is_session(module) or "<locals>" in name):
            file = _file(home)
            if file is not None and not is_library(file):
                yield _hash_now(file)
        elif isinstance(value, type):
            yield from self.of_class(value)
        else:
            yield from self._function(value)

    def of_class(self, found: type) -> Iterator[str]:
        """A class: its bases and its attributes."""
        yield found.__qualname__
        for base in found.__bases__:
            yield from self.parts(base)
        for key in sorted(vars(found).keys() - _SKIPPED):
            yield key
            yield from self.parts(vars(found)[key])

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield from self._code(function.__code__, function.__globals__)
        yield from self.parts([function.__defaults__, function.__kwdefaults__])
        for cell in function.__closure__ or ():
            try:
                yield from self.parts(cell.cell_contents)
            except ValueError:  # empty: `super()` of a class that is not made yet
                yield "empty"

    def _code(self, code: CodeType, known: Mapping[str, Any]) -> Iterator[str]:
        """Compiled code without line numbers, and the values of global names that it uses."""
        yield f"{code.co_name} {code.co_flags} {code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount}"
        yield f"{code.co_varnames} {code.co_freevars} {code.co_names}"
        yield f"{code.co_code.hex()} {code.co_exceptiontable.hex()}"
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._code(constant, known)
            elif isinstance(constant, frozenset):  # in no order
                yield f"{sorted(map(repr, constant))}"
            else:
                yield repr(constant)
        for name in code.co_names:
            if name in known and known[name] is not getattr(builtins, name, None):
                yield name
                yield from self.parts(known[name])

    def _object(self, value: Any) -> Iterator[str]:
        """An object as pickle reduces it: its class and state."""
        yield f"{type(value).__module__} {type(value).__qualname__}"
        taken: Any
        try:
            if hasattr(value, "__wrapped__"):
                taken = value.__wrapped__
            elif hasattr(value, "detach"):  # a tensor, without importing torch here
                taken = value.detach().cpu().numpy()
            elif hasattr(value, "tobytes") and hasattr(value, "dtype"):
                taken = f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
            else:
                taken = value.__reduce_ex__(4)
        except Exception:  # any error; a file, for example, has no state
            taken = self.unknown()
        yield from self.parts(taken)


def _file(module: ModuleType | None) -> Path | None:
    """The Python file of a module, if it has one."""
    name = getattr(module, "__file__", None)
    path = Path(name) if isinstance(name, str) else None
    return path.resolve() if path is not None and path.suffix == ".py" and path.is_file() else None


def _is_session(module: str) -> bool:
    """Whether a module is the interactive session."""
    home = sys.modules.get(module)
    return module == "__main__" or home is None or (_file(home) is None and getattr(home, "__spec__", None) is None)
