"""Every number that people are known to call bicubic's PSNR or SSIM is explained from the number alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from conftest import Once
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srbench.data.catalog import resolve
from srbench.data.sr_images import match
from srbench.explain.catalogue import Candidate, candidates_for, candidates_for_images
from srbench.explain.compute import figures_of_method
from srbench.explain.images import figures_of_images
from srbench.explain.joint import Measured, read_figures, search_all
from srbench.explain.search import Answer, read_number, search
from srbench.explain.variant import Variant
from srbench.imaging.files import read_image, to_uint8
from srbench.plugins.registry import Registry
from srbench.report.text.explanation import SIMPLE

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
TOOLBOX = "8-bit RGB, LR and SR rounded once each"
OPENCV = "OpenCV INTER_CUBIC down and up (8-bit RGB), 8-bit Y"

PILLOW = "Pillow's Y downsampled and upsampled alone by PIL bicubic, nothing shaved: pytorch-vdsr"

PUBLISHED = {
    "srcnn": (("33.6621", "30.3936", "28.4221"), ("30.2335",)),
    "vdsr": (("33.6615", "30.3924", "28.4211"), ("30.2374",)),
    "edsr": (("33.6734", "30.4033", "28.4290"), ("30.3246",)),
    "basicsr": (("33.6818", "30.4047", "28.4314"), ("30.3301",)),
    "lapsrn": (("33.6869", "30.4070", "28.4322"), ("30.2520",)),
    "selfexsr": (("33.6404", "30.3864", "28.4177"), ("30.2200",)),
}
"""By protocol: Set5 at x2, x3 and x4, and Set14 at x2."""

OTHERS = (
    ("33.66", "set5", 2, "`vdsr`: VDSR, DRCN and the papers that copy their columns"),
    ("33.668", "set5", 2, "as `vdsr`, but nothing shaved"),
    ("30.02", "set14", 2, "as `vdsr`, but nothing shaved"),  # -0.22 dB
    ("33.652", "set5", 2, "as `vdsr`, but LR rounded to 8 bits"),
    ("33.649", "set5", 2, f"{TOOLBOX}, 8-bit Y"),
    ("33.682", "set5", 2, "`basicsr`: BasicSR, where it makes LR itself: BSRN"),
    ("30.2302", "set14", 2, "as `lapsrn`, but LR rounded after each pass of the resizer"),  # `edsr` of old
    ("30.3464", "set14", 2, "as `lapsrn`, but gray images as RGB (Y in 16..235)"),
    ("32.346", "set5", 2, "as `rgb`, but full-range 8-bit luma (OpenCV's YCrCb)"),
    ("31.800", "set5", 2, "RGB PSNR over all channels, LR 8-bit: `rgb`"),
    ("31.80", "set5", 2, "RGB PSNR over all channels, LR 8-bit: `rgb`"),
    ("32.003", "set5", 2, f"{TOOLBOX}, MSE averaged over the images before the log"),
    ("33.638", "set5", 2, "PIL bicubic down and up (8-bit RGB), 8-bit Y"),
    ("34.409", "set5", 2, OPENCV),
    ("29.626", "set5", 3, OPENCV),
    ("27.682", "set5", 4, OPENCV),
    ("33.940", "set5", 2, "MATLAB's bicubic down, OpenCV INTER_CUBIC up (8-bit RGB), 8-bit Y"),
    ("32.32890705899756", "set5", 2, PILLOW),
    ("34.131", "set5", 2, "OpenCV INTER_AREA down, OpenCV INTER_CUBIC up (8-bit RGB), 8-bit Y"),
)
SSIMS = (
    (".92988", 2, "`vdsr`: VDSR, DRCN and the papers that copy their columns"),
    (".93069", 2, "`lapsrn`: LapSRN; FSRCNN's 37.05 comes from here"),
    (".92922", 2, "`selfexsr`: SelfExSR"),
    (".9361", 2, f"{TOOLBOX}, SSIM with scikit-image's defaults (7x7 uniform)"),
)
NEAREST = (("30.85", 2), ("27.92", 3), ("26.25", 4), (".8995", 2))
"""On Set5. Enlarged by nearest neighbour, rounded LR gives what unrounded LR does: it is rounded later."""


Figures = tuple[list[Candidate], dict[Variant, float]]
MakeFigures = Callable[[str, str, int, str], Figures]
Explained = Callable[[str, str, str, int], Answer]


def make_figures(method: str, dataset: str, scale: int, metric: str) -> Figures:
    paths = sorted((MIRROR / dataset).glob("*.png"))
    if not paths:
        pytest.skip(f"{dataset} is not at hand: SRBENCH_MIRROR names no folder that holds it")
    made = Registry().method(method)()
    images = [(path.stem, to_uint8(read_image(path))) for path in paths]
    gray = any(hr.ndim == 2 for _, hr in images)
    candidates = candidates_for(made.info, metric, thorough=True, gray=gray)  # type: ignore[arg-type]
    variants = [candidate.variant for candidate in candidates]
    return candidates, figures_of_method(made, images, scale, variants, torch.device("cpu"))


@pytest.fixture(scope="module")
def figures(once: Once) -> MakeFigures:
    @cache
    def made(*key: Any) -> Figures:
        found: Figures = once("-".join(map(str, key)), lambda: make_figures(*key))
        return found

    return made


@pytest.fixture
def explained(figures: MakeFigures) -> Explained:
    def search_for(text: str, method: str, dataset: str, scale: int) -> Answer:
        number = read_number(text, None)
        return search(*figures(method, dataset, scale, number.metric), number, number.metric)

    return search_for


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_protocols_are_found(protocol: str, explained: Explained) -> None:
    set5, set14 = PUBLISHED[protocol]
    for dataset, scale, text in [*(("set5", i + 2, text) for i, text in enumerate(set5)), ("set14", 2, set14[0])]:
        answer = explained(text, "bicubic", dataset, scale)
        assert answer.within_reach
        assert answer.found[0].candidate.protocols == (protocol,), (text, answer.found[0].candidate.words)


@pytest.mark.parametrize(("text", "dataset", "scale", "words"), OTHERS)
def test_what_else_people_call_psnr_is_found(
    text: str, dataset: str, scale: int, words: str, explained: Explained
) -> None:
    answer = explained(text, "bicubic", dataset, scale)
    assert answer.within_reach
    assert answer.found[0].candidate.words == words


@pytest.mark.parametrize(("text", "scale", "words"), SSIMS)
def test_ssims_are_found(text: str, scale: int, words: str, explained: Explained) -> None:
    answer = explained(text, "bicubic", "set5", scale)
    assert answer.within_reach
    assert answer.found[0].candidate.words == words


@pytest.mark.parametrize(("text", "scale"), NEAREST)
def test_nearest_is_found(text: str, scale: int, explained: Explained) -> None:
    answer = explained(text, "nearest", "set5", scale)
    assert answer.within_reach
    assert answer.found[0].candidate.protocols == ("vdsr",)


def test_a_number_that_nobody_gets_is_not_explained(explained: Explained) -> None:
    answer = explained("36.00", "bicubic", "set5", 2)
    assert not answer.within_reach and not answer.near_misses


@pytest.mark.parametrize("page", ["README.md", "docs/explanation/why-psnrs-differ.md", "srbench/protocols/protocol.py"])
def test_pages_agree_on_how_far_bicubic_s_psnr_goes(page: str, figures: MakeFigures) -> None:
    """The usual ways, that is those which are listed without a number to look for."""
    candidates, values = figures("bicubic", "set5", 2, "psnr")
    usual = [values[candidate.variant] for candidate in candidates if candidate.cost <= SIMPLE]
    text = " ".join((Path(__file__).parents[2] / page).read_text("utf-8").split())
    assert f"from {min(usual):.2f} to {max(usual):.2f} dB" in text
    assert f"the {len(usual)} usual ways" in text
    if "All 1,107" in text:
        every = values.values()
        assert f"All {len(candidates):,} that it tries" in text
        assert f"from {min(every):.2f} to {max(every):.2f} dB" in text


def test_bicubic_of_pytorch_vdsr_comes_out_to_all_its_digits(explained: Explained) -> None:
    found = explained("32.32890705899756", "bicubic", "set5", 2).found[0]
    assert found.candidate.words == PILLOW
    assert found.figure == pytest.approx(32.32890705899756, abs=1e-13)


def opencv_both_ways(scale: int) -> tuple[float, float]:
    """PSNR and SSIM of Set5's bicubic by OpenCV and scikit-image alone."""
    psnrs, ssims = [], []
    for path in sorted((MIRROR / "set5").glob("*.png")):
        hr = read_image(path)
        height, width = (side // scale * scale for side in hr.shape[:2])
        hr = np.ascontiguousarray(hr[:height, :width])
        lr = cv2.resize(hr, (width // scale, height // scale), interpolation=cv2.INTER_CUBIC)
        sr = cv2.resize(lr, (width, height), interpolation=cv2.INTER_CUBIC)
        one, other = (np.floor(rgb2ycbcr(image)[scale:-scale, scale:-scale, 0] + 0.5) for image in (sr, hr))
        psnrs.append(peak_signal_noise_ratio(other, one, data_range=255))
        options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255}
        ssims.append(structural_similarity(other, one, **options))
    return float(np.mean(psnrs)), float(np.mean(ssims))


def test_several_figures_leave_one_variant_of_many(figures: MakeFigures) -> None:
    candidates = {metric: figures("bicubic", "set5", 2, metric)[0] for metric in ("psnr", "ssim")}
    made = {scale: opencv_both_ways(scale) for scale in (2, 3, 4)}
    texts = [f"x{scale}={value:.4f}" for scale, (value, _) in made.items()] + [f"x2={made[2][1]:.4f}"]
    asked = read_figures(texts, "set5", None, None)
    measured = [Measured(each, figures("bicubic", "set5", each.scale, each.metric)[1]) for each in asked]
    answer = search_all(candidates, measured)  # type: ignore[arg-type]
    assert [joint.words for joint in answer.give_all] == [f"{OPENCV}; SSIM by ssim_index"]
    assert answer.by_chance < 1e-6
    alone = [len(search_all(candidates, [each]).give_all) for each in measured]  # type: ignore[arg-type]
    assert max(alone) > 5


def test_pyiqas_way_is_named_first_and_one_ssim_is_said_to_be_chance() -> None:
    folder = MIRROR / "real_crops" / "realsr"
    if not folder.is_dir():
        pytest.skip("real_crops is not at hand: SRBENCH_MIRROR names no folder that holds it")
    candidates = candidates_for_images("ssim", gray=False)
    variants = [candidate.variant for candidate in candidates]
    hr = resolve(str(folder / "hr"))
    values = figures_of_images(match(folder / "sr_osediff", hr).files, hr, 4, variants, lambda: None)
    number = read_number(".7348", None)  # the mean of these twelve images' published values; that of all 100 is .7341
    answer = search(candidates, values, number, "ssim")
    assert answer.found[0].candidate.protocols == ("stablesr",)
    assert answer.within_reach and answer.chance is not None and answer.chance.is_likely


def test_it_takes_seconds() -> None:
    """Of the processor: the limit on a machine that does nothing else is 20 s."""
    began = time.process_time()
    number = read_number("31.80", None)
    search(*make_figures("bicubic", "set5", 2, number.metric), number, number.metric)
    assert time.process_time() - began < 15
