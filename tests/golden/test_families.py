"""The page on families shows what bicubic scores on Set5."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import srbench
from srbench.data.catalog import resolve
from srbench.data.degrading import degrade_dataset
from srbench.protocols.builtin import PROTOCOLS

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "protocol-families.md"
ROWS = {
    cells[1].strip("` "): dict(zip((2, 3, 4), (cell.strip() for cell in cells[4:7]), strict=True))
    for cells in (line.split("|") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `"))
}


def test_the_page_has_every_protocol() -> None:
    assert ROWS.keys() == PROTOCOLS.keys()


@pytest.mark.parametrize("name", ROWS)
def test_values(name: str, tmp_path: Path) -> None:
    if not (MIRROR / "set5").is_dir():
        pytest.skip("set5 is not at hand: SRBENCH_MIRROR names no folder that holds it")
    scales = [scale for scale, text in ROWS[name].items() if "/" in text]
    hr = str(MIRROR / "set5")
    for scale in scales:
        dataset = hr
        if PROTOCOLS[name].degraded == "none":
            made = degrade_dataset(resolve(hr), PROTOCOLS["edsr"], (scale,), tmp_path / str(scale), "basicsr")
            dataset = made.pairs(scale)
        run = srbench.run(
            "bicubic", dataset, scales=scale, protocol=name, metrics=("psnr", "ssim"), out=tmp_path / "runs"
        )
        run.raise_for_failures()
        (cell,) = run.loaded.cells
        shown = f"{cell.values['psnr']:.4f} / {cell.values['ssim']:.4f}"
        assert re.sub(" 0[.]", " .", shown) == ROWS[name][scale]
