"""A real run is killed again and again, and ends with the files of one that was left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
KILLS = os.environ.get("SRBENCH_KILLS", "2")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_runs_end_with_the_same_files() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", "--kills", KILLS, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    tally = json.loads(result.stdout)
    assert (tally["kills"], tally["differing"], tally["orphans"]) == (int(KILLS), [], 0)
