"""Docstrings as help texts, with paragraphs wrapped for the terminal."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_OWN_LINE = re.compile(r"\s+\S|[-*] ")
"""The start of a line that is an example or list item."""


def help_of(verb: Callable[..., Any]) -> str:
    """A verb's docstring with each paragraph in one line; indented examples and lists keep their lines."""
    return "\n\n".join(map(_joined, re.split(r"\n{2,}", inspect.getdoc(verb) or "")))


def _joined(paragraph: str) -> str:
    lines: list[str] = []
    for line in paragraph.splitlines():
        if not lines or _OWN_LINE.match(line) or _OWN_LINE.match(lines[-1]):
            lines.append(line)
        else:
            lines[-1] += f" {line}"
    return "\n".join(lines)
