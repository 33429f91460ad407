"""Metrics of pyiqa by name: ``pyiqa:musiq``. What they are is asked of the library: direction, range, need of HR.

pyiqa downloads weights without a hash while it builds a metric, and reads them as pickles. Here it does neither: a
metric whose weights are not here is unavailable, and files are read as tensors alone.

``python -m srbench.metrics.pyiqa_library musiq`` prints, as JSON, which files a metric reads, or why it cannot be had.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from srbench.errors import DataError
from srbench.isolation.watch import Watch
from srbench.metrics.foreign import ERRORS, rejected
from srbench.metrics.metric import Metric, Pair
from srbench.system.files import write_atomically
from srbench.system.hashes import digest
from srbench.system.installed import install_command
from srbench.system.names import unknown
from srbench.system.places import cache_folder
from srbench.system.text import echo, first_line

LIBRARY = "pyiqa"
_OF_SETS = "is of a whole set of images; srbench's own is fid"
_OTHER: dict[str, str] = {
    **dict.fromkeys(("fid", "sfid", "fid_dinov2", "inception_score"), _OF_SETS),
    "clipscore": "compares an image with a caption",
    "fgresq_pair": "gives several numbers",
}
"""What does not give one number of an image, or of a pair."""
_WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".mat", ".npz", ".npy", ".pkl")
_SEED = 123
"""Of the crops that some metrics choose by chance."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What pyiqa says of a metric.

    Attributes:
        higher_is_better: the direction.
        needs_hr: whether it compares with HR.
        range: in pyiqa's words: ``~0, ~100``.
    """

    higher_is_better: bool
    needs_hr: bool
    range: str


@lru_cache(maxsize=1)
def declared() -> Mapping[str, Declared]:
    """Every metric that pyiqa has of an image or a pair, by name; nothing where it is not installed."""
    spec = find_spec(LIBRARY)
    if spec is None or spec.origin is None:
        return {}
    configs = runpy.run_path(str(Path(spec.origin).with_name("default_model_configs.py")))["DEFAULT_CONFIGS"]
    return {
        name: Declared(
            not config.get("lower_better", False), config["metric_mode"] == "FR", config.get("score_range", "")
        )
        for name, config in configs.items()
        if name not in _OTHER
    }


def pyiqa_metric(name: str) -> Metric:
    """A metric of pyiqa; neither it nor torch is imported before the first image.

    Raises:
        UsageError: pyiqa has none of that name.
    """
    known = Declared(True, True, "")  # of no matter: it is unavailable where pyiqa is not installed
    if find_spec(LIBRARY) is not None:
        if name not in declared():
            why = f"metric of pyiqa that srbench takes ({name} {_OTHER[name]})" if name in _OTHER else "metric of pyiqa"
            raise unknown(why, name, declared())
        known = declared()[name]
    return Metric(
        f"{LIBRARY}:{name}",
        partial(_score, name),
        known.higher_is_better,
        input="image",
        packages=(LIBRARY,),
        needs_hr=known.needs_hr,
        ask=partial(files_of, name),
    )


# what it needs ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def files_of(name: str) -> Mapping[str, Path]:
    """The files of weights that a metric reads, by name; a process of its own builds it to find out, once.

    Raises:
        DataError: it cannot be built here: says what is missing.
    """
    kept = cache_folder() / "networks" / ".pyiqa" / f"{digest([name, version(LIBRARY), sys.prefix])[:24]}.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(kept.read_text("utf-8"))
        if _holds(known):
            return _found(known)
    command = [sys.executable, "-m", __name__, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        said = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DataError(f"pyiqa cannot build {name}: {reason[0]}") from None
    with suppress(OSError):  # a read-only cache costs time, not results
        write_atomically(kept, json.dumps(said | {"places": _places()}))
    return _found(said)


def _found(said: Mapping[str, Any]) -> Mapping[str, Path]:
    if said["reason"]:
        raise DataError(said["reason"])
    return {Path(path).name: Path(path) for path in said["files"]}


def _holds(said: Mapping[str, Any]) -> bool:
    """Whether what a process found out is still so: its files are there, or nothing has come that it lacked."""
    if not said["reason"]:
        return all(Path(path).is_file() for path in said["files"])
    return bool(said["places"] == _places()) and not any(Path(path).exists() for path in said["absent"])


def _places() -> str:
    """What lies where packages are installed and libraries keep downloaded weights: a digest of the names."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    torch_hub = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub"
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub")
    packages = [Path(path) for path in sys.path if path and Path(path) != Path.cwd()]
    names: dict[str, list[str]] = {}
    for folder in (*packages, torch_hub, *torch_hub.glob("*"), hub, *hub.glob("models--*/blobs")):
        with suppress(OSError):
            names[str(folder)] = sorted(os.listdir(folder))  # noqa: PTH208 - names alone
    return digest(names)


def _main(name: str) -> None:
    found: dict[str, Any] = {"files": [], "reason": "", "absent": []}
    watch = Watch()
    try:
        with watch:
            _network(name, "cpu")
        read = [path for path, state in watch.reads.files.items() if state and path.endswith(_WEIGHTS)]
        found["files"] = sorted(read)
    except DataError as error:
        found["reason"] = str(error)
        found["absent"] = sorted(path for path, state in watch.reads.files.items() if state is None)
    echo(json.dumps(found))


@contextmanager
def _offline() -> Iterator[None]:
    """No address is looked up in this thread."""
    look_up, here = socket.getaddrinfo, threading.get_ident()

    def refused(*arguments: Any, **named: Any) -> Any:
        if threading.get_ident() == here:
            raise OSError("weights are not downloaded in a run")
        return look_up(*arguments, **named)

    socket.getaddrinfo = refused
    try:
        yield
    finally:
        socket.getaddrinfo = look_up


@lru_cache(maxsize=4)
def _network(name: str, device: str) -> Any:
    """pyiqa's metric.

    Raises:
        DataError: its weights, or a package that it needs, are not here.
    """
    from srbench.metrics.networks import tensors_alone

    said = io.StringIO()
    with _offline(), tensors_alone(), redirect_stdout(said), redirect_stderr(said):
        try:
            import pyiqa
            import torch

            return pyiqa.create_metric(name, device=torch.device(device))
        except ModuleNotFoundError as error:
            install = install_command(LIBRARY)
            raise DataError(f"pyiqa's {name} needs {error.name}, which is not installed: {install}") from None
        except Exception as error:  # each architecture has its own way of failing without its files
            fetch = f"`python -c \"import pyiqa; pyiqa.create_metric('{name}')\"` downloads what it needs, unchecked"
            if urls := re.findall(r'Downloading: "(\S+?)"', said.getvalue()):
                file = urls[-1].rpartition("/")[2]
                raise DataError(f"pyiqa's {name} needs {file}, which is not here: {fetch}") from error
            reason = first_line(error, "no reason given").rstrip(".")
            raise DataError(f"pyiqa cannot build {name} offline ({reason}): {fetch}") from error


# scoring ---------------------------------------------------------------------------------------------------------


def _score(name: str, pair: Pair) -> float:
    from srbench.metrics.networks import image_batch, inference

    network, known = _network(name, pair.device), declared()[name]
    if network.lower_better == known.higher_is_better or (network.metric_mode == "FR") != known.needs_hr:
        raise DataError(f"pyiqa says two things of the direction of {name}, or of its need of HR")
    images = [image_batch([image], pair.device) for image in ((pair.sr, pair.target) if known.needs_hr else (pair.sr,))]
    try:
        with inference(), _seeded(), _offline(), redirect_stdout(io.StringIO()):
            return float(network(*images))
    except ERRORS as error:
        raise rejected(LIBRARY, name, pair, error) from None


@contextmanager
def _seeded() -> Iterator[None]:
    """The same random numbers each time; those of others go on as if nothing had been."""
    import torch

    python, array = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(_SEED)
        np.random.seed(_SEED)
        torch.manual_seed(_SEED)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)


if __name__ == "__main__":
    _main(sys.argv[1])
