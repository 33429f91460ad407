"""One way to hash plain data: canonical JSON, then sha256."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from srbench.errors import DataError


def canonical_json(data: Any) -> str:
    """JSON with sorted keys and no spaces; NaN and infinity are refused."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse_json(content: bytes | str) -> Any:
    """What JSON says.

    Raises:
        ValueError: it is none, or nested too deeply to be read.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def digest(data: Any) -> str:
    """The sha256 of plain data, in hexadecimal."""
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
