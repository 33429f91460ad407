"""The folder of `srbench speed` records."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from srbench.speed.record import SpeedRecord
from srbench.system.files import write_new, writing_to
from srbench.system.sealed import sealed


def require_writable(folder: Path) -> None:
    """Create the folder, and check that it is writable before anything is timed.

    Raises:
        StoreError: it is not.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def keep_record(record: SpeedRecord, folder: Path) -> Path:
    """Write a record to a new file; returns its path.

    Raises:
        StoreError: it cannot be written.
    """
    with writing_to(folder):
        return write_new(record_path(folder, record.device, record.date), sealed(record))


def record_path(folder: Path, device: str, date: str) -> Path:
    """The file of a record, named by device and date."""
    slug = re.sub(r"[\W_]+", "-", device.lower()).strip("-")
    stamp = date[:19].replace("-", "").replace(":", "").replace("T", "-")
    return folder / f"{slug}-{stamp}.json"
