"""How long cells take: what earlier runs on this machine recorded, or else a guess by the kind of method.

Costs decide the order of work and how it is shared out, and never a value: a file that is lost or wrong costs time.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from srbench.bench.plan import PlannedJob
from srbench.method import Family
from srbench.system.files import write_atomically
from srbench.system.places import cache_folder

MOST = 20_000
"""Most costs that are kept; beyond these the oldest are forgotten."""
GUESSES: dict[Family, float] = {"interpolation": 0.02}
"""Seconds an image by kinds of methods, on one core."""
GUESS = 0.5
"""Seconds an image of other methods that never ran here."""


class Costs:
    """Seconds an image, by method, data set and scale.

    Args:
        device: its name: costs on one say nothing of another.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._path = cache_folder() / "costs.json"
        self._seconds = _read(self._path)
        self._is_new = False

    def of(self, job: PlannedJob) -> float:
        """Seconds that a cell takes; of a method that ran on other data sets only, as long an image as there."""
        for key in self._keys(job):
            if key in self._seconds:
                return self._seconds[key] * len(job.dataset.items)
        return GUESSES.get(job.card.info.family, GUESS) * len(job.dataset.items)

    def learn(self, job: PlannedJob, images: int, seconds: float) -> None:
        """Record how long so many images of a cell took."""
        for key in self._keys(job):
            self._seconds.pop(key, None)  # so that the newest stand last
            self._seconds[key] = round(seconds / images, 6)
        self._is_new = True

    def save(self) -> None:
        """Write what is new; without it, the next run guesses."""
        if self._is_new:
            kept = dict(list(self._seconds.items())[-MOST:])
            with contextlib.suppress(OSError):
                write_atomically(self._path, json.dumps(kept, indent=0))

    def _keys(self, job: PlannedJob) -> tuple[str, str]:
        method = f"{job.card.name} {job.card.source_hash[:8]} x{job.id.scale} {self._device}"
        return f"{method} {job.dataset.content_hash[:16]}", method


def _read(path: Path) -> dict[str, float]:
    """What was recorded; nothing where it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
        return {str(key): float(value) for key, value in found.items() if 0 <= float(value) < 1e9}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
