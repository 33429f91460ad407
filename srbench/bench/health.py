"""What is wrong with what runs would use: folders, settings, data sets of one's own, and trained weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from srbench.atomic import cache_folder
from srbench.data.own import own_manifest, own_names
from srbench.data.places import data_root, mirrors, own_folder, timeout
from srbench.errors import SrbenchError
from srbench.places import NOWHERE, require_home
from srbench.weights import read_metadata, trained_folder


def problems() -> list[str]:
    """Each in a sentence; none where all is well. Servers are not asked."""
    found = [*_folders(), *_settings(), *_own_data(), *_weights()]
    return list(dict.fromkeys(found))  # one folder may hold the other


def _folders() -> Iterator[str]:
    yield from _trouble(require_home, cache_folder(), "SRBENCH_CACHE")
    yield from _trouble(require_home, own_folder(), "SRBENCH_DATASETS")
    for folder in (folder for folder in (cache_folder(), data_root()) if not folder.is_relative_to(NOWHERE)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not there.is_dir():
            yield f"{there} is not a folder; set SRBENCH_DATA and SRBENCH_CACHE to folders."
        elif not os.access(there, os.W_OK):
            yield f"{folder} cannot be written to; set SRBENCH_CACHE or SRBENCH_DATA to a folder that can."


def _settings() -> Iterator[str]:
    yield from _trouble(timeout)
    yield from (fault := list(_trouble(mirrors)))
    for mirror in () if fault else mirrors():
        if isinstance(mirror, Path) and not mirror.is_dir():
            yield f"SRBENCH_MIRROR names {mirror}, and there is no such folder; correct it, or unset it."


def _own_data() -> Iterator[str]:
    folder = own_folder()
    if folder.exists() and not folder.is_dir():
        yield f"{folder} is not a folder; set SRBENCH_DATASETS to one, or unset it."
        return
    yield from (fault := list(_trouble(own_names)))
    for name in () if fault else own_names():
        yield from _trouble(own_manifest, name)


def _weights() -> Iterator[str]:
    folder = trained_folder()
    for path in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        yield from _trouble(read_metadata, path)


def _trouble(look: Callable[..., object], *what: object) -> Iterator[str]:
    """What srbench says when it looks at something, if it does not take it."""
    try:
        look(*what)
    except SrbenchError as error:
        yield str(error)
