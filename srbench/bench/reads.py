"""Files and variables that a method reads decide its values, so they are part of a cell's key.

Which ones they are is known only after the method has run. So a computed cell is stored with a note of their names,
under the key without them; a later run takes the names from the note, and hashes what the files contain then.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.bench.results import ReadNote
from srbench.errors import DataError
from srbench.imaging.files import read_image, to_uint8
from srbench.imaging.suffixes import SUFFIXES
from srbench.isolation.watch import Reads, changed
from srbench.system.hashes import file_sha256

HrImages: TypeAlias = Callable[[], Sequence[NDArray[np.uint8]]]

MOST_COMPARED = 200
"""Most images read by a method that are compared with HR."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What follows from a method's reads for its cell.

    Attributes:
        note: the names; None if there are none.
        notes: sentences for reports.
        reusable: whether all inputs of the values are known.
    """

    note: ReadNote | None
    notes: tuple[str, ...]
    reusable: bool


def with_reads(inputs: dict[str, Any], note: ReadNote | None, folder: Path) -> dict[str, Any]:
    """The inputs of a cell, with the current content of the files and variables of a note.

    Args:
        inputs: of the cell, without what its method read.
        note: names of files and variables; None for none.
        folder: of the method.
    """
    if note is None:
        return inputs
    files = {name: _sha256(folder / name) for name in note.files}
    variables = {name: _hash_of(os.environ.get(name)) for name in note.variables}
    return inputs | {"read": {"files": files, "variables": variables}}


def examine(reads: Reads, declared: Collection[str], folder: Path, hr: HrImages) -> Finding:
    """What a method's reads mean for its cell.

    Args:
        reads: what was observed.
        declared: the files that the method declares, which account for unobserved reads.
        folder: of the method.
        hr: gives the HR images of the data set.
    """
    notes = []
    reusable = True
    if reads.unseen and not declared:
        reusable = False
        notes.append(
            f"{', '.join(sorted(reads.unseen))}, so the inputs of its values are not known and other runs do not reuse "
            "them: declare its files by MethodInfo.files"
        )
    if modified := list(changed(reads)):
        reusable = False
        notes.append(f"{Path(modified[0]).name} was changed while it ran: run again")
    images = [path for path in list(reads.files)[:MOST_COMPARED] if Path(path).suffix.lower() in SUFFIXES]
    known = hr() if images else ()
    if seen := next((path for path in images if _is_hr(path, known)), None):
        notes.append(f"READS THE TEST SET'S HR IMAGES ({Path(seen).name}), so its values are worthless")
    own = {_named(path, folder) for path in reads.files} - set(declared)
    note = ReadNote(files=tuple(sorted(own)), variables=tuple(sorted(reads.variables)))
    return Finding(note if note.files or note.variables else None, tuple(notes), reusable)


def declared_files(files: Sequence[str], folder: Path) -> dict[str, str]:
    """The sha256 of the files that a method declares, by name.

    Raises:
        DataError: one is missing.
    """
    found = {name: _sha256(folder / name) for name in files}
    for name, sha256 in found.items():
        if sha256 is None:
            raise DataError(f"The method declares the file {name}, which is not in {folder}.")
    return {name: sha256 for name, sha256 in found.items() if sha256 is not None}


def _named(path: str, folder: Path) -> str:
    """A path relative to the method's folder, which may move; other paths as they are."""
    try:
        return Path(path).relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path


def _sha256(path: Path) -> str | None:
    try:
        return file_sha256(path) if path.is_file() else None
    except DataError:
        return None


def _hash_of(value: str | None) -> str | None:
    """The hash of a variable's value, which may be a secret."""
    return None if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def _is_hr(path: str, hr: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether a file contains an image of the data set, whole or cropped."""
    try:
        image = to_uint8(read_image(Path(path)))
    except (DataError, OSError):
        return False
    flat = [other[..., 0] if image.ndim < other.ndim else other for other in hr]  # gray images in three channels
    return any(
        image.ndim == other.ndim
        and 0 <= image.shape[0] - other.shape[0] < 64
        and 0 <= image.shape[1] - other.shape[1] < 64
        and np.array_equal(image[: other.shape[0], : other.shape[1]], other)
        for other in flat
    )
