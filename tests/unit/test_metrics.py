"""MSE, PSNR and SSIM against scikit-image and SciPy; the tensor versions against the NumPy ones."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from skimage import data
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from srbench.metrics import tensor
from srbench.metrics.metric import Pair
from srbench.metrics.pixel import MSE, PSNR, mse, psnr, psnr_of_mse, psnr_of_pooled_mse
from srbench.metrics.ssim import SMALL, SSIM, gaussian_window, protocol_ssim, ssim
from srbench.protocols.protocol import Protocol

seeds = st.integers(0, 10_000)
ssim_shapes = st.tuples(st.integers(11, 40), st.integers(11, 40), st.sampled_from([(), (3,)])).map(
    lambda t: (t[0], t[1], *t[2])
)
shapes = st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([(), (3,)])).map(
    lambda t: (t[0], t[1], *t[2])
)
noises = st.sampled_from([0.5, 5.0, 60.0])


def pair(shape: tuple[int, ...], noise: float, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A picture with flat and busy parts, and the same with noise; whole numbers in 0..255."""
    rng = np.random.default_rng(seed)
    target = np.round(np.clip(rng.normal(rng.uniform(20, 230), rng.uniform(0, 80), shape), 0, 255))
    target[: shape[0] // 3] = 90
    return np.round(np.clip(target + rng.normal(0, noise, shape), 0, 255)), target


def skimage_ssim(sr: NDArray[Any], target: NDArray[Any]) -> float:
    return float(
        structural_similarity(
            sr,
            target,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=None if sr.ndim == 2 else -1,
        )
    )


def scipy_ssim_same(sr: NDArray[Any], target: NDArray[Any], peak: float = 255.0) -> float:
    """MATLAB's ssim(), from the definition: five filters with the border replicated, the mean over the full size."""
    luminance, contrast = scipy_ssim_terms(sr, target, peak)
    return float(np.mean(luminance * contrast))


def scipy_ssim_terms(sr: NDArray[Any], target: NDArray[Any], peak: float = 255.0) -> tuple[NDArray[Any], NDArray[Any]]:
    """SSIM's terms of luminance and of contrast and structure, at every pixel."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    weights /= weights.sum()

    def smooth(image: NDArray[Any]) -> NDArray[Any]:
        for axis in (0, 1):
            image = correlate1d(image, weights, axis=axis, mode="nearest")
        return image

    mean_a, mean_b = smooth(sr), smooth(target)
    var_a, var_b = smooth(sr * sr) - mean_a**2, smooth(target * target) - mean_b**2
    covariance = smooth(sr * target) - mean_a * mean_b
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (var_a + var_b + c2)


def test_ssim_with_the_contrast_term_clipped() -> None:
    """Where one image is the other's negative the term is below 0."""
    rng = np.random.default_rng(3)
    target = rng.integers(0, 256, (40, 50)).astype(float)
    sr = np.where(np.arange(50) < 25, 255 - target, target)
    luminance, contrast = (term[5:-5, 5:-5] for term in scipy_ssim_terms(sr, target))
    assert (contrast < 0).any()
    assert ssim(sr, target, clipped=True) == pytest.approx(np.mean(luminance * contrast.clip(0)), abs=1e-6)
    assert ssim(sr, target) == pytest.approx(np.mean(luminance * contrast), abs=1e-6)


def test_a_protocol_s_fields_of_ssim_and_psnr() -> None:
    rng = np.random.default_rng(4)
    target = rng.uniform(0, 255, (30, 40))
    sr = np.where(np.arange(40) < 20, 255 - target, target + 0.4)
    rounded = [np.floor(image + 0.5).clip(0, 255) for image in (sr, target)]
    for fields, expected in (
        ({}, ssim(sr, target)),
        ({"ssim_luma": "uint8"}, ssim(*rounded)),
        ({"ssim_contrast": "clipped"}, ssim(sr, target, clipped=True)),
        ({"ssim_window": "same", "ssim_luma": "uint8"}, ssim(*rounded, window="same")),
    ):
        protocol = Protocol(name="p", **fields)  # type: ignore[arg-type]
        assert protocol_ssim(Pair(sr, target, protocol)) == expected
        assert PSNR.function(Pair(sr, target, protocol)) == psnr(sr, target)
    with_eps = Protocol(name="p", psnr_eps=1e-2)
    assert PSNR.function(Pair(sr, target, with_eps)) == pytest.approx(psnr_of_mse(mse(sr, target) / 255**2 + 1e-2, 1.0))
    assert PSNR.function(Pair(sr, sr, with_eps)) == pytest.approx(20)


# pixels -----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(shape=shapes, noise=noises, seed=seeds)
def test_mse_and_psnr_as_scikit_image(shape: tuple[int, ...], noise: float, seed: int) -> None:
    sr, target = pair(shape, noise, seed)
    assert mse(sr, target) == pytest.approx(mean_squared_error(target, sr), rel=1e-12)
    if not np.array_equal(sr, target):
        assert psnr(sr, target) == pytest.approx(peak_signal_noise_ratio(target, sr, data_range=255), rel=1e-12)


def test_integers_do_not_wrap_round() -> None:
    assert mse(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == 255**2
    assert psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == 0.0


def test_psnr_of_equal_images_is_infinite() -> None:
    assert psnr(np.ones((3, 3)), np.ones((3, 3))) == math.inf
    assert psnr_of_mse(0.0) == math.inf


def test_peak() -> None:
    sr, target = pair((9, 9), 5, 0)
    assert psnr(sr / 255, target / 255, peak=1.0) == pytest.approx(psnr(sr, target), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_pooled_psnr_is_that_of_the_pooled_pixels(seed: int) -> None:
    pairs = [pair((12, 9), noise, seed) for noise in (5.0, 60.0, 30.0)]
    pooled = psnr(np.concatenate([sr for sr, _ in pairs]), np.concatenate([target for _, target in pairs]))
    values = [psnr(*both) for both in pairs]
    assert psnr_of_pooled_mse(values) == pytest.approx(pooled, abs=1e-9)
    assert PSNR.aggregate(values, "pooled") == pytest.approx(pooled, abs=1e-9)
    assert PSNR.aggregate(values, "mean") == pytest.approx(np.mean(values), abs=1e-12)
    assert SSIM.aggregate(values, "pooled") == pytest.approx(np.mean(values), abs=1e-12)


def test_pooling_equal_images() -> None:
    assert psnr_of_pooled_mse([math.inf, math.inf]) == math.inf
    assert psnr_of_pooled_mse([math.inf, 40.0]) == pytest.approx(40 + 10 * math.log10(2))


def test_directions() -> None:
    assert PSNR.higher_is_better
    assert SSIM.higher_is_better
    assert not MSE.higher_is_better


@pytest.mark.parametrize("metric", [mse, psnr, ssim])
@pytest.mark.parametrize(
    ("sr", "target"), [((12, 12), (12, 13)), ((12, 12), (12, 12, 1)), ((0, 12), (0, 12))], ids=["size", "rank", "empty"]
)
def test_unlike_and_empty_images_are_refused(metric: Any, sr: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be equal|no pixel"):
        metric(np.zeros(sr), np.zeros(target))


# SSIM -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@example(shape=(33, 11), noise=0.5, seed=317)
@example(shape=(33, 11), noise=5.0, seed=317)
@example(shape=(33, 11), noise=60.0, seed=317)
@given(shape=ssim_shapes, noise=noises, seed=seeds)
def test_ssim_as_scikit_image(shape: tuple[int, ...], noise: float, seed: int) -> None:
    sr, target = pair(shape, noise, seed)
    expected = skimage_ssim(sr, target)
    assert ssim(sr, target) == pytest.approx(expected, abs=1e-6)
    assert ssim(sr, target, exact=True) == pytest.approx(expected, abs=1e-10)


@settings(max_examples=10, deadline=None)
@example(height=286, noise=5.0, seed=7192)
@given(height=st.integers(100, 300), noise=noises, seed=seeds)
def test_ssim_of_images_in_single_precision(height: int, noise: float, seed: int) -> None:
    """A third of each is flat and far from the mean, where float32 is at its worst: 1.6e-6 in 1,200 such images."""
    sr, target = pair((height, -(-SMALL // height)), noise, seed)
    assert ssim(sr, target) == pytest.approx(skimage_ssim(sr, target), abs=3e-6)


def test_ssim_loses_no_bit_of_whole_pixels() -> None:
    """Less a whole offset they and their squares are exact in float32; less the mean they were 1.04e-6 off here."""
    sr, target = pair((105, 157), 5.0, 5217)
    assert ssim(sr, target) == pytest.approx(ssim(sr, target, exact=True), abs=5e-7)
    for low, high in ((0.0, 255.0), (60.0, 250.0), (128.0, 255.0)):  # 2.2e-6
        rng = np.random.default_rng(0)
        flat = np.where(np.arange(160)[:, None] < 80, high, low) + rng.normal(0, 5.0, (160, 240))
        sr, target = (np.clip(np.rint(flat + rng.normal(0, noise, flat.shape)), 0, 255) for noise in (5.0, 0.0))
        assert ssim(sr, target) == pytest.approx(ssim(sr, target, exact=True), abs=1.2e-6)


@pytest.mark.parametrize("image", [photograph(320, 480, 3), data.camera()])
def test_ssim_of_photographs_in_single_precision(image: NDArray[Any]) -> None:
    target = image.astype(np.float64)
    for sr in (np.roll(target, 1, axis=0), np.rint(target / 8) * 8):
        assert ssim(sr, target) == pytest.approx(ssim(sr, target, exact=True), abs=2e-7)


@settings(max_examples=40, deadline=None)
@given(shape=shapes, noise=noises, seed=seeds)
def test_ssim_over_the_full_size_as_scipy(shape: tuple[int, ...], noise: float, seed: int) -> None:
    sr, target = pair(shape, noise, seed)
    planes = [(sr, target)] if sr.ndim == 2 else [(sr[..., c], target[..., c]) for c in range(3)]
    expected = np.mean([scipy_ssim_same(*plane) for plane in planes])
    assert ssim(sr, target, window="same") == pytest.approx(expected, abs=1e-6)
    assert ssim(sr, target, window="same", exact=True) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("window", ["valid", "same"])
@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_ssim_of_constant_images(window: Any, value: int) -> None:
    sr, target = np.full((16, 12), float(value)), np.full((16, 12), 100.0)
    c1 = (0.01 * 255) ** 2
    expected = (2 * value * 100 + c1) / (value**2 + 100**2 + c1)
    assert ssim(sr, target, window=window) == pytest.approx(expected, abs=1e-6)
    assert ssim(sr, target, window=window, exact=True) == pytest.approx(expected, abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(shape=ssim_shapes, seed=seeds)
def test_ssim_of_equal_images_is_one(shape: tuple[int, ...], seed: int) -> None:
    _, target = pair(shape, 0, seed)
    for window in ("valid", "same"):
        assert ssim(target, target, window=window) == pytest.approx(1, abs=1e-12)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(shape=ssim_shapes, noise=noises, seed=seeds)
def test_ssim_is_symmetric(shape: tuple[int, ...], noise: float, seed: int) -> None:
    sr, target = pair(shape, noise, seed)
    assert ssim(sr, target) == pytest.approx(ssim(target, sr), abs=1e-7)


def test_ssim_takes_integers_and_other_peaks() -> None:
    sr, target = pair((20, 20), 5, 0)
    assert ssim(sr.astype(np.uint8), target.astype(np.uint8)) == ssim(sr, target)
    assert ssim(sr / 255, target / 255, peak=1.0) == pytest.approx(ssim(sr, target), abs=1e-6)


@pytest.mark.parametrize("shape", [(10, 11), (11, 10), (1, 1), (10, 10, 3)])
def test_images_smaller_than_the_window_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(np.zeros(shape), np.zeros(shape))
    assert ssim(np.zeros(shape), np.zeros(shape), window="same") == 1.0


def test_gaussian_window() -> None:
    window = gaussian_window()
    assert window.shape == (11,)
    assert window.sum() == pytest.approx(1, abs=1e-15)
    assert window[4] / window[5] == pytest.approx(math.exp(-1 / 4.5))


# tensors ----------------------------------------------------------------------------------------------------------


def batch(shape: tuple[int, ...], seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Three pairs, (3, H, W, C)."""
    shape = shape if len(shape) == 3 else (*shape, 1)
    pairs = [pair(shape, noise, seed) for noise in (0.5, 5.0, 60.0)]
    return np.stack([sr for sr, _ in pairs]), np.stack([target for _, target in pairs])


def tensors(images: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(dtype)


PRECISIONS = [(torch.float64, 1e-10), (torch.float32, 1e-6)]


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@settings(max_examples=40, deadline=None)
@given(shape=ssim_shapes, seed=seeds)
def test_tensor_metrics_match_arrays(dtype: torch.dtype, tolerance: float, shape: tuple[int, ...], seed: int) -> None:
    sr, target = batch(shape, seed)
    a, b = tensors(sr, dtype), tensors(target, dtype)
    both = list(zip(sr, target, strict=True))
    for ours, expected in (
        (tensor.mse(a, b), [mse(*images) for images in both]),
        (tensor.psnr(a, b), [psnr(*images) for images in both]),
    ):
        assert ours.dtype == dtype
        assert ours.shape == (3,)
        np.testing.assert_allclose(ours, expected, rtol=tolerance)
    for window in ("valid", "same"):
        ours = tensor.ssim(a, b, window=window)  # type: ignore[arg-type]
        expected = [ssim(*images, window=window, exact=True) for images in both]  # type: ignore[arg-type, misc]
        assert ours.dtype == dtype
        assert ours.shape == (3,)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance)


def test_tensor_metrics_of_equal_images() -> None:
    x = torch.rand(2, 3, 12, 12)
    assert tensor.psnr(x, x).tolist() == [math.inf, math.inf]
    np.testing.assert_allclose(tensor.ssim(x, x, peak=1.0), 1, atol=1e-6)


def test_tensor_metrics_can_be_losses() -> None:
    x = torch.rand(2, 1, 12, 12, requires_grad=True)
    (
        tensor.ssim(x, torch.rand(2, 1, 12, 12), peak=1.0).sum() + tensor.mse(x, torch.zeros(2, 1, 12, 12)).sum()
    ).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("metric", [tensor.mse, tensor.psnr, tensor.ssim])
@pytest.mark.parametrize(
    ("sr", "target"), [((1, 1, 12, 12), (1, 1, 12, 13)), ((12, 12), (12, 12)), ((0, 1, 12, 12), (0, 1, 12, 12))]
)
def test_tensors_of_other_shapes_are_refused(metric: Any, sr: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be one|no pixel"):
        metric(torch.zeros(sr), torch.zeros(target))


def test_tensors_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 11x11"):
        tensor.ssim(torch.zeros(1, 1, 10, 11), torch.zeros(1, 1, 10, 11))
    assert tensor.ssim(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), window="same").item() == 1.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("peak", [1.0, 255.0])
def test_half_precision_gives_what_its_pixels_give_in_double(dtype: torch.dtype, peak: float) -> None:
    """PSNR was infinite above 48 dB, SSIM NaN: half cannot hold the squares."""
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(2, 3, 40, 48, generator=generator).mul(peak).to(dtype)
    sr = (hr.double() + 0.002 * peak * torch.randn(hr.shape, generator=generator)).to(dtype)
    for metric in (tensor.mse, partial(tensor.psnr, peak=peak), partial(tensor.ssim, peak=peak)):
        found = metric(sr, hr)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), metric(sr.double(), hr.double()), rtol=1e-4, atol=1e-6)
    assert tensor.mse(sr, hr.double()).dtype == torch.float64


def test_integers_are_no_images() -> None:
    whole = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"uint8 and the target .*: both must be floating point"):
        tensor.psnr(whole, whole.float())
