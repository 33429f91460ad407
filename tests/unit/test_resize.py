"""MATLAB's imresize, against a plain dense implementation and against itself in other forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from srbench.imaging.resize import STRIP, imresize, output_geometry, round_half_up, taps
from srbench.imaging.tensor import resize

KERNELS = ["nearest", "box", "bilinear", "bicubic", "lanczos2", "lanczos3"]
STEPPED = ("nearest", "box")  # kernels that jump, where the last bit of a position can decide


def keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def lanczos(lobes: int) -> Callable[[float], float]:
    return lambda x: float(np.sinc(x) * np.sinc(x / lobes)) if abs(x) < lobes else 0.0


KERNEL: dict[str, tuple[Callable[[float], float], float]] = {  # and half its width
    "nearest": (lambda x: float(-0.5 <= x < 0.5), 0.5),
    "box": (lambda x: float(-0.5 <= x < 0.5), 0.5),
    "bilinear": (lambda x: max(0.0, 1 - abs(x)), 1.0),
    "bicubic": (keys, 2.0),
    "lanczos2": (lanczos(2), 2.0),
    "lanczos3": (lanczos(3), 3.0),
}


def mirrored(i: int, size: int) -> int:
    while not 0 <= i < size:
        i = -1 - i if i < 0 else 2 * size - 1 - i
    return i


def dense_matrix(size: int, out_size: int, rate: float, kernel: str, antialias: bool, border: str) -> NDArray[Any]:
    """The weights of one axis, by loops over output and input pixels."""
    function, reach = KERNEL[kernel]
    stretch = min(rate, 1.0) if antialias else 1.0
    matrix = np.zeros((out_size, size))
    for row in range(out_size):
        position = (row + 0.5) / rate - 0.5
        first, last = math.floor(position - reach / stretch) - 1, math.ceil(position + reach / stretch) + 1
        for i in range(first, last + 1):
            if kernel in STEPPED:
                assume(abs(abs(position - i) * stretch - 0.5) > 1e-9)
            place = mirrored(i, size) if border == "symmetric" else min(max(i, 0), size - 1)
            matrix[row, place] += function((position - i) * stretch)
    return matrix / matrix.sum(axis=1, keepdims=True)


def reference(
    image: NDArray[Any],
    out: tuple[int, int],
    rates: tuple[float, float],
    kernel: str,
    antialias: bool,
    border: str,
    half: float = 0.5,
) -> NDArray[Any]:
    """Resize (H, W); unsigned integers are rounded after each axis, those above ``half`` up."""
    result = image.astype(np.float64)
    for axis in (0, 1) if rates[0] <= rates[1] else (1, 0):
        matrix = dense_matrix(image.shape[axis], out[axis], rates[axis], kernel, antialias, border)
        result = matrix @ result if axis == 0 else result @ matrix.T
        if image.dtype.kind == "u":
            result = np.clip(np.floor(result + half), 0, np.iinfo(image.dtype).max)
    return result


def picture(shape: tuple[int, ...], dtype: Any, seed: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    return rng.uniform(0, 255, shape).astype(dtype)


sizes = st.integers(1, 40)
factors = st.one_of(st.floats(0.1, 5.0), st.sampled_from([1 / 4, 1 / 3, 1 / 2, 1.0, 2.0, 3.0, 4.0]))
options = {
    "kernel": st.sampled_from(KERNELS),
    "antialias": st.booleans(),
    "border": st.sampled_from(["symmetric", "replicate"]),
    "seed": st.integers(0, 1000),
}


@settings(max_examples=150, deadline=None)
@given(height=sizes, width=sizes, factor=factors, dtype=st.sampled_from([np.float32, np.float64]), **options)
def test_floats_match_the_plain_implementation(
    height: int, width: int, factor: float, dtype: Any, kernel: Any, antialias: bool, border: Any, seed: int
) -> None:
    image = picture((height, width), dtype, seed)
    ours = imresize(image, factor, kernel=kernel, antialias=antialias, border=border)
    expected = reference(image, ours.shape, (factor, factor), kernel, antialias, border)  # type: ignore[arg-type]
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9 if dtype == np.float64 else 1e-4)


@settings(max_examples=150, deadline=None)
@given(height=sizes, width=sizes, factor=factors, dtype=st.sampled_from([np.uint8, np.uint16]), **options)
def test_integers_match_the_plain_implementation(
    height: int, width: int, factor: float, dtype: Any, kernel: Any, antialias: bool, border: Any, seed: int
) -> None:
    image = picture((height, width), dtype, seed)
    ours = imresize(image, factor, kernel=kernel, antialias=antialias, border=border)
    arguments = (image, ours.shape, (factor, factor), kernel, antialias, border)
    expected = reference(*arguments)  # type: ignore[arg-type]
    assert ours.dtype == dtype
    for half in (0.5 - 1e-8, 0.5 + 1e-8):
        # a sum so close to a half that the order of its terms decides says nothing
        assume(np.array_equal(reference(*arguments, half=half), expected))  # type: ignore[arg-type]
    np.testing.assert_array_equal(ours, expected)


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(sizes, sizes), out=st.tuples(sizes, sizes), **options)
def test_to_a_size_with_a_factor_for_each_axis(
    shape: tuple[int, int], out: tuple[int, int], kernel: Any, antialias: bool, border: Any, seed: int
) -> None:
    image = picture(shape, np.float64, seed)
    ours = imresize(image, size=out, kernel=kernel, antialias=antialias, border=border)
    rates = (out[0] / shape[0], out[1] / shape[1])
    np.testing.assert_allclose(ours, reference(image, out, rates, kernel, antialias, border), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("factor", [1 / 3, 3])
def test_channels_are_resized_alike_and_strips_leave_no_seam(dtype: Any, factor: float) -> None:
    image = picture((6 * STRIP + 6, 50, 3), dtype, 0)
    planes = [imresize(np.ascontiguousarray(image[..., c]), factor) for c in range(3)]
    np.testing.assert_array_equal(imresize(image, factor), np.stack(planes, axis=-1))
    mirrored_rows = imresize(np.ascontiguousarray(image[::-1]), factor)[::-1]
    np.testing.assert_allclose(mirrored_rows, imresize(image, factor), rtol=0, atol=1e-9)


def test_input_is_left_alone() -> None:
    for dtype in (np.uint8, np.float64):
        image = picture((9, 7), dtype, 0)
        before = image.copy()
        out = imresize(image, size=(9, 7))
        out += 1
        np.testing.assert_array_equal(image, before)


def test_known_values() -> None:
    ramp = np.arange(8, dtype=np.uint8).reshape(1, 8) * 10
    # by hand: Keys at distances 1/4, 3/4, 5/4, 7/4 of half the kernel, mirrored at the ends
    np.testing.assert_array_equal(imresize(ramp, size=(1, 4)), [[4, 25, 45, 66]])
    np.testing.assert_array_equal(imresize(np.array([[1, 2], [3, 4]], np.uint8), 0.5, kernel="nearest"), [[4]])
    np.testing.assert_array_equal(imresize(ramp, 2, kernel="nearest"), ramp.repeat(2, 0).repeat(2, 1))


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(sizes, sizes), factor=factors, value=st.integers(0, 255), **options)
def test_a_constant_stays_constant(
    shape: tuple[int, int], factor: float, value: int, kernel: Any, antialias: bool, border: Any, seed: int
) -> None:
    for dtype, tolerance in ((np.uint8, 0), (np.float64, 1e-10)):
        out = imresize(np.full(shape, value, dtype), factor, kernel=kernel, antialias=antialias, border=border)
        np.testing.assert_allclose(out, value, rtol=0, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(size=sizes, out_size=sizes, **options)
def test_weights_sum_to_one_and_point_into_the_image(
    size: int, out_size: int, kernel: Any, antialias: bool, border: Any, seed: int
) -> None:
    indices, weights = taps(size, out_size, out_size / size, kernel, antialias, border)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert indices.min() >= 0
    assert indices.max() < size


@pytest.mark.parametrize(
    ("shape", "factor", "out"),
    [((100, 7), 1 / 3, (34, 3)), ((300, 300), 1 / 3, (100, 100)), ((5, 5), 0.5, (3, 3)), ((3, 3), 100 / 3, (100, 100))],
)
def test_a_factor_rounds_sides_up(shape: tuple[int, int], factor: float, out: tuple[int, int]) -> None:
    assert output_geometry(shape, factor, None) == out


@pytest.mark.parametrize(
    "arguments",
    [{}, {"factor": 2, "size": (2, 2)}, {"factor": 0}, {"factor": -1}, {"size": (0, 2)}],
    ids=["neither", "both", "zero", "negative", "empty side"],
)
def test_nonsense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"either|empty"):
        imresize(np.zeros((4, 4)), **arguments)
    with pytest.raises(ValueError, match=r"either|empty"):
        resize(torch.zeros(1, 1, 4, 4), **arguments)


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="not int64"):
        imresize(np.zeros((4, 4), np.int64), 2)  # type: ignore[type-var]
    with pytest.raises(ValueError, match="empty image"):
        imresize(np.zeros((0, 4)), 2)


def test_round_half_up() -> None:
    values = np.array([-1.0, -0.5, 0.49, 0.5, 1.5, 2.5, 254.5, 255.4, 300.0])
    expected = [0, 0, 0, 1, 2, 3, 255, 255, 255]
    np.testing.assert_array_equal(round_half_up(values), expected)
    assert round_half_up(values, out=values) is values
    np.testing.assert_array_equal(values, expected)


# tensors ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(sizes, sizes), factor=factors, **options)
def test_tensors_match_arrays(
    shape: tuple[int, int], factor: float, kernel: Any, antialias: bool, border: Any, seed: int
) -> None:
    image = picture(shape, np.float64, seed) / 255
    expected = imresize(image, factor, kernel=kernel, antialias=antialias, border=border)
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-6)):
        x = torch.from_numpy(image).to(dtype)[None, None]
        ours = resize(x, factor, kernel=kernel, antialias=antialias, border=border)
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours[0, 0], expected, rtol=0, atol=tolerance)


@settings(max_examples=30, deadline=None)
@given(shape=st.tuples(sizes, sizes), factor=factors, kernel=st.sampled_from(KERNELS), seed=st.integers(0, 1000))
def test_a_batch_is_its_images_bit_for_bit(shape: tuple[int, int], factor: float, kernel: Any, seed: int) -> None:
    x = torch.rand(4, 3, *shape, generator=torch.Generator().manual_seed(seed))
    together = resize(x, factor, kernel=kernel)
    for image in range(4):
        for channel in range(3):
            alone = x[image : image + 1, channel : channel + 1].clone()
            assert torch.equal(resize(alone, factor, kernel=kernel)[0, 0], together[image, channel])


@pytest.mark.parametrize("factor", [0.5, 3])
def test_gradients(factor: float) -> None:
    x = torch.rand(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: resize(t, factor), (x,))


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 4])
def test_torch_antialias_agrees_away_from_borders(factor: float) -> None:
    x = torch.rand(1, 1, 60, 72, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = resize(x, factor)
    theirs = torch.nn.functional.interpolate(x, size=ours.shape[-2:], mode="bicubic", antialias=True)
    np.testing.assert_allclose(ours[..., 2:-2, 2:-2], theirs[..., 2:-2, 2:-2], rtol=0, atol=1e-6)
    assert not np.allclose(ours, theirs, atol=1e-3), "it should differ at borders"
