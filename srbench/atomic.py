"""Files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file's content so that no reader, and no crash, ever sees half of it.

    Written to a temporary name in the same folder, synced to the disk, then renamed.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp's are private to the user
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def cache_folder() -> Path:
    """Where srbench keeps what it can make or fetch again: ``SRBENCH_CACHE``, or the platform's cache folder."""
    return Path(os.environ["SRBENCH_CACHE"]) if os.environ.get("SRBENCH_CACHE") else user_cache_path("srbench")
