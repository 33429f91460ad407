"""Data sets of Hugging Face: ``hf:org/name``, written into the data folder once, and read from there ever after.

In full ``hf:org/name@revision:split?config=…&hr=…&lr=…``; ``hf:./folder`` is one that the ``datasets`` library can load
from a folder or has saved there. What is written are PNGs with a manifest, pinned to the revision that was the newest
then: hashes, ``verify``, resumed runs and workers need no library and no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from srbench.canonical import digest
from srbench.data.manifest import Manifest, read_manifest, safe_name
from srbench.data.places import data_root, lock_of
from srbench.data.progress import say
from srbench.errors import DataError, UsageError
from srbench.locks import locked
from srbench.places import as_written, require_home, user_path

PREFIX = "hf:"
_SPEC = re.compile(r"(?P<source>[^@:?]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<split>[^?]+))?(?:\?(?P<query>.*))?")
_KEYS = ("config", "column", "hr", "lr")


@dataclass(frozen=True, slots=True)
class HubSpec:
    """What a user means.

    Attributes:
        source: ``org/name``, or a folder's absolute path.
        revision: a commit, branch or tag; empty for the newest.
        split: its name, with a slice if the user wants one; empty for the only one, or ``test``.
        config: the data set's configuration, if it has several.
        hr: the column of HR images; empty if that is plain.
        lr: that of LR images.
        state: what tells a folder's content from what it was before; empty for ``org/name``.
    """

    source: str
    revision: str = ""
    split: str = ""
    config: str = ""
    hr: str = ""
    lr: str = ""
    state: str = ""

    @property
    def label(self) -> str:
        """The data set's own name."""
        return safe_name(self.source.rstrip("/").rpartition("/")[2])

    @property
    def folder(self) -> Path:
        """Where its images and its manifest lie, once they are written."""
        return _root() / f"{self.label}-{digest(asdict(self))[:12]}"


def is_hub(spec: str) -> bool:
    """Whether a data set is one of Hugging Face."""
    return spec.startswith(PREFIX)


def parse_hub(spec: str, base: Path = Path()) -> HubSpec:
    """What ``hf:…`` means; relative folders are relative to ``base``.

    Raises:
        UsageError: it is not written so.
        DataError: it names a folder that is not there.
    """
    found = _SPEC.fullmatch(spec.removeprefix(PREFIX))
    if not found:
        raise UsageError(f"'{spec}' is not of the form hf:org/name, hf:org/name:split?hr=COLUMN&lr=COLUMN or hf:./DIR.")
    query = parse_qsl(found["query"] or "", keep_blank_values=True)
    for key, value in query:
        if key not in _KEYS or not value or [name for name, _ in query].count(key) > 1:
            raise UsageError(f"'{spec}': behind the '?' are {', '.join(_KEYS)}, each once, as in '?hr=COLUMN'.")
    options = dict(query)
    column = options.pop("column", "")
    if column and (options.get("hr") or options.get("lr")):
        raise UsageError(f"'{spec}': column is for HR images alone; give hr and lr for pairs.")
    source, state = found["source"], ""
    if source.startswith((".", "~", "/")):
        folder = as_written(user_path(source, base))
        source, state = str(folder), _state(folder)
    elif not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source):
        raise UsageError(f"'{source}' is no name of a data set: write hf:org/name, or hf:./DIR for a folder.")
    options["hr"] = options.get("hr") or column
    return HubSpec(source, found["revision"] or "", found["split"] or "", **options, state=state)


def hub_manifest(spec: str, base: Path = Path()) -> Manifest:
    """The manifest of a data set of Hugging Face; what is not here yet is fetched and written.

    Raises:
        UsageError: it is not written so, or the library is not installed.
        DataError: it cannot be had, or holds no images.
    """
    wanted = parse_hub(spec, base)
    found = _manifest_in(wanted.folder)
    if found is None:
        from srbench.data.hub_images import write_images

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


def _root() -> Path:
    return data_root() / "hf"


def _manifest_in(folder: Path) -> Path | None:
    return next(folder.glob("[!.]*.toml"), None)


def _state(folder: Path) -> str:
    """A hash of the names, sizes and times of a folder's files."""
    if not folder.is_dir():
        raise DataError(f"There is no folder '{folder}': check the path.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [(path, path.stat()) for path in files]
    return digest([[path.relative_to(folder).as_posix(), s.st_size, s.st_mtime_ns] for path, s in found])[:16]
