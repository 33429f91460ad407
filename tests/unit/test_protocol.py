"""Protocols as data, and what they make of one image."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.errors import DataError, UsageError
from srbench.imaging.color import is_gray, luma
from srbench.imaging.resize import imresize, mod_crop, round_half_up
from srbench.method import MethodInfo
from srbench.protocols.builtin import PROTOCOLS, get_protocol
from srbench.protocols.case import prepare
from srbench.protocols.protocol import Protocol

RGB = np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)
GRAY = RGB[..., 1].copy()


HASHES = {
    "vdsr": "338ce1a3",
    "srcnn": "9f5eca90",
    "lapsrn": "369bab13",
    "edsr": "5848cc8d",
    "basicsr": "fed17b0e",
    "selfexsr": "df5cef86",
    "rgb": "4d0beba0",
    "paired": "56b692b6",
    "linear": "2eeab464",
    "paired-rgb": "ba3d7c1f",
    "bd": "5e148e55",
    "dn": "9d562956",
    "stablesr": "e4a6716f",
    "ntire": "fc0ad71c",
    "gaussian8": "39ec353f",
    "bsrgan": "b94972df",
    "realesrgan": "5cb54dee",
}
"""They stand in published results: a field added later must not change them."""


def info(channels: str, input_: str) -> MethodInfo:
    return MethodInfo(name="m", family="interpolation", channels=channels, input=input_)  # type: ignore[arg-type]


def test_names_and_alias() -> None:
    assert set(PROTOCOLS) == set(HASHES)
    assert get_protocol("classic") is PROTOCOLS["vdsr"]


def test_hash_is_of_what_decides_numbers_alone() -> None:
    vdsr = PROTOCOLS["vdsr"]
    assert dataclasses.replace(vdsr, name="mine", source="me").hash == vdsr.hash
    hashes = {p.hash for p in PROTOCOLS.values()}
    assert len(hashes) == len(PROTOCOLS)
    assert dataclasses.replace(vdsr, shave_extra=6).hash not in hashes


def test_hashes_are_what_they_were() -> None:
    assert {name: protocol.hash for name, protocol in PROTOCOLS.items()} == HASHES


def test_unknown_name_is_answered_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean lapsrn"):
        get_protocol("lapsnr")


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROTOCOLS["vdsr"].border = "replicate"  # type: ignore[misc]


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS.values() if p.degraded != "none"], ids=lambda p: p.name)
def test_every_kind_of_method_meets_every_protocol(protocol: Protocol) -> None:
    """A method that returns what a perfect one would is scored as perfect, up to 8-bit rounding of colour."""
    for kind in itertools.product(("y", "rgb", "any"), ("lr", "upsampled"), (RGB, GRAY), (2, 3, 4)):
        meets(protocol, *kind)


def meets(protocol: Protocol, channels: str, input_: str, hr: np.ndarray, scale: int) -> None:
    method = info(channels, input_)
    if protocol.refusal(scale):
        with pytest.raises(UsageError, match="alone, not x"):
            prepare(protocol, "x", hr, scale)
        return
    case = prepare(protocol, "x", hr, scale)
    x = case.method_input(method)
    perfect = case.method_target(method)
    grown = scale if input_ == "lr" else 1
    assert x.dtype == np.float32
    assert (x.shape[0], x.shape[1] * grown, x.shape[2] * grown) == perfect.shape
    sr, target = case.pair(case.finish(method, perfect))
    assert sr.shape == target.shape
    assert sr.shape[:2] == tuple(side - side % scale - 2 * protocol.shave(scale) for side in hr.shape[:2])
    if channels == "y" and (hr.ndim == 3 or not is_gray(case.input.lr)) and protocol.degraded != "y":
        return  # chroma is the enlarged LR's: never perfect; noise in colours gives a gray image some
    # 8-bit Y of 8-bit RGB may differ from 8-bit Y of HR by nothing; float32 by a hair where SR is not rounded
    np.testing.assert_allclose(sr, target, atol=1e-4)


def test_bicubic_is_matlabs_down_and_up() -> None:
    case = prepare(PROTOCOLS["srcnn"], "x", RGB, 2)
    bicubic = info("any", "upsampled")
    sr, _ = case.pair(case.finish(bicubic, case.method_input(bicubic)))
    y = round_half_up(luma(RGB[:36, :50]))
    expected = round_half_up(imresize(imresize(y, 0.5, border="replicate"), 2.0, border="replicate"))
    np.testing.assert_array_equal(sr, expected[2:-2, 2:-2])


def test_vdsr_clips_what_it_enlarges() -> None:
    black_and_white = np.zeros((24, 24), np.uint8)
    black_and_white[:, 12:] = 255
    up = prepare(PROTOCOLS["vdsr"], "x", black_and_white, 2).method_input(info("y", "upsampled"))
    assert up.min() * 255 == pytest.approx(16)
    assert up.max() * 255 == pytest.approx(235)
    free = prepare(PROTOCOLS["srcnn"], "x", black_and_white, 2).method_input(info("y", "upsampled"))
    assert free.min() < 0
    assert free.max() > 1


READ_AS_RGB = {"edsr", "basicsr", "rgb", "paired", "paired-rgb", "linear", "stablesr", "ntire"}
READ_AS_RGB |= {"gaussian8", "bsrgan", "realesrgan"}


def test_gray_images_are_their_own_luma() -> None:
    assert {p.name for p in PROTOCOLS.values() if p.gray == "rgb"} == READ_AS_RGB
    for protocol in PROTOCOLS.values():
        if protocol.name not in READ_AS_RGB:
            scale = protocol.scales[0] if protocol.scales else 2
            plane = prepare(protocol, "x", GRAY, scale).target.plane(protocol.plane)
            np.testing.assert_array_equal(plane, mod_crop(GRAY, scale).astype(float))


def test_reading_gray_as_rgb_is_a_field_of_its_own() -> None:
    """It is left out of the content while it is off, so that hashes of before it stay."""
    assert dataclasses.replace(PROTOCOLS["edsr"], gray="y").hash == "944bc91f"
    assert "gray" not in PROTOCOLS["vdsr"].content()
    assert PROTOCOLS["edsr"].describe().endswith("gray as RGB")


@pytest.mark.parametrize("name", sorted(READ_AS_RGB))
@pytest.mark.parametrize("channels", ["y", "rgb", "any"])
@pytest.mark.parametrize("input_", ["lr", "upsampled"])
def test_a_gray_image_is_scored_as_if_it_were_stored_as_rgb(name: str, channels: str, input_: str) -> None:
    protocol, method = PROTOCOLS[name], info(channels, input_)
    stored = np.repeat(GRAY[..., None], 3, axis=2)
    rng = np.random.default_rng(5)
    cases = []
    for hr in (GRAY, stored):
        lr = imresize(hr[:36, :50], 0.5) if protocol.degraded == "none" else None
        cases.append(prepare(protocol, "x", hr, 2, lr))
    np.testing.assert_array_equal(*(case.method_input(method) for case in cases))
    np.testing.assert_array_equal(*(case.method_target(method) for case in cases))
    output = (cases[0].method_target(method) + rng.normal(0, 0.02, cases[0].method_target(method).shape)).astype("f4")
    pairs = [case.pair(case.finish(method, output)) for case in cases]
    np.testing.assert_array_equal(pairs[0], pairs[1])
    np.testing.assert_array_equal(*(case.image(case.finish(method, output)) for case in cases))


def test_the_psnr_of_a_gray_image_read_as_rgb_is_219_255ths_of_the_errors() -> None:
    bicubic = info("any", "upsampled")
    figures = []
    for gray in ("y", "rgb"):
        case = prepare(dataclasses.replace(PROTOCOLS["edsr"], gray=gray), "x", GRAY, 2)
        sr, target = case.pair(case.finish(bicubic, case.method_input(bicubic)))
        figures.append(10 * np.log10(255**2 / np.mean((sr - target) ** 2)))
    assert figures[1] - figures[0] == pytest.approx(20 * np.log10(255 / 219), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 3, 4]), st.sampled_from(sorted(PROTOCOLS)))
def test_any_size_is_prepared_or_refused_in_one_sentence(height: int, width: int, scale: int, name: str) -> None:
    if PROTOCOLS[name].degraded == "none" or PROTOCOLS[name].refusal(scale):
        return
    hr = np.full((height, width, 3), 77, np.uint8)
    try:
        case = prepare(PROTOCOLS[name], "tiny.png", hr, scale)
    except DataError as error:
        assert "tiny.png" in str(error)
        assert "\n" not in str(error)
        return
    method = info("any", "upsampled")
    sr, target = case.pair(case.finish(method, case.method_input(method)))
    assert sr.shape == target.shape
    assert sr.size > 0


def test_paired_takes_the_lr_that_comes_with_the_image() -> None:
    protocol = PROTOCOLS["paired"]
    lr = imresize(RGB[:36, :50], 0.5)
    case = prepare(protocol, "x", RGB, 2, lr)
    np.testing.assert_allclose(
        case.method_input(info("rgb", "lr")), lr.transpose(2, 0, 1).astype(np.float32) / 255, atol=1e-7
    )
    with pytest.raises(DataError, match="not 3 times as large"):
        prepare(protocol, "x", RGB, 3, lr)
    with pytest.raises(DataError, match="has none"):
        prepare(protocol, "x", RGB, 2)
    with pytest.raises(DataError, match="gray"):
        prepare(protocol, "x", RGB, 2, lr[..., 0])
    with pytest.raises(DataError, match="gray"):
        prepare(protocol, "x", GRAY, 2, lr)


def test_of_a_gray_pair_one_may_be_stored_in_three_channels() -> None:
    lr = imresize(GRAY[:36, :50], 0.5)
    threefold = np.repeat(GRAY[..., None], 3, axis=2)
    for hr, small in ((threefold, lr), (GRAY, np.repeat(lr[..., None], 3, axis=2))):
        case = prepare(PROTOCOLS["paired"], "x", hr, 2, small)
        np.testing.assert_array_equal(case.input.lr, np.repeat(lr[..., None], 3, axis=2))
        np.testing.assert_array_equal(case.hr, threefold[:36, :50])


@pytest.mark.parametrize("name", ["paired", "paired-rgb"])
def test_lr_of_hrs_size_is_taken_as_it_is(name: str) -> None:
    lr = np.random.default_rng(1).integers(0, 256, RGB.shape, dtype=np.uint8)
    method = info("rgb", "upsampled")
    x = prepare(PROTOCOLS[name], "x", RGB, 1, lr).method_input(method)
    np.testing.assert_allclose(x, lr.transpose(2, 0, 1).astype(np.float32) / 255, rtol=0, atol=1e-7)


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "vdsr"\nshave_extra = 6\nenlarged_range = false\n')
    mine = get_protocol(str(path))
    assert mine == dataclasses.replace(PROTOCOLS["vdsr"], name="mine", shave_extra=6, enlarged_range=None)
    path.write_text('degraded = "y"\nenlarged_range = [0, 255]\n')
    assert get_protocol(str(path)).enlarged_range == (0.0, 255.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shave_extr = 6", "Did you mean shave_extra"),
        ('border = "mirror"', "one of symmetric, replicate"),
        ("shave_extra = 1.5", "whole number"),
        ("shave_extra = -1", "whole number"),
        ("enlarged_range = 3", "two rising numbers"),
        ('scored = "rgb"\ndegraded = "y"', "luma alone"),
        ("= 3", "cannot be read"),
        ('base = "vdrs"', "Did you mean vdsr"),
        ("base = 3", "name of a protocol"),
        ('base = "p.toml"', "its own base"),
        ('base = "vdsr"\nname = "../../x"', "cannot be called"),
        ('base = "vdsr"\nname = "lapsrn"', "built-in"),
        ('base = "vdsr"\nname = ""', "cannot be called"),
        ("enlarged_range = [235, 16]", "two rising numbers"),
        ("enlarged_range = [true, false]", "two rising numbers"),
        ("enlarged_range = [16, 235]", "luma degraded alone: set degraded to y, or enlarged_range to false"),
        ('base = "vdsr"\ndegraded = "rgb"', "luma degraded alone"),
        ('base = "vdsr"\ndegraded = "none"', "luma degraded alone"),
    ],
)
def test_wrong_toml_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        get_protocol(str(path))
    assert "\n" not in str(error.value)


def test_describe_says_what_matters() -> None:
    words = PROTOCOLS["vdsr"].describe()
    for part in ("symmetric", "LR not rounded", "[16.0, 235.0]", "8-bit BT.601 Y", "scale px shaved", "ssim_index"):
        assert part in words
