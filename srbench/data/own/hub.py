"""Data sets of Hugging Face: ``hf:org/name``, written into the data folder once, and read from there ever after.

In full ``hf:org/name@revision:split?config=…&hr=…&lr=…``; ``hf:./folder`` is one that the ``datasets`` library can load
from a folder or has saved there. What is written are PNGs with a manifest, pinned to the revision that was the newest
then: hashes, ``verify``, resumed runs and workers need no library and no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from srbench.data.fetch.progress import say
from srbench.data.manifest import Manifest, read_manifest
from srbench.data.own.hub_spec import _root, parse_hub
from srbench.errors import DataError
from srbench.system.locks import locked
from srbench.system.places import lock_of, require_home


def hub_manifest(spec: str, base: Path = Path()) -> Manifest:
    """The manifest of a data set of Hugging Face; what is not here yet is fetched and written.

    Raises:
        UsageError: it is not written so, or the library is not installed.
        DataError: it cannot be had, or holds no images.
    """
    wanted = parse_hub(spec, base)
    found = _manifest_in(wanted.folder)
    if found is None:
        from srbench.data.own.hub_images import write_images

        require_home(wanted.folder, "SRBENCH_CACHE")
        waiting = f"another process is fetching {spec}: waiting for it"
        with locked(lock_of(f"hf-{wanted.folder.name}"), lambda: say(waiting, True)):
            if _manifest_in(wanted.folder) is None:
                write_images(wanted, spec)
        found = _manifest_in(wanted.folder)
    assert found is not None
    return read_manifest(found)


def hub_manifests() -> Iterator[Manifest]:
    """Those of all that are here."""
    for folder in _root().glob("[!.]*"):
        found = _manifest_in(folder)
        if found is not None:
            yield read_manifest(found)


def remove_hub(spec: str) -> Path | None:
    """Remove what was written of a data set: the next run fetches it anew. Returns the folder, if there was one."""
    import shutil

    folder = parse_hub(spec).folder
    if not folder.is_dir():
        return None
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be removed ({error.strerror}): check its permissions.") from error
    return folder


def _manifest_in(folder: Path) -> Path | None:
    return next(folder.glob("[!.]*.toml"), None)
