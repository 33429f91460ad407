"""Fetches files of a model hub's repositories into the cache folder; offline, it has what was fetched before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from srbench.errors import DataError, SrbenchError
from srbench.models.external_data import locations
from srbench.system.files import write_atomically
from srbench.system.places import cache_folder, require_home
from srbench.system.text import first_line

Fetch = Callable[[str], Path]
"""Fetches a file by its name in the repository."""


def fetched(repository: str, revision: str | None, choose: Callable[[Fetch, Sequence[str], str], list[str]]) -> Path:
    """Fetch the needed files of a repository at one commit; returns their folder, named like the commit.

    Args:
        repository: ``org/name``.
        revision: a branch, tag or commit; None for the newest.
        choose: which files, of those names; for what it needs to read first it gets a function that fetches one. The
            last argument is the repository in messages.

    Raises:
        UsageError: huggingface_hub is not installed.
        DataError: it does not exist, or cannot be reached and is not in the cache.
    """
    hub, cache, label = _hub(), _cache(), _label(repository, revision)
    try:
        with _said(label):
            info = hub.HfApi().model_info(repository, revision=revision)
            names = [sibling.rfilename for sibling in info.siblings or ()]

            def fetch(name: str) -> Path:
                return Path(hub.hf_hub_download(repository, name, revision=info.sha, cache_dir=cache))

            wanted = choose(fetch, names, label)
            paths = [fetch(name) for name in wanted]
            for name, path in zip(wanted, paths, strict=True):
                beside = locations(path) if path.suffix.lower() == ".onnx" else []
                for location in beside:
                    if (needed := (PurePosixPath(name).parent / location).as_posix()) in names:
                        fetch(needed)  # reading the model reports missing ones
            folder = paths[0].parents[wanted[0].count("/")]
            if revision != info.sha:  # what the name is without a network
                write_atomically(folder.parents[1] / "refs" / (revision or "main"), str(info.sha))
            return folder
    except _UnreachableError as error:
        if (kept := _kept(repository, revision)) is None:
            raise DataError(f"{label} {error}; check the network, or name a file here.") from None
        return kept


def listing(repository: str, revision: str | None) -> set[str]:
    """The names of a repository's files; without a network, of those that were fetched.

    Raises:
        UsageError, DataError: as :func:`fetched`.
    """
    label = _label(repository, revision)
    try:
        with _said(label):
            info = _hub().HfApi().model_info(repository, revision=revision)
            return {sibling.rfilename for sibling in info.siblings or ()}
    except _UnreachableError as error:
        if (folder := _kept(repository, revision)) is None:
            raise DataError(f"{label} {error}; check the network, or name a file here.") from None
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def existing(names: Sequence[str]) -> set[str]:
    """Those repositories that there are; without a network, that were fetched.

    Raises:
        UsageError: huggingface_hub is not installed.
    """
    api = _hub().HfApi()
    try:
        with _said(""), ThreadPoolExecutor(len(names)) as pool:
            return {name for name, is_there in zip(names, pool.map(api.repo_exists, names), strict=True) if is_there}
    except _UnreachableError:
        return {name for name in names if (_cache() / f"models--{name.replace('/', '--')}").is_dir()}


class _UnreachableError(Exception):
    """The hub cannot be reached."""


@contextlib.contextmanager
def _said(label: str) -> Iterator[None]:
    """A context in which errors of the hub are in our words.

    Raises:
        DataError: the hub has no such model.
        _UnreachableError: it cannot be reached.
    """
    hub = _hub()
    try:
        yield
    except SrbenchError:
        raise
    except hub.errors.GatedRepoError:
        raise DataError(f"{label} is gated: request access on its page, then set HF_TOKEN.") from None
    except hub.errors.RevisionNotFoundError:
        revision = label.partition("@")[2]
        raise DataError(f"{label}: there is no such revision; leave out @{revision} for the newest.") from None
    except hub.errors.RepositoryNotFoundError:
        raise DataError(f"{label}: the model hub has no such model that you may access; check the name.") from None
    except Exception as error:  # no network or no hub: each library has its own errors
        raise _UnreachableError(f"cannot be fetched ({first_line(error).rstrip('.')[:200]})") from None


def _hub() -> Any:
    from srbench.models.loaded import require

    return require("hub")


def _cache() -> Path:
    require_home(cache := cache_folder() / "hub", "SRBENCH_CACHE")
    return cache


def _kept(repository: str, revision: str | None) -> Path | None:
    """The folder with what was fetched of a repository."""
    with contextlib.suppress(Exception):  # each version of the library has its own errors
        return Path(_hub().snapshot_download(repository, revision=revision, cache_dir=_cache(), local_files_only=True))
    return None


def _label(repository: str, revision: str | None) -> str:
    return f"hub:{repository}{f'@{revision}' if revision else ''}"
