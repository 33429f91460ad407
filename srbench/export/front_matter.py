"""Writes YAML for the Hub, unambiguously for all YAML versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any


def front_matter(data: Mapping[str, Any]) -> str:
    """A mapping as YAML between two lines of dashes."""
    return "\n".join(("---", *_lines(data), "---", ""))


def yaml_text(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """A mapping or a list as a YAML file."""
    return "\n".join((*_lines(data), ""))


def _lines(data: Any) -> Iterator[str]:
    """The lines of a mapping or list, not indented."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _entry(f"{key}:", value, "  ")
    else:
        for value in data:
            if isinstance(value, Mapping) and value:
                first, *rest = _lines(value)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
            else:
                yield from _entry("-", value, "  ")


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from (f"{indent}{line}" for line in _lines(value))
    else:
        yield f"{head} {scalar(value)}"


def scalar(value: Any) -> str:
    """A scalar. Strings are always quoted: ``no``, ``3e8`` and ``1:30`` are not strings in YAML."""
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, float):
        text = f"{Decimal(repr(value)):f}"  # 1e-05 would be read as a string
        return text if "." in text else f"{text}.0"
    return json.dumps(value)  # whole numbers, true, false, null, [] and {}


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
