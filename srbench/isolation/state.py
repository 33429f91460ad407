"""State that all code of a process shares: settings and functions that a method may change."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_SHARED = ("builtins", "math", "os", "random", "json", "numpy", "cv2", "torch", "torch.nn.functional", "scipy.ndimage")
"""Modules whose functions srbench and methods use."""
_QUIET = {"the environment", "NumPy's random numbers", "Python's random numbers", "torch's random numbers"}
"""Changed by libraries and honest methods too: restored, but not reported."""
_libm = None


class State:
    """A snapshot of the shared state of this process."""

    def __init__(self) -> None:
        self._settings = {words: get() for words, (get, _) in _settings().items()}
        modules = {name: sys.modules[name] for name in _SHARED if name in sys.modules}
        self._functions = {name: _functions(module) for name, module in modules.items()}

    def adopt(self, words: str) -> None:
        """Update one setting of the snapshot, which srbench itself has just changed."""
        get, _ = _settings()[words]
        self._settings[words] = get()

    def changes(self) -> list[str]:
        """What has changed since the snapshot, in words."""
        now = State()
        settings = {words: value for words, value in self._settings.items() if words not in _QUIET}
        found = [words for words, value in settings.items() if not _same(now._settings.get(words, value), value)]
        for name, functions in self._functions.items():
            others = now._functions.get(name, {})
            changed = {key: others.get(key) for key, value in functions.items() if others.get(key) is not value}
            found += [f"{name}.{key}" for key, new in changed.items() if not _by_the_library(name, key, new)]
        return found

    def restore(self) -> None:
        """Restore the snapshot."""
        for words, (get, put) in _settings().items():
            if words in self._settings and not _same(get(), self._settings[words]):
                put(self._settings[words])
        for name, functions in self._functions.items():
            module = sys.modules.get(name)
            for key, value in functions.items() if module is not None else ():
                if vars(module).get(key) is not value:
                    setattr(module, key, value)


def _functions(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if callable(value) and not name.startswith("__")}


def _by_the_library(module: str, name: str, new: Any) -> bool:
    """Whether a library replaced its own function, as torch does when it first compiles."""
    home = str(getattr(new, "__module__", "")).partition(".")[0]
    return home == module.partition(".")[0] and getattr(new, "__name__", "") == name


def _settings() -> Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """How to read and restore each setting, by its description."""
    found: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
        "the working directory": (_directory, os.chdir),
        "NumPy's handling of floating-point errors": (np.geterr, lambda value: np.seterr(**value)),
        "NumPy's random numbers": (np.random.get_state, np.random.set_state),
        "Python's random numbers": (random.getstate, random.setstate),
        "the mode of rounding": (_rounding, _set_rounding),
        "what Ctrl-C does": (
            lambda: signal.getsignal(signal.SIGINT),
            lambda value: signal.signal(signal.SIGINT, value),
        ),
        "standard output": (lambda: sys.stdout, lambda value: setattr(sys, "stdout", value)),
        "standard error": (lambda: sys.stderr, lambda value: setattr(sys, "stderr", value)),
        "the environment": (lambda: dict(os.environ), _set_environment),
    }
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):  # imported, and not just being so
        found |= _of_torch(torch)
    return found


def _of_torch(torch: Any) -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    backends = torch.backends

    def flag(holder: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
        return lambda: getattr(holder, name), lambda value: setattr(holder, name, value)

    return {
        "torch's default type": (torch.get_default_dtype, torch.set_default_dtype),
        "torch's default device": (torch.get_default_device, torch.set_default_device),
        "torch's gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
        "torch's threads": (torch.get_num_threads, torch.set_num_threads),
        "torch's precision of products": (
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        "torch's deterministic algorithms": (
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        "torch's oneDNN": flag(backends.mkldnn, "enabled"),
        "torch's cuDNN": flag(backends.cudnn, "enabled"),
        "torch's random numbers": (torch.get_rng_state, torch.set_rng_state),
    }


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def _rounding() -> int | None:
    """The processor's rounding mode, if the C library reports it."""
    global _libm
    try:
        _libm = _libm or ctypes.CDLL(None if sys.platform != "linux" else "libm.so.6")
        return int(_libm.fegetround())
    except (OSError, AttributeError):
        return None


def _set_rounding(mode: int | None) -> None:
    if _libm is not None and mode is not None:
        _libm.fesetround(mode)


def _set_environment(values: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _same(first: Any, second: Any) -> bool:
    if hasattr(first, "equal") and hasattr(second, "equal"):  # tensors
        return bool(first.equal(second))
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, np.ndarray):
        return bool(np.array_equal(first, second))
    return bool(first == second)
