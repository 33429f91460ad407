"""JSON files of typed data that carry a digest of their content: one that was altered is named, never half believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from srbench.canonical import digest, parse_json
from srbench.errors import DataError
from srbench.places import is_file

LARGEST: Final = 64 * 2**20
"""Bytes of such a file. A run of 100,000 cells, more than anybody has, takes 40 MB."""

Document = TypeVar("Document", bound=BaseModel)


def sealed(document: BaseModel) -> str:
    """A file's text: the document, and as ``sha256`` the digest of its plain data."""
    checksum = digest(document.model_dump(mode="json"))
    return f'{document.model_dump_json(indent=1)[:-2]},\n "sha256": "{checksum}"\n}}\n'


def read_sealed(path: Path, kind: type[Document], remedy: str) -> Document:
    """A file's content.

    Args:
        path: the file.
        kind: what it holds; its ``schema_version`` has a default, the only one that is read.
        remedy: what to do about a file that cannot be read; the end of the sentence.

    Raises:
        DataError: it cannot be read, is of another schema, was altered, or is too large.
    """
    if not is_file(path):
        raise DataError(f"{path} is no file; {remedy}.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > LARGEST:
        raise DataError(f"{path} is larger than {LARGEST >> 20} MB, so it is none of srbench's; {remedy}.")
    try:
        plain = parse_json(content)
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}; {remedy}.") from None
    if not isinstance(plain, dict):
        raise DataError(f"{path} is damaged: it is no table; {remedy}.")
    version, wanted = plain.get("schema_version"), kind.model_fields["schema_version"].default
    if isinstance(version, int) and version != wanted:
        raise DataError(
            f"{path} is of schema version {version} and this srbench reads version {wanted}: use the srbench that "
            f"wrote it, or {remedy}."
        )
    if not _is_whole(plain):
        raise DataError(f"{path} is damaged or was altered: its checksum is not that of its content; {remedy}.")
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path} is damaged: {where}: {first['msg']}; {remedy}.") from None


def _is_whole(plain: dict[str, Any]) -> bool:
    """Whether the checksum, which is taken out, is that of the rest."""
    try:
        return bool(plain.pop("sha256", None) == digest(plain))
    except (ValueError, RecursionError):  # a number or text that JSON cannot hold, or nested without end
        return False
