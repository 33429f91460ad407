"""Names that users type: globs and did-you-mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from srbench.errors import UsageError


def split_names(values: str) -> tuple[str, ...]:
    r"""``a,b, c`` as a tuple; a data set ``hr=DIR,lr=DIR`` stays one, and ``\,`` is a comma in a name."""
    parts: list[str] = []
    for escaped in re.split(r"(?<!\\),", values):
        part = escaped.replace(r"\,", ",").strip()
        pair = {part[:3], parts[-1][:3]} if parts else set()
        if pair == {"lr=", "hr="}:
            parts[-1] += f",{part}"
        elif part:
            parts.append(part)
    return tuple(parts)


def join_names(names: Iterable[object]) -> str:
    """The text that :func:`split_names` makes these names of."""
    written = (str(name) for name in names)
    return ",".join(name if split_names(name) == (name,) else name.replace(",", r"\,") for name in written)


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return UsageError(f"There is no {kind} '{name}'. Did you mean {' or '.join(near)}?")
    return UsageError(f"There is no {kind} '{name}'. Known: {', '.join(known) or 'none'}.")
