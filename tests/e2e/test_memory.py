"""A large image is never whole in floating point: what a cell of it holds in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import photograph, save

from srbench.imaging.resize import imresize

CODE = """
import resource, sys
from srbench.bench.options import Request
from srbench.bench.planning import make_plan
from srbench.bench.results import Computed
from srbench.bench.task import CellTask
from srbench.bench.workbench import Workbench
from srbench.plugins.registry import Registry

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def compute(folder):
    registry = Registry()
    request = Request(methods=("bicubic",), datasets=(folder,), scales=(2,), protocol=sys.argv[1])
    plan = make_plan(request, registry)
    workbench = Workbench(plan.scoring, registry, "cpu", 0)
    outcome = workbench.carry_out(CellTask(job=plan.jobs[0], key="key", images=1), lambda event: None)
    assert isinstance(outcome, Computed), outcome
    return peak()

print(compute(sys.argv[2]), compute(sys.argv[3]))
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="kilobytes of ru_maxrss are Linux's")
@pytest.mark.parametrize("protocol", ["vdsr", "edsr"])
def test_an_image_of_16_megapixels(tmp_path: Path, protocol: str) -> None:
    """Beyond what a small image takes: 40 bytes a pixel, of which HR, SR and their PNGs are 12."""
    small = photograph(256, 256)
    save(tmp_path / "small" / "small.png", small)
    save(tmp_path / "large" / "large.png", imresize(small, size=(4096, 4096)))
    command = [sys.executable, "-c", CODE, protocol, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    before, after = map(float, done.stdout.split())
    assert (after - before) * 2**20 / 4096**2 < 40
