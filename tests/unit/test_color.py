"""BT.601 in studio swing, against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.color import rgb2ycbcr, ycbcr2rgb

from srbench.imaging.color import gray_of, luma, rgb_to_ycbcr, ycbcr_to_rgb

ALL_GRAYS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def colours(seed: int) -> np.ndarray:
    rgb = np.random.default_rng(seed).integers(0, 256, (13, 11, 3), dtype=np.uint8)
    rgb[0, :8] = [[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)]
    return rgb


seeds = st.integers(0, 10_000)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_to_ycbcr_as_scikit_image(seed: int) -> None:
    rgb = colours(seed)
    expected = rgb2ycbcr(rgb)
    np.testing.assert_allclose(rgb_to_ycbcr(rgb.astype(np.float64)), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(luma(rgb), expected[..., 0], rtol=0, atol=1e-10)
    rounded = rgb_to_ycbcr(rgb)
    assert rounded.dtype == np.uint8
    np.testing.assert_array_equal(rounded, np.floor(expected + 0.5))


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_to_rgb_as_scikit_image(seed: int) -> None:
    ycbcr = rgb_to_ycbcr(colours(seed).astype(np.float64))
    expected = ycbcr2rgb(ycbcr) * 255
    np.testing.assert_allclose(ycbcr_to_rgb(ycbcr), expected, rtol=0, atol=1e-3)  # its inverse has fewer digits


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_there_and_back(seed: int) -> None:
    rgb = colours(seed)
    real = rgb.astype(np.float64)
    np.testing.assert_allclose(ycbcr_to_rgb(rgb_to_ycbcr(real)), real, rtol=0, atol=1e-10)
    rounded = ycbcr_to_rgb(rgb_to_ycbcr(rgb))
    assert rounded.dtype == np.uint8
    assert np.abs(rounded.astype(int) - rgb).max() <= 2  # of 8-bit chroma: half a step of Cb is 1 in blue, and Y's half


def test_out_of_range_integers_saturate() -> None:
    extremes = np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8)
    rgb = ycbcr_to_rgb(extremes)
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, [[[255, 125, 255], [0, 136, 0]]])


def test_the_ends_of_studio_swing() -> None:
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(rgb_to_ycbcr(ends), [[[16, 128, 128], [235, 128, 128]]])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_gray_has_no_chroma_and_comes_back(dtype: type) -> None:
    gray = ALL_GRAYS.astype(dtype)
    rgb = np.repeat(gray[..., None], 3, axis=2)
    ycbcr = rgb_to_ycbcr(rgb)
    np.testing.assert_allclose(ycbcr[..., 1:], 128, rtol=0, atol=1e-10)
    np.testing.assert_allclose(ycbcr[..., 0], 16 + gray * (219 / 255), rtol=0, atol=0.5 if dtype is np.uint8 else 1e-10)


def test_luma_of_a_gray_image_is_itself() -> None:
    np.testing.assert_array_equal(luma(ALL_GRAYS), ALL_GRAYS)
    assert luma(ALL_GRAYS).dtype == np.float64


def test_gray_of_undoes_repeating_a_gray_image() -> None:
    gray = ALL_GRAYS.astype(np.float64)
    np.testing.assert_allclose(gray_of(np.repeat(gray[..., None], 3, axis=2)), gray, rtol=0, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_gray_of_is_luma_in_full_range(seed: int) -> None:
    rgb = colours(seed).astype(np.float64)
    np.testing.assert_allclose(gray_of(rgb) * (219 / 255) + 16, luma(rgb), rtol=0, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, (7, 9, 3), elements=st.floats(0, 255)))
def test_conversions_do_not_depend_on_how_an_array_lies_in_memory(image: NDArray[np.float64]) -> None:
    """Equal images once had a PSNR of 335 dB: matrix products add in another order where strides differ."""
    wide = np.zeros((7, 18, 3))
    wide[:, ::2] = image
    channels_first = np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)
    for convert in (luma, rgb_to_ycbcr, ycbcr_to_rgb, gray_of):
        expected = convert(image)
        for other in (np.asfortranarray(image), wide[:, ::2], channels_first, image[:, ::-1].copy()[:, ::-1]):
            np.testing.assert_array_equal(convert(other), expected)
