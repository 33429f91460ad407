"""One way to hash plain data: canonical JSON, then sha256."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(data: Any) -> str:
    """JSON with sorted keys and no spaces; NaN and infinity are refused."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(data: Any) -> str:
    """The sha256 of plain data, in hexadecimal."""
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()
