"""Variants, their words and their order; each resizer, plane and window against the library that it comes from."""

from __future__ import annotations

import itertools
import warnings
from functools import cache
from typing import get_args

import cv2
import numpy as np
import piq
import pytest
import torch
from conftest import photograph
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2ycbcr
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from srbench.errors import DataError, MethodError, UsageError
from srbench.explain.catalogue import LIMIT, Candidate, candidates_for, candidates_for_images
from srbench.explain.compute import figures_of_method, makings
from srbench.explain.joint import Measured, read_figures, search_all
from srbench.explain.resizers import RESIZERS
from srbench.explain.search import Chance, Number, read_number, search
from srbench.explain.variant import variant_of
from srbench.explain.windows import Window, windowed_ssims
from srbench.imaging.resize import imresize, shave
from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.metrics.pixel import psnr
from srbench.metrics.ssim import ssim
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare
from srbench.protocols.planes import plane_of
from srbench.protocols.protocol import Protocol
from srbench.report.text.explanation import verdict

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


@cache
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
    pillow = np.asarray(Image.fromarray(RGB).convert("YCbCr"))[..., 0]
    np.testing.assert_array_equal(plane_of(rgb, "pil8"), pillow)
    assert (pillow != opencv).any()
    np.testing.assert_allclose(plane_of(rgb, "full"), opencv, atol=0.51)
    slip = plane_of(rgb, "slip") - plane_of(rgb, "y")
    assert 0 < np.abs(slip).mean() < 1  # nearly Y, and not Y
    white = np.full((1, 1, 3), 255.0)
    assert plane_of(white, "slip")[0, 0] == pytest.approx(16 + 255 * (64.738 + 129.057 + 25.064) / 256)
    np.testing.assert_array_equal(plane_of(rgb, "rgb"), rgb)
    np.testing.assert_array_equal(plane_of(rgb[..., 0], "full8"), rgb[..., 0])


def one_ssim(sr: np.ndarray, target: np.ndarray, window: Window) -> float:
    return windowed_ssims(sr, target, {0: [window]})[0, window]


@pytest.mark.parametrize("channels", [1, 3])
def test_windows(channels: int) -> None:
    target = photograph(50, 61, 1).astype(np.float64)
    sr = np.clip(target + np.random.default_rng(0).normal(0, 9, target.shape), 0, 255)
    target, sr = (image if channels == 3 else image[..., 0] for image in (target, sr))
    options = {"data_range": 255, "channel_axis": 2 if channels == 3 else None}
    assert one_ssim(sr, target, "uniform") == pytest.approx(structural_similarity(sr, target, **options), abs=1e-6)
    sample = structural_similarity(sr, target, gaussian_weights=True, **options)
    assert one_ssim(sr, target, "sample") == pytest.approx(sample, abs=1e-6)
    population = structural_similarity(sr, target, gaussian_weights=True, use_sample_covariance=False, **options)
    assert one_ssim(sr, target, "valid") == pytest.approx(population, abs=1e-6)
    assert one_ssim(sr, target, "same") == pytest.approx(ssim(sr, target, window="same"), abs=1e-9)
    with pytest.raises(ValueError, match="at least 7x7"):
        one_ssim(sr[:6], target[:6], "uniform")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options["data_range"] = 2.0  # as it was assumed of floats
        floats = structural_similarity(sr / 255.0, target / 255.0, **options)
    assert one_ssim(sr, target, "uniform-2") == pytest.approx(floats, abs=1e-6)


def torch_ssim(sr: np.ndarray, target: np.ndarray, *, padding: int, clipped: bool) -> float:
    """The definition by torch's convolutions, in doubles."""
    x, y = (torch.from_numpy(np.atleast_3d(image) / 255.0).permute(2, 0, 1)[:, None] for image in (sr, target))
    weights = torch.exp(-(torch.arange(-5.0, 6.0, dtype=torch.float64) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()

    def mean(image: torch.Tensor) -> torch.Tensor:
        down = torch.nn.functional.conv2d(image, weights[None, None, :, None], padding=(padding, 0))
        return torch.nn.functional.conv2d(down, weights[None, None, None], padding=(0, padding))

    mx, my = mean(x), mean(y)
    contrast = (2 * (mean(x * y) - mx * my) + 0.03**2) / (mean(x * x) - mx**2 + mean(y * y) - my**2 + 0.03**2)
    luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
    return float((luminance * (contrast.relu() if clipped else contrast)).mean())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(50, 61), (390, 400), (641, 640)])
def test_windows_are_their_libraries(channels: int, size: tuple[int, int]) -> None:
    """pyiqa by its formula; the others as they are installed."""
    target = photograph(*size, 1).astype(np.float64)
    noise = np.random.default_rng(0).normal(0, 60, target.shape)
    sr = np.clip(target + noise, 10, 240)
    sr[:40, :40] = 255.0 - target[:40, :40]
    target, sr = (image if channels == 3 else image[..., 0] for image in (target, sr))
    one, other = (torch.from_numpy(np.atleast_3d(image)).permute(2, 0, 1)[None] / 255.0 for image in (sr, target))
    expected: dict[Window, float] = {
        "valid": torch_ssim(sr, target, padding=0, clipped=False),
        "clipped": torch_ssim(sr, target, padding=0, clipped=True),
        "zero": torch_ssim(sr, target, padding=5, clipped=False),
        "halved": float(piq.ssim(one, other)),
        "reflect": float(structural_similarity_index_measure(one, other, data_range=1.0)),
        "range": float(structural_similarity_index_measure(one, other)),
    }
    assert expected["clipped"] > expected["valid"] + 1e-5
    assert (expected["halved"] > expected["valid"] + 0.01) == (min(size) > 383)
    found = windowed_ssims(sr, target, {0: expected.keys()})
    for window, value in expected.items():
        assert found[0, window] == pytest.approx(value, abs=1e-6), window
        assert one_ssim(sr, target, window) == found[0, window]


@pytest.mark.parametrize("size", [(60, 71), (250, 301)])
def test_what_is_shaved_is_shaved(size: tuple[int, int]) -> None:
    target = photograph(*size, 1).astype(np.float64)
    sr = np.clip(target + np.random.default_rng(0).normal(0, 30, target.shape), 0, 255)
    windows = get_args(Window)
    found = windowed_ssims(sr, target, {0: windows, 3: windows[:4], 8: windows})
    assert found.keys() == {(border, window) for border in (0, 8) for window in windows} | {(3, w) for w in windows[:4]}
    for (border, window), value in found.items():
        alone = one_ssim(shave(sr, border), shave(target, border), window)
        assert value == pytest.approx(alone, abs=1e-7), (border, window)


def test_an_image_that_is_too_small_once_it_is_shaved_is_told() -> None:
    image = photograph(30, 40, 1)[..., 0].astype(np.float64)
    assert windowed_ssims(image, image, {0: ["valid"], 11: ["uniform", "zero"]})[11, "uniform"] == 1.0
    with pytest.raises(ValueError, match="SSIM needs at least 11x11 pixels, and 18x8 are left to score"):
        windowed_ssims(image, image, {0: ["uniform"], 11: ["uniform", "valid"]})


# the catalogue -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["psnr", "ssim"])
@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize("gray", [True, False])
@pytest.mark.parametrize("input_", ["lr", "upsampled"])
def test_candidates_are_sound_distinct_and_cheapest_first(metric: str, thorough: bool, input_: str, gray: bool) -> None:
    info = method(input_=input_).info
    found = candidates_for(info, metric, thorough=thorough, gray=gray)  # type: ignore[arg-type]
    assert {candidate.variant.gray for candidate in found} == ({"y", "rgb"} if gray else {None})
    assert all(candidate.variant.is_sound(input_ == "lr") for candidate in found)
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
        "PIL bicubic down and up (8-bit RGB), Y by code that has 64.738 for red where 65.738 is right, nothing shaved",
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
        ("paired-rgb",),
        ("stablesr",),
    }
    assert all(candidate.variant.making is None for candidate in found)


# figures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", DEGRADING, ids=lambda protocol: protocol.name)
def test_a_named_protocol_gives_what_run_gives(protocol: Protocol) -> None:
    for channels, input_, hr in itertools.product(("y", "rgb", "any"), ("lr", "upsampled"), (RGB, RGB[..., 0].copy())):
        plain = method(channels, input_)
        case = prepare(protocol, "x", hr, 2)
        pair = case.pair(case.finish(plain.info, run_method(plain, case.method_input(plain.info), 2, CPU)))
        expected = {
            variant_of(protocol, window=False): psnr(*pair),
            variant_of(protocol, window=True): ssim(*pair, window=protocol.ssim_window),
        }
        figures = figures_of_method(plain, [("x", hr)], 2, [*filter(None, expected)], CPU)
        assert figures == {variant: pytest.approx(value, abs=1e-6) for variant, value in expected.items()}


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


def test_truncated_sr_of_a_network_step_by_step() -> None:
    """LR by PIL, SR cut to whole numbers, RGB: written out."""

    class Smooth(Method):
        info = method(input_="lr").info

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            return torch.nn.functional.interpolate(x, scale_factor=scale, mode="bilinear")

    small = np.asarray(Image.fromarray(RGB).resize((36, 30), Image.Resampling.BICUBIC))
    x = torch.from_numpy(small / 255.0).float().permute(2, 0, 1)[None]
    sr = (Smooth().upscale(x, 2)[0].permute(1, 2, 0).double() * 255.0).numpy().astype(np.uint8)
    words = "LR by PIL bicubic (8-bit RGB), SR cut to whole numbers, not rounded, RGB over all channels"
    candidates = candidates_for(Smooth.info, "psnr", thorough=True, gray=False)
    variant = next(candidate.variant for candidate in candidates if candidate.words == words)
    expected = psnr(*(image[2:-2, 2:-2].astype(float) for image in (sr, RGB)))
    assert figures_of_method(Smooth(), [("x", RGB)], 2, [variant], CPU)[variant] == pytest.approx(expected, abs=1e-9)


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


def test_the_verdict_says_what_a_match_is_worth() -> None:
    candidates = bicubic_candidates()
    first, other = candidates[0], next(each for each in candidates if not each.protocols)

    def said(number: str, figures: dict[Candidate, float]) -> str:
        variants = {each.variant: value for each, value in figures.items()}
        return verdict(search(list(figures), variants, read_number(number, None), "psnr"))

    assert first.protocols
    assert said("33.66", {first: 33.66}) == f"33.66 is what a known protocol gives: {first.words}."
    assert said("33.66", {other: 33.66}) == f"33.66 is most likely this: {other.words}."
    many = {each: 33.2 + 0.02 * k for k, each in enumerate(candidates[1:40])} | {other: 33.66}
    assert said("33.66", many).startswith("33.66 may be this, or chance: ")
    assert said("33.66", {first: 33.69}) == "33.66 is made in no way that is known here: the nearest is 0.03 dB off."


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


# several figures -----------------------------------------------------------------------------------------------------


def test_figures_are_read() -> None:
    found = read_figures(["33.66", "33.66/.9299", "x3=30.39", "./my set:test:x4=28.42/.8104"], "set5", 2, None)
    assert [(each.dataset, each.scale, each.metric, each.number.text) for each in found] == [
        ("set5", 2, "psnr", "33.66"),
        ("set5", 2, "psnr", "33.66"),
        ("set5", 2, "ssim", ".9299"),
        ("set5", 3, "psnr", "30.39"),
        ("./my set:test", 4, "psnr", "28.42"),
        ("./my set:test", 4, "ssim", ".8104"),
    ]
    for texts, message in (
        (["33.66"], "Of what is 33.66"),
        (["x2=33.66"], "Give --dataset too"),
        (["set5:x2=1/2/3"], "more than PSNR/SSIM"),
        (["set5:x2=much"], "such as 33.66"),
        (["set5:x2=.93/33.66"], "at most 1"),
        (["set5:x0=33.66"], "Give --scale too"),
    ):
        with pytest.raises(UsageError, match=message):
            read_figures(texts, None, None, None)


@pytest.mark.parametrize("images", [True, False])
def test_psnr_and_ssim_are_made_by_one_variant(images: bool) -> None:
    """Whatever is paired agrees in all that both metrics have, or is one protocol's."""
    if images:
        tried = {metric: candidates_for_images(metric, gray=True) for metric in ("psnr", "ssim")}
    else:
        tried = {
            metric: candidates_for(method().info, metric, thorough=True, gray=False) for metric in ("psnr", "ssim")
        }
    values = {each.variant: 0.5 for metric in tried.values() for each in metric}
    figures = read_figures(["30/.5"], "x", 2, None)
    answer = search_all(tried, [Measured(figure, values) for figure in figures])
    protocols = set()
    for joint in answer.found:
        protocols.update(joint.protocols)
        if len(joint.parts) == 2:
            one, other = (part.variant for part in joint.parts.values())
            alike = [getattr(one, name) == getattr(other, name) for name in ("making", "sr", "shave", "gray")]
            assert all(alike) and (
                one.plane == other.plane or joint.parts["psnr"].start.name.startswith("as `stablesr`")
            )
    assert protocols == {name for each in tried["ssim"] for name in each.protocols}
    assert len({joint.words for joint in answer.found}) == len(answer.found)


def test_variants_are_ranked_by_how_many_figures_they_give() -> None:
    candidates = bicubic_candidates()[:4]
    places = read_figures(["x2=33.66", "x3=30.39", "x4=28.42"], "set5", None, None)
    table = [[33.66, 30.39, 27.0], [30.0, 30.39, 20.0], [33.661, 30.391, 28.42], [10.0, 10.0, 10.0]]
    measured = [
        Measured(figure, {each.variant: row[at] for each, row in zip(candidates, table, strict=True)})
        for at, figure in enumerate(places)
    ]
    answer = search_all({"psnr": candidates}, measured)
    order = [candidates.index(joint.parts["psnr"]) for joint in answer.found]
    assert order == [2, 0, 1, 3]
    assert [joint.given for joint in answer.found[:2]] == [(True, True, True), (True, True, False)]
    assert answer.give_all == answer.found[:1]
    assert answer.by_chance == pytest.approx(1 / 101**3)  # one of them lies near all three
    assert answer.most == 3 and not answer.is_likely


def test_chance_to_give_some_of_several_figures() -> None:
    """As many as the first gives or more: counted over every draw."""
    candidates = bicubic_candidates()[:3]
    places = read_figures(["x2=33.7", "x3=30.4", "x4=28.4"], "set5", None, None)
    table = [[33.7, 30.4, 27.0], [33.6, 30.5, 20.0], [33.5, 30.3, 28.3]]
    measured = [
        Measured(figure, {each.variant: row[at] for each, row in zip(candidates, table, strict=True)})
        for at, figure in enumerate(places)
    ]
    answer = search_all({"psnr": candidates}, measured)
    assert answer.most == 2 and not answer.give_all
    hit = 1 / 11  # of the numbers from 33.2 to 34.2
    draws = [sum(draw) for draw in itertools.product((0, 1), repeat=3)]
    all_near = sum(hit**count * (1 - hit) ** (3 - count) for count in draws if count >= 2)
    assert answer.by_chance == pytest.approx(2 * hit**2 + all_near)
