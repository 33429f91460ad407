"""Variants, their words and their order; each resizer, plane and window against the library that it comes from."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch
from conftest import photograph
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import structural_similarity

from srbench.errors import DataError, MethodError, UsageError
from srbench.explain.catalogue import LIMIT, Candidate, candidates_for, candidates_for_images
from srbench.explain.compute import figures_of_method, makings
from srbench.explain.resizers import RESIZERS
from srbench.explain.search import Chance, Number, read_number, search
from srbench.explain.variant import variant_of
from srbench.explain.windows import windowed_ssim
from srbench.imaging.resize import imresize
from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.metrics.pixel import psnr
from srbench.metrics.ssim import ssim
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare
from srbench.protocols.planes import plane_of

RGB = photograph(60, 72)
CPU = torch.device("cpu")
DEGRADING = [p for p in PROTOCOLS.values() if p.degraded != "none" and not p.degradation]
"""Those that make LR by a resizer alone."""


def method(channels: str = "any", input_: str = "upsampled") -> Method:
    class Plain(Method):
        info = MethodInfo(name="plain", family="interpolation", channels=channels, input=input_)  # type: ignore[arg-type]

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            return x if input_ == "upsampled" else x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    return Plain()


def bicubic_candidates(metric: str = "psnr") -> list[Candidate]:
    return candidates_for(method().info, metric, thorough=True, gray=False)  # type: ignore[arg-type]


# resizers, planes and windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(30, 36), (20, 24), (120, 144)])
def test_resizers_are_their_libraries(size: tuple[int, int]) -> None:
    flipped = (size[1], size[0])
    expected = {
        "pil": np.asarray(Image.fromarray(RGB).resize(flipped, Image.Resampling.BICUBIC)),
        "opencv-cubic": cv2.resize(RGB, flipped, interpolation=cv2.INTER_CUBIC),
        "opencv-area": cv2.resize(RGB, flipped, interpolation=cv2.INTER_AREA),
        "opencv-linear": cv2.resize(RGB, flipped, interpolation=cv2.INTER_LINEAR),
        "opencv-nearest": cv2.resize(RGB, flipped, interpolation=cv2.INTER_NEAREST),
        "matlab": imresize(RGB, size=size),
        "matlab-replicate": imresize(RGB, size=size, border="replicate"),
        "matlab-plain": imresize(RGB, size=size, antialias=False),
        "matlab-bilinear": imresize(RGB, size=size, kernel="bilinear", antialias=False),
    }
    planes = torch.from_numpy(RGB).permute(2, 0, 1)[None].double()
    for name, antialias in (("torch", False), ("torch-antialias", True)):
        out = torch.nn.functional.interpolate(planes, size=size, mode="bicubic", antialias=antialias)
        expected[name] = np.floor(out[0].permute(1, 2, 0).clamp(0, 255).numpy() + 0.5).astype(np.uint8)
    assert expected.keys() == RESIZERS.keys()
    for name, pixels in expected.items():
        found = RESIZERS[name].resize(RGB, size)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, pixels, err_msg=name)
        gray = RESIZERS[name].resize(np.ascontiguousarray(RGB[..., 1]), size)
        np.testing.assert_array_equal(gray, pixels[..., 1], err_msg=name)


def test_resizers_leave_fractions_alone() -> None:
    """Those that work on fractions neither round nor saturate them."""
    for name, resizer in RESIZERS.items():
        if not resizer.whole:
            out = resizer.resize(RGB * 2.0, (30, 36))
            assert out.dtype == np.float64, name
            assert out.max() > 255 and (out % 1 != 0).any(), name


def test_planes() -> None:
    rgb = RGB.astype(np.float64)
    y = rgb2ycbcr(RGB)[..., 0]
    np.testing.assert_allclose(plane_of(rgb, "y"), y, atol=0.01)
    np.testing.assert_array_equal(plane_of(rgb, "y8"), np.floor(plane_of(rgb, "y") + 0.5))
    opencv = cv2.cvtColor(RGB, cv2.COLOR_RGB2YCrCb)[..., 0]
    np.testing.assert_array_equal(plane_of(rgb, "full8"), opencv)
    np.testing.assert_allclose(plane_of(rgb, "full"), opencv, atol=0.51)
    slip = plane_of(rgb, "slip") - plane_of(rgb, "y")
    assert 0 < np.abs(slip).mean() < 1  # nearly Y, and not Y
    white = np.full((1, 1, 3), 255.0)
    assert plane_of(white, "slip")[0, 0] == pytest.approx(16 + 255 * (64.738 + 129.057 + 25.064) / 256)
    np.testing.assert_array_equal(plane_of(rgb, "rgb"), rgb)
    np.testing.assert_array_equal(plane_of(rgb[..., 0], "full8"), rgb[..., 0])


@pytest.mark.parametrize("channels", [1, 3])
def test_windows(channels: int) -> None:
    target = photograph(50, 61, 1).astype(np.float64)
    sr = np.clip(target + np.random.default_rng(0).normal(0, 9, target.shape), 0, 255)
    target, sr = (image if channels == 3 else image[..., 0] for image in (target, sr))
    options = {"data_range": 255, "channel_axis": 2 if channels == 3 else None}
    assert windowed_ssim(sr, target, "uniform") == pytest.approx(structural_similarity(sr, target, **options), abs=1e-6)
    sample = structural_similarity(sr, target, gaussian_weights=True, **options)
    assert windowed_ssim(sr, target, "sample") == pytest.approx(sample, abs=1e-6)
    population = structural_similarity(sr, target, gaussian_weights=True, use_sample_covariance=False, **options)
    assert windowed_ssim(sr, target, "valid") == pytest.approx(population, abs=1e-6)
    assert windowed_ssim(sr, target, "same") == pytest.approx(ssim(sr, target, window="same"), abs=1e-9)
    with pytest.raises(ValueError, match="at least 7x7"):
        windowed_ssim(sr[:6], target[:6], "uniform")


# the catalogue -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["psnr", "ssim"])
@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize("gray", [True, False])
@pytest.mark.parametrize("input_", ["lr", "upsampled"])
def test_candidates_are_sound_distinct_and_cheapest_first(metric: str, thorough: bool, input_: str, gray: bool) -> None:
    info = method(input_=input_).info
    found = candidates_for(info, metric, thorough=thorough, gray=gray)  # type: ignore[arg-type]
    assert {candidate.variant.gray for candidate in found} == ({"y", "rgb"} if gray else {None})
    assert all(candidate.variant.is_sound for candidate in found)
    assert len({candidate.variant for candidate in found}) == len(found)
    costs = [candidate.cost for candidate in found]
    assert costs == sorted(costs) and costs[-1] <= LIMIT[metric]  # type: ignore[index]
    words = [candidate.words for candidate in found]
    assert len(set(words)) == len(words)
    assert (input_ == "upsampled" and thorough) == any("not clipped" in sentence for sentence in words)
    named = [name for candidate in found for name in candidate.protocols]
    assert sorted(named) == sorted(protocol.name for protocol in DEGRADING)


def test_fewer_ways_to_make_lr_are_tried_for_methods_that_take_long() -> None:
    few, many = (candidates_for(method().info, "psnr", thorough=thorough, gray=False) for thorough in (False, True))
    assert {c.variant for c in few} < {c.variant for c in many}
    assert makings(c.variant for c in few) < 0.7 * makings(c.variant for c in many)
    assert any(c.words == "as `vdsr`, but LR rounded to 8 bits" for c in few)


def test_words() -> None:
    words = {candidate.words for candidate in bicubic_candidates()}
    for sentence in (
        "`vdsr`: VDSR, DRCN and the papers that copy their columns",
        "RGB PSNR over all channels, LR 8-bit: `rgb`",
        "as `vdsr`, but LR rounded to 8 bits",
        "as `vdsr`, but nothing shaved",
        "as `vdsr`, but replicate border, nothing shaved",
        "PIL bicubic down and up (8-bit RGB), 8-bit Y",
        "PIL bicubic down and up (8-bit RGB), Y by the 64.738 slip, nothing shaved",
        "OpenCV INTER_AREA down, OpenCV INTER_CUBIC up (8-bit RGB), 8-bit Y",
        "8-bit RGB, LR and SR rounded once each, MSE averaged over the images before the log",
    ):
        assert sentence in words
    assert "as `vdsr`, but SSIM with scikit-image's defaults (7x7 uniform)" in {
        candidate.words for candidate in bicubic_candidates("ssim")
    }
    info = method(input_="lr").info
    from_lr = {candidate.words for candidate in candidates_for(info, "psnr", thorough=True, gray=False)}
    assert "LR by PIL bicubic (8-bit RGB), 8-bit Y" in from_lr
    assert not any(" up " in f"{sentence} " for sentence in from_lr)


def test_images_are_scored_as_the_protocols_do() -> None:
    found = candidates_for_images("ssim", gray=False)
    assert {candidate.protocols for candidate in found if candidate.protocols} == {
        ("vdsr", "srcnn", "selfexsr"),
        ("lapsrn",),
        ("edsr", "basicsr"),
        ("rgb", "ntire"),
    }
    assert all(candidate.variant.making is None for candidate in found)


# figures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", DEGRADING, ids=lambda protocol: protocol.name)
@pytest.mark.parametrize(("channels", "input_"), [*itertools.product(("y", "rgb", "any"), ("lr", "upsampled"))])
@pytest.mark.parametrize("hr", [RGB, RGB[..., 0].copy()], ids=["rgb", "gray"])
def test_a_named_protocol_gives_what_run_gives(protocol, channels: str, input_: str, hr: np.ndarray) -> None:
    plain = method(channels, input_)
    case = prepare(protocol, "x", hr, 2)
    pair = case.pair(case.finish(plain.info, run_method(plain, case.method_input(plain.info), 2, CPU)))
    for window, expected in ((False, psnr(*pair)), (True, ssim(*pair, window=protocol.ssim_window))):
        variant = variant_of(protocol, window=window)
        assert variant is not None
        figures = figures_of_method(plain, [("x", hr)], 2, [variant], CPU)
        assert figures[variant] == pytest.approx(expected, abs=1e-6)


def test_averages() -> None:
    """Three images of two sizes: the mean of PSNRs, and the PSNR of errors pooled in two ways."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    images = [("a", photograph(60, 60, 3)), ("b", noise), ("c", photograph(90, 120, 5))]
    base = variant_of(PROTOCOLS["rgb"], window=False)
    assert base is not None
    variants = [base.replaced("average", average) for average in ("mean", "images", "pixels")]
    figures = figures_of_method(method(), images, 2, variants, CPU)
    errors, sizes = [], []
    for name, hr in images:
        case = prepare(PROTOCOLS["rgb"], name, hr, 2)
        sr, target = case.pair(case.finish(method().info, case.method_input(method().info)))
        errors.append(float(np.mean((sr - target) ** 2)))
        sizes.append(sr.size)
    expected = [
        np.mean([10 * np.log10(255**2 / error) for error in errors]),
        10 * np.log10(255**2 / np.mean(errors)),
        10 * np.log10(255**2 / np.average(errors, weights=sizes)),
    ]
    assert [figures[variant] for variant in variants] == pytest.approx(expected, abs=1e-6)
    assert len({round(value, 3) for value in expected}) == 3


def test_a_pipeline_step_by_step() -> None:
    """PIL both ways on 8-bit RGB, Y not rounded, nothing shaved: written out with PIL and scikit-image."""
    small = Image.fromarray(RGB).resize((36, 30), Image.Resampling.BICUBIC)
    sr = np.asarray(small.resize((72, 60), Image.Resampling.BICUBIC))
    expected = psnr(plane_of(sr.astype(float), "y"), plane_of(RGB.astype(float), "y"))
    words = "PIL bicubic down and up (8-bit RGB), Y not rounded, nothing shaved"
    variant = next(candidate.variant for candidate in bicubic_candidates() if candidate.words == words)
    assert figures_of_method(method(), [("x", RGB)], 2, [variant], CPU)[variant] == pytest.approx(expected, abs=1e-9)


def test_what_cannot_be_scored_is_one_sentence() -> None:
    variants = [candidate.variant for candidate in bicubic_candidates()[:3]]
    with pytest.raises(DataError, match=r"tiny is 20x20, too small"):
        figures_of_method(method(), [("tiny", RGB[:20, :20])], 2, variants, CPU)

    class Broken(Method):
        info = method().info

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            raise RuntimeError("no\nway")

    with pytest.raises(MethodError, match=r"plain raised RuntimeError on x: no$"):
        figures_of_method(Broken(), [("x", RGB)], 2, variants, CPU)


# the search ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "metric", "expected"),
    [
        ("31.80", None, Number("31.80", "psnr", 31.80, 0.005)),
        ("31.8", None, Number("31.8", "psnr", 31.8, 0.05)),
        ("34", None, Number("34", "psnr", 34.0, 0.5)),
        (" 33.66 dB", None, Number("33.66", "psnr", 33.66, 0.005)),
        (".9299", None, Number(".9299", "ssim", 0.9299, 0.00005)),
        ("0.5", "psnr", Number("0.5", "psnr", 0.5, 0.05)),
        ("33.66146512345", None, Number("33.66146512345", "psnr", 33.66146512345, 0.00005)),
    ],
)
def test_a_number_is_as_precise_as_it_is_printed(text: str, metric: str | None, expected: Number) -> None:
    found = read_number(text, metric)
    assert (found.text, found.metric, found.value) == (expected.text, expected.metric, expected.value)
    assert found.reach == pytest.approx(expected.reach)


@pytest.mark.parametrize("text", ["", "abc", "-3", "nan", "inf", "1e3", "33,66", "9999", "٣٣.٦", "."])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as 33\.66") as error:
        read_number(text, None)
    assert "\n" not in str(error.value)


def test_metrics_are_checked() -> None:
    with pytest.raises(UsageError, match="at most 1"):
        read_number("33.66", "ssim")
    with pytest.raises(UsageError, match="psnr or ssim"):
        read_number("33.66", "lpips")


def test_plausibility_decides_within_reach_and_distance_beyond() -> None:
    candidates = bicubic_candidates()[:5]
    values = [33.70, 33.663, 33.658, 33.668, 30.0]
    figures = {candidate.variant: value for candidate, value in zip(candidates, values, strict=True)}
    answer = search(candidates, figures, read_number("33.66", None), "psnr")
    assert [found.figure for found in answer.found] == [33.663, 33.658, 33.668, 33.70, 30.0]
    assert [found.figure for found in answer.within_reach] == [33.663, 33.658]
    assert [found.figure for found in answer.near_misses] == [33.668, 33.70]
    assert answer.found[0].difference == pytest.approx(0.003)
    listed = search(candidates, figures, None, "psnr")
    assert [found.figure for found in listed.found] == values
    assert listed.within_reach == listed.near_misses == ()


def test_how_many_numbers_would_be_matched_by_chance() -> None:
    candidates = bicubic_candidates()
    first, others = candidates[0], [candidate for candidate in candidates if candidate.cost > candidates[0].cost][:3]
    values = {first.variant: 33.66} | {
        each.variant: value for each, value in zip(others, (33.664, 33.71, 35.0), strict=True)
    }
    answer = search([first, *others], values, read_number("33.66", None), "psnr")
    assert answer.chance == Chance(
        numbers=101, low=pytest.approx(33.16), high=pytest.approx(34.16), by_any=2, by_plausible=1
    )
    missed = search([first, *others], values, read_number("33.80", None), "psnr").chance
    assert missed is not None and (missed.by_any, missed.by_plausible) == (2, None)
    assert search([first, *others], values, None, "psnr").chance is None


def test_chance_is_what_trying_every_number_gives() -> None:
    candidates = bicubic_candidates()[:60]
    rng = np.random.default_rng(3)
    figures = {candidate.variant: float(rng.uniform(32.5, 34.5)) for candidate in candidates}
    chance = search(candidates, figures, read_number("33.66", None), "psnr").chance
    tried = (search(candidates, figures, read_number(f"{n / 100:.2f}", None), "psnr") for n in range(3316, 3417))
    assert chance is not None and chance.by_any == sum(bool(answer.within_reach) for answer in tried)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(25, 40), min_size=20, max_size=20), st.floats(25, 40), st.integers(0, 4))
def test_order_of_any_figures(values: list[float], value: float, decimals: int) -> None:
    candidates = bicubic_candidates()[:20]
    figures = {candidate.variant: figure for candidate, figure in zip(candidates, values, strict=True)}
    number = read_number(f"{value:.{decimals}f}", None)
    answer = search(candidates, figures, number, "psnr")
    assert sorted(found.figure for found in answer.found) == sorted(values)
    hits = answer.within_reach
    assert answer.found[: len(hits)] == hits
    assert all(abs(found.figure - number.value) <= number.reach + 1e-9 for found in hits)
    assert [found.candidate.cost for found in hits] == sorted(found.candidate.cost for found in hits)
    rest = [abs(found.difference or 0) for found in answer.found[len(hits) :]]
    assert rest == sorted(rest) and all(distance > number.reach for distance in rest)
