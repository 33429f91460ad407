"""Text from outside (names of files and folders, what a method raises or prints), safe where it goes."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterable

_COMMAND = re.compile(r"^(\s*):(?=:)|##(?=\[)", re.MULTILINE)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str) -> str:
    r"""Text that no terminal and no log obeys.

    Control characters become visible (``\x1b``), but for line breaks and tabs; lines that GitHub would take for a
    workflow command (``::warning::``, ``##[group]``) get a space.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in "\n\t" else _visible(c) for c in text)
    return _COMMAND.sub(lambda found: f"{found[0]} ", text)


def echo(text: object, *, err: bool = False) -> None:
    """Print lines of text on stdout, or on stderr."""
    print(printable(str(text)), file=sys.stderr if err else sys.stdout, flush=True)


def echo_json(document: str) -> None:
    """Print a JSON document on stdout, with what a terminal or GitHub would obey escaped as JSON does."""
    lines = (
        line if line.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
        for line in document.split("\n")
    )
    print("\n".join(lines).replace("##[", "##\\u005b"), flush=True)


def warn(text: str) -> None:
    """Say something on stderr."""
    echo(f"srbench: {text}", err=True)


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode()


def first_line(error: BaseException, default: str = "") -> str:
    """The first line of an error's message; without a message the default, or the name of its class."""
    return (str(error).strip().splitlines() or [default or type(error).__name__])[0]


def counted(number: int, noun: str) -> str:
    """``1 image``, ``5 images``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sentence(text: str) -> str:
    """Text with a full stop, unless it ends with one, or is a question."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def cut(text: str, longest: int) -> str:
    """Text of at most so many characters, which says how many it lacks; such as can be written in UTF-8."""
    if len(text) > longest:
        head, tail = longest * 2 // 3, longest // 4
        text = f"{text[:head]} ... ({len(text) - head - tail:,} characters left out) ... {text[-tail:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def to_csv(rows: Iterable[Iterable[object]]) -> str:
    """Rows as CSV, a line each, with :func:`csv_field`. Whatever has a line break of any kind is quoted."""
    lines = []
    for row in rows:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(map(csv_field, row))  # its own end of line is \r\n: only then does it quote both
        lines.append(text.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def csv_field(value: object) -> object:
    """A field that no spreadsheet takes for a formula: text that would be one gets an apostrophe; numbers stay."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value) else value


def from_csv_field(text: str) -> str:
    """What :func:`csv_field` was given, where it was text."""
    return text[1:] if text.startswith("'") and csv_field(text[1:]) == text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text
