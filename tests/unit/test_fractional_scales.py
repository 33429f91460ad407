"""Scales such as x1.5: sizes are rounded up, HR stays whole, and what MATLAB's imresize samples is what is sampled."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from srbench.analysis.references import REFERENCE_COLUMNS, read_references
from srbench.bench.results import CellId
from srbench.cli.options import factors
from srbench.errors import UsageError
from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare
from srbench.system.factors import factor, is_whole

CPU = torch.device("cpu")
INTERPOLATION = ("bicubic", "bilinear", "lanczos", "nearest")


def keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def one_axis(line: list[float], size: int, rate: float) -> list[float]:
    """MATLAB's imresize along one axis, pixel by pixel: its documented geometry, counted from 1."""
    wide, out = max(1 / rate, 1.0), []
    for u in range(1, size + 1):
        centre = u / rate + 0.5 * (1 - 1 / rate)
        near = range(math.floor(centre - 2 * wide), math.ceil(centre + 2 * wide) + 1)
        weights = [keys((centre - k) / wide) for k in near]
        mirrored = [(k - 1) % (2 * len(line)) for k in near]
        pixels = [line[k] if k < len(line) else line[2 * len(line) - 1 - k] for k in mirrored]
        out.append(sum(w * p for w, p in zip(weights, pixels, strict=True)) / sum(weights))
    return out


def by_hand(image: NDArray[Any], rate: float, *, whole: bool) -> NDArray[np.float64]:
    """imresize(image, rate) of a gray image; rounded after each pass if ``whole``."""
    for axis in (0, 1):
        size = math.ceil(round(image.shape[axis] * rate, 9))
        lines = np.moveaxis(image, axis, -1).tolist()
        image = np.moveaxis(np.array([one_axis(line, size, rate) for line in lines]), -1, axis)
        image = np.clip(np.floor(image + 0.5), 0, 255) if whole else image
    return image


def first_channel(image: NDArray[Any]) -> NDArray[Any]:
    return image if image.ndim == 2 else image[..., 0]


@pytest.fixture
def hr() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (23, 31), np.uint8)


@pytest.mark.parametrize("scale", [1.5, 2.5, 1.25, 3.3, 1.4142])
@pytest.mark.parametrize("protocol", ["lapsrn", "edsr"])
def test_lr_and_bicubic_are_those_of_imresize_by_the_factor(hr: NDArray[np.uint8], protocol: str, scale: float) -> None:
    whole = protocol == "edsr"  # rounds after each pass, where halves may fall to either side by the last bit
    case = prepare(PROTOCOLS[protocol], "noise", hr, scale)
    lr = first_channel(case.input.lr).astype(np.float64)
    expected = by_hand(hr.astype(np.float64), 1 / scale, whole=whole)
    assert lr.shape == (math.ceil(23 / scale), math.ceil(31 / scale)) == expected.shape
    np.testing.assert_allclose(lr, expected, atol=1 if whole else 1e-9)
    assert np.mean(lr != expected) < 0.01 or not whole
    bicubic = MethodInfo(name="b", family="interpolation", channels="any", input="upsampled")
    sr = first_channel(case.finish(bicubic, case.method_input(bicubic)))
    expected = np.clip(np.floor(by_hand(lr, scale, whole=whole)[:23, :31] + 0.5), 0, 255)
    np.testing.assert_allclose(sr, expected, atol=1)
    assert np.mean(sr != expected) < 0.01
    np.testing.assert_array_equal(first_channel(case.hr), hr)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(20, 60),
    width=st.integers(20, 60),
    hundredths=st.integers(101, 399),
    name=st.sampled_from(INTERPOLATION),
    protocol=st.sampled_from(["vdsr", "srcnn", "lapsrn", "edsr", "basicsr", "selfexsr", "rgb", "ntire", "linear"]),
)
def test_whatever_the_factor_sr_has_the_size_of_hr(
    height: int, width: int, hundredths: int, name: str, protocol: str
) -> None:
    scale = factor(hundredths / 100)
    hr = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    case = prepare(PROTOCOLS[protocol], "noise", hr, scale)
    whole = case.hr.shape[:2]
    assert whole == (
        (height, width) if not is_whole(scale) else tuple(side - side % int(scale) for side in (height, width))
    )
    lr = case.input.lr.shape[:2]
    assert lr == tuple(math.ceil(side / scale - 1e-9) for side in whole)
    method = Registry(hosted=False).method(name)()
    planes = case.method_input(method.info)
    out = run_method(method, planes, scale, CPU, tile=16)
    if method.info.input == "lr":
        assert out.shape[1:] == tuple(math.ceil(side * scale - 1e-9) for side in lr)
    sr, target = case.pair(case.finish(method.info, out))
    assert sr.shape == target.shape
    cut = math.ceil(PROTOCOLS[protocol].shave_per_scale * scale) + PROTOCOLS[protocol].shave_extra
    assert sr.shape[:2] == (whole[0] - 2 * cut, whole[1] - 2 * cut)


def test_a_constant_image_stays_constant_and_a_ramp_a_ramp() -> None:
    ramp = np.tile(np.arange(0, 250, 2, dtype=np.uint8), (40, 1))
    for name in ("bicubic", "bilinear", "lanczos"):
        method = Registry(hosted=False).method(name)()
        case = prepare(PROTOCOLS["lapsrn"], "ramp", ramp, 2.5)
        sr = case.finish(method.info, run_method(method, case.method_input(method.info), 2.5, CPU))
        assert np.abs(sr - ramp)[12:-12, 12:-12].max() <= 1, name  # aligned: half a pixel would be 1 everywhere
        assert np.abs((sr - ramp)[12:-12, 12:-12].mean()) < 0.1, name


@pytest.mark.parametrize("protocol", ["bd", "dn", "gaussian8", "bsrgan", "realesrgan", "paired", "stablesr"])
def test_protocols_of_more_than_a_resizer_refuse_in_one_sentence(hr: NDArray[np.uint8], protocol: str) -> None:
    with pytest.raises(UsageError, match=rf"^Protocol '{protocol}' is for .*, not x2.5\.$"):
        prepare(PROTOCOLS[protocol], "noise", hr, 2.5)


def test_the_border_of_a_fractional_scale_is_the_next_whole_number() -> None:
    shaves = [PROTOCOLS["vdsr"].shave(scale) for scale in (1.5, 2, 2.5, 3, 4)]
    assert shaves == [2, 2, 3, 3, 4]
    assert all(type(shave) is int for shave in shaves)


@pytest.mark.parametrize(
    ("text", "found"), [("2", 2), ("2.0", 2), (2.0, 2), ("1.5", 1.5), (np.float64(2.5), 2.5), (np.int64(3), 3)]
)
def test_whole_scales_are_whole_numbers_however_they_are_written(text: Any, found: float) -> None:
    assert factor(text) == found
    assert type(factor(text)) is type(found)


@pytest.mark.parametrize("text", ["0.5", "0", "-2", "nan", "inf", "x2", "", "1.23456789", "1e9", None, True])
def test_what_is_no_scale_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        factor(text)


def test_the_command_line_says_what_it_takes() -> None:
    assert factors("scales", "2, 1.5,2.0") == (2, 1.5)
    for wrong in ("", "0.9", "two"):
        with pytest.raises(UsageError, match=r"--scales takes numbers from 1 on such as 2,3,4 or 1.5, not "):
            factors("scales", wrong)


def test_files_keep_whole_scales_as_whole_numbers() -> None:
    texts = []
    for scale in (2, 2.0, "2", 1.5):
        cell = CellId.model_validate({"method": "m", "dataset": "d", "scale": scale, "protocol": "p"})
        texts.append(cell.model_dump_json())
        assert CellId.model_validate_json(texts[-1]) == cell
    assert len({*texts}) == 2
    assert '"scale":2,' in texts[0]
    assert '"scale":1.5,' in texts[-1]
    assert str(cell) == "m d x1.5 p"


def test_a_reference_may_be_of_a_fractional_scale(tmp_path: Path) -> None:
    (path := tmp_path / "r.csv").write_text(
        f"{','.join(REFERENCE_COLUMNS)}\n"
        "bicubic,set5,1.5,edsr,psnr,36.81,0.01,gate,,here,\nbicubic,set5,2,edsr,psnr,33.67,0.01,gate,,here,\n"
    )
    assert [(row.scale, type(row.scale)) for row in read_references(path)] == [(1.5, float), (2, int)]


def test_methods_declare_fractional_scales() -> None:
    def info(**more: Any) -> MethodInfo:
        return MethodInfo(name="m", family="interpolation", channels="any", input="lr", **more)

    assert info(scales=frozenset({1.5, 2})).works_at(1.5)
    assert not info(scales=frozenset({1.5, 2})).works_at(2.5)
    assert info(fractional=True).works_at(3.7)
    assert not info(fractional=True).works_at(4.1)
    assert not info(scales=frozenset({2, 4}), fractional=True).works_at(3)
    for wrong in ({2.0}, {0.5}, {"2"}, {True}):
        with pytest.raises(ValueError, match=r"scales is a frozenset of numbers such as 2 or 1.5"):
            info(scales=frozenset(wrong))


class Mean(Method):
    """LR's mean everywhere: any shape that it is asked for."""

    info = MethodInfo(name="mean", family="interpolation", channels="any", input="lr", scales=frozenset({1.5}), halo=0)
    wrong = 0

    def upscale(self, x: torch.Tensor, scale: float) -> torch.Tensor:
        height, width = (math.ceil(side * scale) + self.wrong for side in x.shape[2:])
        return x.mean((2, 3), keepdim=True).expand(-1, -1, height, width)


def test_a_method_that_declares_a_fractional_scale_gives_sides_rounded_up() -> None:
    planes = np.full((1, 7, 9), 0.5, np.float32)
    assert run_method(Mean(), planes, 1.5, CPU, tile=4).shape == (1, 11, 14)
    method = Mean()
    method.wrong = -1
    with pytest.raises(Exception, match=r"returned shape \(1, 1, 10, 13\) where \(1, 1, 11, 14\) is due at x1.5"):
        run_method(method, planes, 1.5, CPU)
