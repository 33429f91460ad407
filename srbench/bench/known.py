"""Finds the cells that other runs have finished: one look at their folders answers for every cell of a run.

The index is made from the names of files, each time anew: it cannot be out of date, and takes a second for a million.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from srbench.bench.store import RunFolder, run_folders


class OtherRuns:
    """The runs beside one.

    Args:
        out: the folder of runs.
    """

    def __init__(self, out: Path) -> None:
        self._out = out

    def that_have(self, key: str) -> Iterator[RunFolder]:
        """The runs that have a cell of a key, or a note of what its method read, as it was when first asked."""
        return map(RunFolder, self._by_key.get(key, ()))

    @cached_property
    def _by_key(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for folder in run_folders(self._out):
            names = {name for kind in ("cells", "reads") for name in _names(folder / kind)}
            for name in names:
                found.setdefault(name, []).append(folder)
        return found


def _names(folder: Path) -> Iterator[str]:
    """The names of JSON files, without their ends."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name, dot, end = entry.name.rpartition(".")
            if dot and end == "json":
                yield name
