"""How a data set of Hugging Face is written: ``hf:org/name@revision:split?config=…&hr=…&lr=…``."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from srbench.errors import DataError, UsageError
from srbench.system.hashes import digest
from srbench.system.names import safe_name
from srbench.system.places import as_written, data_root, user_path

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


def _root() -> Path:
    return data_root() / "hf"


def _state(folder: Path) -> str:
    """A hash of the names, sizes and times of a folder's files."""
    if not folder.is_dir():
        raise DataError(f"There is no folder '{folder}': check the path.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [(path, path.stat()) for path in files]
    return digest([[path.relative_to(folder).as_posix(), s.st_size, s.st_mtime_ns] for path, s in found])[:16]
