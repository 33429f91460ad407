"""Where records of `srbench speed` are kept."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from srbench.atomic import write_new
from srbench.bench.sealed import sealed
from srbench.bench.speed_record import SpeedRecord
from srbench.bench.store import writing_to


def require_writable(folder: Path) -> None:
    """Make the folder, and see that files can be written there: before all is timed, and not after.

    Raises:
        StoreError: they cannot.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def keep_record(record: SpeedRecord, folder: Path) -> Path:
    """Write a record beside all others; returns where.

    Raises:
        StoreError: it cannot be written.
    """
    with writing_to(folder):
        return write_new(record_path(folder, record.device, record.date), sealed(record))


def record_path(folder: Path, device: str, date: str) -> Path:
    """What a record is called: by its device and date."""
    slug = re.sub(r"[\W_]+", "-", device.lower()).strip("-")
    stamp = date[:19].replace("-", "").replace(":", "").replace("T", "-")
    return folder / f"{slug}-{stamp}.json"
