"""Plans of a few small images and one method, for tests of how a cell is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from conftest import photograph, save

from srbench.bench.options import Request
from srbench.bench.plan import Plan
from srbench.bench.planning import make_plan
from srbench.plugins.registry import Registry

IMAGES = 6
PLUGIN = """
import os
from pathlib import Path
from srbench.method import Method, MethodInfo

class Odd(Method):
    info = MethodInfo(name="odd", family="interpolation", channels="any", input="upsampled", halo=0)
    calls = 0

    def upscale(self, x, scale):
        {body}
        return x
"""
BODIES = {
    "honest": "pass",
    "reads": "(Path(__file__).parent / 'table.txt').read_text(); os.environ.get('ODD')",
    "keeps state": "Odd.calls += 1; x = x * (1 - Odd.calls / 100)",
    "writes into its input": "x *= 0.5",
    "fails on the third and the fifth": "assert abs(float(x.mean()) - 100 / 255) > .02, f'too bright: {x.mean():.3f}'",
}


def folder_of(path: Path, heights: Sequence[int] = (40, 44, 48, 40, 44, 48)) -> Path:
    for number, height in enumerate(heights):
        image = np.full((height, 40, 3), 100) if number in (2, 4) else photograph(height, 40, number)
        save(path / f"{number}.png", image.astype(np.uint8))
    return path


def plan_of(folder: Path, plugin: str | None, methods: tuple[str, ...], **more: Any) -> tuple[Plan, Registry]:
    files = []
    if plugin is not None:
        (folder / "p.py").write_text(PLUGIN.replace("{body}", plugin))
        (folder / "table.txt").write_text("a table")
        files = [folder / "p.py"]
    registry = Registry(files)
    return make_plan(Request(methods=methods, datasets=(str(folder),), scales=(2,), **more), registry), registry
