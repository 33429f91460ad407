"""NIQE and BRISQUE against the papers' steps in plain code, and on pictures of every kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_quality import photograph, plain_coefficients, plain_half, plain_niqe, plain_shape
from scipy.io import loadmat
from scipy.special import gamma

from srbench.data.fetch.networks import find
from srbench.imaging.resize import imresize
from srbench.metrics.brisque import Regression, _features, brisque, read_brisque_model, read_range
from srbench.metrics.niqe import CONVENTIONS, PARAMETERS, blocks_of, niqe, read_niqe_model
from srbench.metrics.scene_statistics import halve, luma_plane

MODEL = read_niqe_model(find((PARAMETERS,), "niqe")[PARAMETERS])
NO_REGRESSION = Regression(np.zeros(1), np.zeros((1, 36)), 1.0, 0.0)


@settings(max_examples=8, deadline=None)
@given(st.integers(96, 300), st.integers(192, 300), st.integers(0, 1000))
def test_niqe_as_in_plain_code(height: int, width: int, seed: int) -> None:
    plane = photograph(height, width, seed)[..., 0]
    assert niqe(plane, MODEL) == pytest.approx(plain_niqe(plane.astype(float)), rel=1e-9)


@settings(max_examples=8, deadline=None)
@given(st.integers(14, 90), st.integers(14, 90), st.integers(0, 1000))
def test_brisques_features_as_in_plain_code(height: int, width: int, seed: int) -> None:
    height, width = height // 2 * 2, width // 2 * 2
    plane = photograph(height, width, seed)[..., 0].astype(float)
    expected: list[float] = []
    for image in (plane, plain_half(plane)):
        coefficients = plain_coefficients(image, "constant")
        alphas = np.arange(200, 10001) / 1000
        kurtosis = gamma(1 / alphas) * gamma(3 / alphas) / gamma(2 / alphas) ** 2
        square = np.mean(coefficients**2)
        expected += [alphas[np.argmin(np.abs(kurtosis - square / np.mean(np.abs(coefficients)) ** 2))], square]
        for shift in [(0, 1), (1, 0), (1, 1), (-1, 1)]:
            alpha, left, right = plain_shape(coefficients * np.roll(coefficients, shift, axis=(0, 1)))
            wide = gamma(2 / alpha) / gamma(1 / alpha) * np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
            expected += [alpha, (right - left) * wide, left**2, right**2]
    np.testing.assert_allclose(_features(plane), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(96, 192), (97, 131), (50, 61), (8, 9)])
def test_halving_is_imresize(shape: tuple[int, int]) -> None:
    plane = photograph(*shape)[..., 1].astype(float)
    np.testing.assert_allclose(halve(plane), imresize(plane, 0.5), rtol=0, atol=1e-11)
    if not any(side % 2 for side in shape):
        np.testing.assert_allclose(halve(plane), plain_half(plane), rtol=0, atol=1e-11)
        exact = halve(plane) * 65536
        assert (exact == np.round(exact)).all()  # the weights are dyadic, so nothing is rounded


def test_the_model_is_what_scipy_reads() -> None:
    path = find((PARAMETERS,), "niqe")[PARAMETERS]
    expected = loadmat(path)
    np.testing.assert_array_equal(MODEL.mean, expected["mu_prisparam"].ravel())
    np.testing.assert_array_equal(MODEL.covariance, expected["cov_prisparam"])


def test_a_model_and_a_range_of_libsvm(tmp_path: Path) -> None:
    (tmp_path / "model").write_text(
        "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.5\nrho -3\nSV\n2 1:1 36:-1 \n-1 2:.5 \n"
    )
    (tmp_path / "range").write_text("x\n-1 1\n" + "".join(f"{k} {-k} {k}\n" for k in range(1, 37)))
    model, limits = read_brisque_model(tmp_path / "model"), read_range(tmp_path / "range")
    assert (model.gamma, model.rho) == (0.5, -3)
    np.testing.assert_array_equal(model.coefficients, [2, -1])
    assert (model.vectors[0, 0], model.vectors[0, 35], model.vectors[1, 1], np.abs(model.vectors).sum()) == (
        1,
        -1,
        0.5,
        2.5,
    )
    np.testing.assert_array_equal(limits[35], [-36, 36])
    sides = np.arange(1.0, 37.0)
    # rounded as text on the way: at six decimals, then at six digits
    image = photograph(40, 40)
    features = np.array([float(f"{f:.6f}") for f in _features(luma_plane(image, "gray"))])
    x = np.array([float(f"{s:.6g}") for s in -1 + 2 * (features + sides) / (2 * sides)])
    distances = [sum((a - b) ** 2 for a, b in zip(vector, x, strict=True)) for vector in model.vectors]
    expected = 2 * math.exp(-0.5 * distances[0]) - math.exp(-0.5 * distances[1]) + 3
    assert brisque(image, model, limits) == pytest.approx(expected, rel=1e-12)


# pictures of every kind -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_gray_picture_is_one_of_three_equal_channels(name: str) -> None:
    gray = photograph(120, 210)[..., 0]
    colour = np.repeat(gray[..., None], 3, axis=2)
    assert niqe(gray, MODEL, CONVENTIONS[name]) == niqe(colour, MODEL, CONVENTIONS[name])
    assert (luma_plane(np.arange(256, dtype=np.uint8)[None], "gray")[0] == np.arange(256)).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 95), st.integers(0, 95), st.sampled_from(["niqe", "niqe-y", "niqe-pyiqa"]))
def test_what_is_beyond_whole_blocks_decides_nothing(down: int, right: int, name: str) -> None:
    image = photograph(192 + down, 192 + right)
    found = niqe(image, MODEL, CONVENTIONS[name])
    assert found == niqe(np.ascontiguousarray(image[:192, :192]), MODEL, CONVENTIONS[name])
    strided = np.repeat(image, 2, axis=1)[:, ::2]
    assert niqe(strided, MODEL, CONVENTIONS[name]) == found


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float32, np.float64, bool])
def test_other_types_are_refused(dtype: Any) -> None:
    image = photograph(100, 200).astype(dtype)
    with pytest.raises(ValueError, match=r"takes uint8 \(H, W\) or \(H, W, 3\) images, not "):
        niqe(image, MODEL)
    with pytest.raises(ValueError, match="takes uint8"):
        brisque(image, NO_REGRESSION, np.array([[0.0, 1.0]] * 36))


@pytest.mark.parametrize("shape", [(100, 200, 4), (100, 200, 1), (2, 100, 200, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="takes uint8"):
        luma_plane(np.zeros(shape, np.uint8), "y")


@pytest.mark.parametrize(
    ("height", "width", "words"),
    [(95, 400, "has none$"), (128, 128, "has 1$"), (191, 191, "has 1$"), (0, 0, "has none$")],
)
def test_fewer_than_two_blocks_are_refused(height: int, width: int, words: str) -> None:
    with pytest.raises(ValueError, match=rf"needs at least two, and the image of {width}x{height} {words}"):
        niqe(np.zeros((height, width, 3), np.uint8), MODEL)
    with pytest.raises(ValueError, match=r"has 1 once 4 pixels are shaved from every side$"):
        niqe(photograph(192, 110), MODEL, CONVENTIONS["niqe-pirm"])


@pytest.mark.parametrize("gray", [0, 128, 255])
@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_flat_picture_is_refused(gray: int, name: str) -> None:
    with pytest.raises(ValueError, match="with some texture everywhere, and of 4 the image has none"):
        niqe(np.full((208, 208, 3), gray, np.uint8), MODEL, CONVENTIONS[name])


def test_a_black_picture_is_refused_by_brisque() -> None:
    """Beyond the border there are zeros, so that any other flat picture has an edge around it."""
    with pytest.raises(ValueError, match="BRISQUE needs some texture, and the image has next to none"):
        brisque(np.zeros((40, 40), np.uint8), NO_REGRESSION, np.array([[0.0, 1.0]] * 36))


def test_few_pixels_are_refused_by_brisque() -> None:
    with pytest.raises(ValueError, match="at least 14x14 pixels, and the image is 20x13"):
        brisque(photograph(13, 20), NO_REGRESSION, np.ones((36, 2)))


def test_blocks_are_counted_as_they_are_used() -> None:
    assert blocks_of(384, 512) == (20, 20)
    assert blocks_of(384, 512, shave=4) == (15, 20)
    assert blocks_of(5, 5, shave=4) == (0, 0)
