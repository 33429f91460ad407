"""Reads a bundle that may come from anybody: every byte is accounted for before anything in it is believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from srbench.bench.results import CellResult, RunRecord
from srbench.bench.store import LoadedRun, RunFolder
from srbench.proof.archive import Archive
from srbench.proof.manifest import (
    LARGEST_FILE,
    LARGEST_JSON,
    LARGEST_SOURCE,
    MANIFEST,
    RUN,
    Manifest,
    cell_member,
    claim_name,
    is_cell,
)
from srbench.system.hashes import canonical_json

Document = TypeVar("Document", bound=BaseModel)
_NEWER = "of another version of bundles, which this srbench does not read: use the srbench that wrote it"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A whole bundle: its files are those that its manifest names, and its documents are of their schemas.

    Attributes:
        path: the file.
        sha256: the digest of the whole.
        manifest: what it says of itself.
        run: its record and finished cells; its folder is the bundle, where no files are.
    """

    path: Path
    sha256: str
    manifest: Manifest
    run: LoadedRun

    @property
    def name(self) -> str:
        """The claim's name."""
        return claim_name(self.sha256)

    @contextmanager
    def opened(self) -> Iterator[Callable[[str], bytes]]:
        """What reads members by name; their hashes are checked again, for the file may have been replaced since.

        Raises:
            DataError: it was.
        """
        with Archive(self.path) as archive:
            yield lambda name: _checked(archive, self.manifest, name)


def read_bundle(path: Path) -> Bundle:
    """Read a bundle.

    Raises:
        DataError: it is refused; says why.
    """
    with Archive(path) as archive:
        content = archive.read(MANIFEST, LARGEST_JSON)
        manifest = _document(archive, MANIFEST, content, Manifest)
        if {*manifest.members, MANIFEST} != {*archive.entries}:
            other = min({*manifest.members, MANIFEST} ^ {*archive.entries})
            raise archive.refusal(f"{other} is in one of its manifest and its directory, and not in the other")
        for name in manifest.members:
            if not is_cell(name) and name != RUN:
                _checked(archive, manifest, name)
        record = _document(archive, RUN, _checked(archive, manifest, RUN), RunRecord)
        cells = []
        known = {name for name in manifest.members if is_cell(name)}
        planned = {cell_member(cell.key or "") for cell in record.cells if cell.status == "ok"}
        if planned != known:
            raise archive.refusal("its cells are not those that its run finished")
        by_member = {
            name: _document(archive, name, _checked(archive, manifest, name), CellResult) for name in sorted(known)
        }
        for cell in record.cells:
            if cell.status == "ok":
                result = by_member[cell_member(cell.key or "")]
                if result.key != cell.key:
                    raise archive.refusal(f"{cell_member(cell.key or '')} holds another cell")
                cells.append(result.model_copy(update={"id": cell.id}))
    run = LoadedRun(RunFolder(path), record, tuple(cells))
    return Bundle(path, hashlib.sha256(content).hexdigest(), manifest, run)


def _checked(archive: Archive, manifest: Manifest, name: str) -> bytes:
    """A member that has the size and hash that the manifest names."""
    known = manifest.members[name]
    content = archive.read(name, _most(name))
    if len(content) != known.bytes or hashlib.sha256(content).hexdigest() != known.sha256:
        raise archive.refusal(f"{name} is not the file that its manifest names")
    return content


def _most(name: str) -> int:
    if name.endswith(".json"):
        return LARGEST_JSON
    return LARGEST_SOURCE if name.endswith(".py") else LARGEST_FILE


def _document(archive: Archive, name: str, content: bytes, kind: type[Document]) -> Document:
    """A JSON member. It is canonical JSON, so that it can be read in one way only: no key twice, no NaN."""
    try:
        plain = json.loads(content, parse_constant=_no_constant)
        is_canonical = canonical_json(plain).encode() == content
    except (ValueError, RecursionError) as error:
        raise archive.refusal(f"{name} is no JSON ({type(error).__name__})") from None
    if not isinstance(plain, dict) or not is_canonical:
        raise archive.refusal(f"{name} is not the canonical JSON that srbench writes")
    version = plain.get("schema_version")
    if isinstance(version, int) and version != kind.model_fields["schema_version"].default:
        raise archive.refusal(f"{name} is {_NEWER}")
    try:
        found = kind.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise archive.refusal(f"in {name}, {field or 'it'}: {first['msg'].removeprefix('Value error, ')}") from None
    if found.model_dump(mode="json") != plain:
        raise archive.refusal(f"{name} has a value that srbench writes otherwise")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no value")


def json_member(document: BaseModel) -> bytes:
    """A document as a member."""
    return canonical_json(document.model_dump(mode="json")).encode()
