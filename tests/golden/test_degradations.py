"""The families of tables whose LR is not bicubic: published figures to the last digit."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from statistics import fmean

import pytest

import srbench
from srbench.imaging.files import read_image
from srbench.method import MethodInfo
from srbench.metrics.metric import Pair
from srbench.metrics.pixel import psnr
from srbench.metrics.ssim import protocol_ssim
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
BICUBIC = MethodInfo(name="bicubic", family="interpolation", channels="any", input="upsampled")

FIGURES = {
    ("bd", "set5"): (28.7766, 0.8308),
    ("bd", "set14"): (26.3841, 0.7271),
    ("bd", "bsd100"): (26.3291, 0.6918),
    ("dn", "set5"): (24.0064, 0.5369),
    ("dn", "set14"): (22.8683, 0.4724),
    ("dn", "bsd100"): (22.9152, 0.4449),
}
"""Bicubic at x3, PSNR recomputed with independent code, SSIM as printed; both round to the printed figures."""


@pytest.mark.parametrize(("protocol", "dataset"), FIGURES, ids=lambda value: value)
def test_bicubic(protocol: str, dataset: str) -> None:
    images = sorted((MIRROR / dataset).glob("*.png"))
    if not images:
        pytest.skip(f"{dataset} is not at hand: SRBENCH_MIRROR names no folder that holds it")
    psnrs, ssims = [], []
    for path in images:
        case = prepare(PROTOCOLS[protocol], path.stem, read_image(path), 3)
        pair = case.pair(case.finish(BICUBIC, case.method_input(BICUBIC)))
        psnrs.append(psnr(*pair))
        ssims.append(protocol_ssim(Pair(*pair, case.protocol)))
    expected_psnr, expected_ssim = FIGURES[protocol, dataset]
    assert fmean(psnrs) == pytest.approx(expected_psnr, abs=0.5e-4 + 1e-5)
    assert fmean(ssims) == pytest.approx(expected_ssim, abs=0.5e-4)


@pytest.mark.parametrize("dataset", ["realsr", "drealsr"])
def test_stablesr_gives_every_published_figure_of_a_release(dataset: str, tmp_path: Path) -> None:
    folder = MIRROR / "real_crops"
    if not folder.is_dir():
        pytest.skip("real_crops is not at hand: SRBENCH_MIRROR names no folder that holds it")
    with (folder / f"{dataset}_osediff_metrics.csv").open(encoding="utf-8") as file:
        published = {row["image"]: row for row in csv.DictReader(file)}
    here = folder / dataset
    run = srbench.run(
        f"images:{here}/sr_osediff",
        f"hr={here}/hr,lr={here}/lr",
        scales=4,
        protocol="stablesr",
        metrics=("psnr", "ssim"),
        out=tmp_path,
        device="cpu",
    )
    run.raise_for_failures()
    (cell,) = run.loaded.cells
    assert len(cell.images) == len(list((here / "hr").iterdir()))
    for image in cell.images:
        for metric, tolerance in (("psnr", 3.2e-6), ("ssim", 2e-6)):  # log10 in float32 has steps of 2.4e-6 dB there
            expected = pytest.approx(float(published[image.name][metric]), abs=tolerance)
            assert image.values[metric] == expected, image.name
