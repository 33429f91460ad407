"""Names that users type: globs and did-you-mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from srbench.errors import UsageError


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return UsageError(f"There is no {kind} '{name}'. Did you mean {' or '.join(near)}?")
    return UsageError(f"There is no {kind} '{name}'. Known: {', '.join(known) or 'none'}.")
