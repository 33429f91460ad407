"""Every number that people are known to call bicubic's PSNR or SSIM is explained from the number alone."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path

import pytest
import torch

from srbench.analysis.explain.catalogue import Candidate, candidates_for
from srbench.analysis.explain.compute import figures_of_method
from srbench.analysis.explain.search import Answer, read_number, search
from srbench.analysis.explain.variant import Variant
from srbench.imaging.files import read_image, to_uint8
from srbench.registry import Registry
from srbench.report.explanation import SIMPLE

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
TOOLBOX = "8-bit RGB, LR and SR rounded once each"
OPENCV = "OpenCV INTER_CUBIC down and up (8-bit RGB), 8-bit Y"

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


@lru_cache(maxsize=16)
def figures(method: str, dataset: str, scale: int, metric: str) -> tuple[list[Candidate], dict[Variant, float]]:
    paths = sorted((MIRROR / dataset).glob("*.png"))
    if not paths:
        pytest.skip(f"{dataset} is not at hand: SRBENCH_MIRROR names no folder that holds it")
    made = Registry().method(method)()
    images = [(path.stem, to_uint8(read_image(path))) for path in paths]
    gray = any(hr.ndim == 2 for _, hr in images)
    candidates = candidates_for(made.info, metric, thorough=True, gray=gray)  # type: ignore[arg-type]
    variants = [candidate.variant for candidate in candidates]
    return candidates, figures_of_method(made, images, scale, variants, torch.device("cpu"))


def explained(text: str, method: str, dataset: str, scale: int) -> Answer:
    number = read_number(text, None)
    return search(*figures(method, dataset, scale, number.metric), number, number.metric)


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_protocols_are_found(protocol: str) -> None:
    set5, set14 = PUBLISHED[protocol]
    for dataset, scale, text in [*(("set5", i + 2, text) for i, text in enumerate(set5)), ("set14", 2, set14[0])]:
        answer = explained(text, "bicubic", dataset, scale)
        assert answer.within_reach
        assert answer.found[0].candidate.protocols == (protocol,), (text, answer.found[0].candidate.words)


@pytest.mark.parametrize(("text", "dataset", "scale", "words"), OTHERS)
def test_what_else_people_call_psnr_is_found(text: str, dataset: str, scale: int, words: str) -> None:
    answer = explained(text, "bicubic", dataset, scale)
    assert answer.within_reach
    assert answer.found[0].candidate.words == words


@pytest.mark.parametrize(("text", "scale", "words"), SSIMS)
def test_ssims_are_found(text: str, scale: int, words: str) -> None:
    answer = explained(text, "bicubic", "set5", scale)
    assert answer.within_reach
    assert answer.found[0].candidate.words == words


@pytest.mark.parametrize(("text", "scale"), NEAREST)
def test_nearest_is_found(text: str, scale: int) -> None:
    answer = explained(text, "nearest", "set5", scale)
    assert answer.within_reach
    assert answer.found[0].candidate.protocols == ("vdsr",)


def test_a_number_that_nobody_gets_is_not_explained() -> None:
    answer = explained("36.00", "bicubic", "set5", 2)
    assert not answer.within_reach and not answer.near_misses


@pytest.mark.parametrize("page", ["README.md", "docs/explanation/why-psnrs-differ.md", "srbench/protocol.py"])
def test_pages_agree_on_how_far_bicubic_s_psnr_goes(page: str) -> None:
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


def test_it_takes_seconds() -> None:
    """Of the processor: the limit on a machine that does nothing else is 20 s."""
    figures.cache_clear()
    began = time.process_time()
    explained("31.80", "bicubic", "set5", 2)
    assert time.process_time() - began < 15
