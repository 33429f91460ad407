"""Records what code reads besides its own source: files and environment variables.

Python reports opened files by audit events (PEP 578); functions of libraries that read in C++ (safetensors,
TorchScript, ONNX Runtime, OpenCV, HDF5) are wrapped. What could be read unseen (by another program, over the network,
through ctypes) is recorded as such: then the inputs of a value are not known.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

_READERS: dict[str, tuple[str, ...]] = {
    "safetensors": ("safe_open",),
    "safetensors.torch": ("safe_open", "load_file"),
    "safetensors.numpy": ("safe_open", "load_file"),
    "torch.jit": ("load",),
    "torch.jit._serialization": ("load",),
    "onnxruntime": ("InferenceSession",),
    "cv2": ("imread", "imreadmulti", "VideoCapture"),
    "cv2.dnn": ("readNet", "readNetFromONNX", "readNetFromTensorflow", "readNetFromCaffe", "readNetFromTorch"),
    "h5py": ("File",),
    "torchvision.io": ("read_file", "read_image", "decode_image"),
    "pyvips.Image": ("new_from_file",),
}
"""By module: functions that read the file named by their first argument."""
_UNSEEN = {
    "subprocess.Popen": "started another program",
    "os.system": "started another program",
    "os.exec": "started another program",
    "os.posix_spawn": "started another program",
    "os.fork": "forked its process",
    "socket.connect": "used the network",
    "socket.sendto": "used the network",
    "ctypes.dlopen": "called C through ctypes",
}
"""Audit events after which files may be read unseen."""
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/")
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".npy")
_ALLOWED = 2**16
"""Bytes that may be read beyond the known files: headers of libraries, files that are read twice."""


def _library_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names} | {folder for folder in sys.path if "-packages" in folder}
    return tuple(sorted(str(Path(folder).resolve()) + os.sep for folder in folders if folder))


@dataclass(slots=True)
class Reads:
    """What was read.

    Attributes:
        files: by absolute path, the modification time in ns and the size when the file was first opened; None if there
            was no file.
        variables: names of environment variables.
        unseen: how other things may have been read, in words.
    """

    files: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"files": self.files, "variables": sorted(self.variables), "unseen": sorted(self.unseen)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reads:
        """From plain data.

        Raises:
            ValueError, TypeError, AttributeError, KeyError: the data are invalid.
        """
        files = {
            str(path): None if state is None else (int(state[0]), int(state[1]))
            for path, state in data["files"].items()
        }
        return cls(files, {str(name) for name in data["variables"]}, {str(words) for words in data["unseen"]})

    def __bool__(self) -> bool:
        return bool(self.files or self.variables or self.unseen)

    def add(self, other: Reads) -> None:
        """Add what else was read; of a file, the first state counts."""
        self.files = {**other.files, **self.files}
        self.variables |= other.variables
        self.unseen |= other.unseen

    def clear(self) -> None:
        """Remove everything."""
        self.files, self.variables, self.unseen = {}, set(), set()


class Watch:
    """Records what is read in this process within its context, which may be entered repeatedly.

    Args:
        left_out: folders and files that are covered otherwise, such as a method's source and weights.
        own: folders of the watched code, even if they are among installed libraries.
    """

    def __init__(self, left_out: Sequence[Path] = (), own: Sequence[Path] = ()) -> None:
        _install()  # at once: a State that is taken from now on has srbench's own wrappers in it
        self.reads = Reads()
        self._left_out = tuple(os.path.realpath(path) for path in left_out)
        self._own = tuple(os.path.realpath(path) + os.sep for path in own)
        self._libraries = _library_folders()
        self._written: set[str] = set()
        self._before = 0
        self._seen_bytes = 0

    def __enter__(self) -> Watch:
        self._seen_bytes = 0
        self._before = _bytes_read()
        _active.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _active.remove(self)
        unseen = _bytes_read() - self._before - 2 * self._seen_bytes
        if unseen > _ALLOWED:
            self.reads.unseen.add("read files by means that cannot be watched")

    def event(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Handle an audit event."""
        if name == "open":
            self.opened(arguments[0], *arguments[1:3])
        elif (words := _UNSEEN.get(name)) is not None and not (name.startswith("ctypes") and self._by_library()):
            self.reads.unseen.add(words)

    def opened(self, name: Any, mode: Any = "r", flags: Any = 0) -> None:
        """Record an opened file."""
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if not isinstance(name, str | os.PathLike):
            return  # a descriptor: of a pipe, or of what was opened before
        path = os.path.realpath(name)
        if path.startswith(_SYSTEM) or os.path.isdir(path):
            return
        try:
            status = os.stat(path)
        except OSError:
            if any(path == os.path.realpath(entry) for entry in sys.path):  # where a module is looked for
                return
            status = None
        if status is not None:
            self._seen_bytes += status.st_size
        if path.endswith(".pyc"):  # which stands for its source
            try:
                path = importlib.util.source_from_cache(path)
                status = os.stat(path)
            except (ValueError, OSError):
                return
        if self._is_known(path):
            return
        writes = isinstance(mode, str) and any(sign in mode for sign in "wxa")
        if mode is None and isinstance(flags, int):
            writes = flags & os.O_ACCMODE == os.O_WRONLY or bool(flags & (os.O_CREAT | os.O_TRUNC))
        if writes:
            self._written.add(path)
        elif path not in self._written and path not in self.reads.files:
            self.reads.files[path] = None if status is None else (status.st_mtime_ns, status.st_size)

    def variable(self, name: str) -> None:
        """Record an environment variable, unless a library reads it of its own accord."""
        if not self._by_library():
            self.reads.variables.add(name)

    def _is_known(self, path: str) -> bool:
        """Whether a file belongs to a library or is covered otherwise. Images never do: they may be test images."""
        if path.lower().endswith(_IMAGES):
            return False
        if path.startswith(self._libraries) and not (self._own and path.startswith(self._own)):
            return True
        return any(path == known or path.startswith(known + os.sep) for known in self._left_out)

    def _by_library(self) -> bool:
        """Whether the innermost caller is a library, not the watched code."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if not file.startswith("<") and not file.startswith(_HERE) and not _is_between(file):
                return file.startswith(self._libraries)
            frame = frame.f_back
        return True


_HERE = str(Path(__file__).parent) + os.sep
_BETWEEN = (os.__file__, os.path.join(os.path.dirname(os.__file__), "_collections_abc.py"))
_active: list[Watch] = []
_installed = False


def _is_between(file: str) -> bool:
    """Whether a file implements the access to environment variables."""
    return file in _BETWEEN or "ctypes" + os.sep + "__init__" in file


def _bytes_read() -> int:
    """Bytes that this process has read by system calls; 0 if unknown."""
    try:
        with open("/proc/self/io", "rb") as file:
            return int(file.readline().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _install() -> None:
    """Install the hooks, once."""
    global _installed
    if _installed:
        return
    _installed = True
    sys.addaudithook(_hook)
    for name in _READERS:
        if name in sys.modules:
            _wrap_readers(sys.modules[name])
    sys.meta_path.insert(0, _ReadersAsImported())
    os.environ.__class__ = type("_Environ", (type(os.environ),), {"__getitem__": _getitem, "__slots__": ()})


def _hook(name: str, arguments: tuple[Any, ...]) -> None:
    if _active and (name == "open" or name in _UNSEEN):
        for watch in _active:
            watch.event(name, arguments)


def _getitem(self: Any, key: Any) -> Any:
    if isinstance(key, str):
        for watch in _active:
            watch.variable(key)
    return super(type(self), self).__getitem__(key)


class _ReadersAsImported(importlib.abc.MetaPathFinder):
    """Wraps the readers of modules as soon as they are imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec that the other finders give."""
        if name not in _READERS:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader.exec_module = _then_wrapped(spec.loader.exec_module)  # type: ignore[method-assign, assignment]
                return spec
        return None


def _then_wrapped(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def executed(module: ModuleType) -> None:
        execute(module)
        _wrap_readers(module)

    return executed


def _wrap_readers(module: ModuleType) -> None:
    for name in _READERS[module.__name__]:
        reader = getattr(module, name, None)
        if reader is not None and not hasattr(reader, "_srbench_reads"):
            setattr(module, name, _recording(reader))


def _recording(reader: Any) -> Any:
    """A reader that records its file. A class stays a class: others inherit from it or test for it."""
    if isinstance(reader, type):
        try:
            return type(reader)(reader.__name__, (reader,), {"__new__": _recording_new(reader), "_srbench_reads": True})
        except TypeError:  # a class that nobody may inherit from
            pass

    @functools.wraps(reader, updated=())
    def wrapped(*arguments: Any, **named: Any) -> Any:
        _record(arguments, named)
        return reader(*arguments, **named)

    wrapped._srbench_reads = True  # type: ignore[attr-defined]
    return wrapped


def _recording_new(reader: type) -> Callable[..., Any]:
    def new(cls: type, *arguments: Any, **named: Any) -> Any:
        _record(arguments, named)
        made: Any = reader.__new__
        return made(cls) if made is object.__new__ else made(cls, *arguments, **named)

    return new


def _record(arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
    for value in (*arguments[:2], *named.values()):
        if isinstance(value, str | os.PathLike) and os.path.isfile(value):
            for watch in _active:
                watch.opened(value)


def changed(reads: Reads) -> Iterator[str]:
    """The files that have changed since they were opened."""
    for path, state in reads.files.items():
        try:
            status = os.stat(path)
            now: tuple[int, int] | None = (status.st_mtime_ns, status.st_size)
        except OSError:
            now = None
        if now != state:
            yield path
