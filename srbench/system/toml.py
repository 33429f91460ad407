"""Reads a user's TOML file, or says in one sentence why not."""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from srbench.errors import UsageError

DEEPEST = 50
"""Tables and lists in one another: no file that srbench reads has more than ten."""
_LONG_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}""" % DEEPEST  # noqa: UP031 - it has braces
)


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The table of a file.

    Args:
        path: the file.
        kind: what it holds, for messages: ``recipe``, say.

    Raises:
        UsageError: there is none, or it is no TOML.
    """
    try:
        return parse_toml(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"There is no {kind} file {path}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{kind.capitalize()} file {path} cannot be read: {error}.") from None


def parse_toml(content: bytes) -> dict[str, Any]:
    """The table that a file's bytes describe.

    Raises:
        ValueError: they are no TOML in UTF-8, or nest so deeply, or hold such numbers, that nobody means it.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is UTF-16: save it as UTF-8")
    text = content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    if _LONG_KEY.search(text):  # tomllib's time is quadratic in their length
        raise ValueError(f"it has a key of more than {DEEPEST} parts")
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level: list[Any] = [table]
    for _ in range(DEEPEST):
        level = [inner for value in level if isinstance(value, dict | list) for inner in _values(value)]
    if level:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    return table


def toml_value(value: Any) -> str:
    """A value as TOML: what JSON and TOML call a string differ by one character."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml_value(inner)}' for key, inner in value.items())} }}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _values(node: dict[str, Any] | list[Any]) -> list[Any]:
    values = list(node.values()) if isinstance(node, dict) else node
    if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values):
        raise ValueError("it holds a whole number of more than 64 bits")  # which TOML does not have
    return values
