"""Reads a user's TOML file, or says in one sentence why not."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from srbench.errors import UsageError


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The table of a file.

    Args:
        path: the file.
        kind: what it holds, for messages: ``recipe``, say.

    Raises:
        UsageError: there is none, or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no {kind} file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{kind.capitalize()} file {path} cannot be read: {error}.") from None
