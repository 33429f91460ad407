"""Flat areas, where the sign of a rounding error decides: it is worked out exactly, as MATLAB had it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from plain_quality import Floats, photograph, plain_niqe

from srbench.metrics import fused
from srbench.metrics.scene_statistics import luma_plane, normalised


def with_flat_squares(seed: int = 0) -> NDArray[np.uint8]:
    """A texture with squares of single grays, as in a picture with transmission errors."""
    image = photograph(192, 288, seed)
    for k, gray in enumerate((74, 85, 87, 103, 140, 162)):
        y, x = 96 * (k // 3) + 20, 96 * (k % 3) + 20
        image[y : y + 50, x : x + 50] = gray
    return image


def separable(order: Sequence[int], axes: tuple[int, int]) -> Callable[[Floats, str], Floats]:
    """The same Gaussian filter, with the taps in some order and the axes in some order."""
    x = np.arange(-3, 4)
    taps = np.exp(-(x**2) / (2 * (7 / 6) ** 2))
    taps /= taps.sum()

    def blur(image: Floats, mode: str) -> Floats:
        assert mode == "nearest"
        for axis in axes:
            padded = np.pad(image, [(3, 3) if axis == i else (0, 0) for i in (0, 1)], mode="edge")
            size = image.shape[axis]
            parts = [taps[k] * padded.take(range(k, k + size), axis=axis) for k in order]
            image = sum(parts[1:], start=parts[0])
        return image

    return blur


def test_what_the_order_of_plain_sums_moves() -> None:
    """Orders that are the same on paper give other figures; ours is one of them, written out to the last bit."""
    plane = luma_plane(with_flat_squares(), "gray")
    inward = (0, 6, 1, 5, 2, 4, 3)
    orders = [range(7), range(6, -1, -1), inward, (3, 2, 4, 1, 5, 0, 6)]
    figures = {plain_niqe(plane, separable(order, axes)) for order in orders for axes in ((0, 1), (1, 0))}
    assert max(figures) - min(figures) > 1e-3 * min(figures)
    smooth = luma_plane(photograph(192, 288), "gray")
    figures = {plain_niqe(smooth, separable(order, axes)) for order in orders for axes in ((0, 1), (1, 0))}
    assert max(figures) - min(figures) < 1e-9 * min(figures)  # without flat areas the order does not matter


def rational_mean(window: Floats) -> float:
    """MATLAB's order in rational numbers, rounded where a fused multiply-add rounds: no floating point takes part."""

    def chain(taps: tuple[float, ...], values: list[float]) -> float:
        total = 0.0
        for tap, value in zip(reversed(taps), reversed(values), strict=True):
            total = float(Fraction(tap) * Fraction(value) + Fraction(total))
        return total

    column = [chain(fused._COLUMN, window[:, k].tolist()) for k in range(7)]
    return chain(fused._ROW, column)


def test_residues_are_those_of_fused_arithmetic_in_rational_numbers() -> None:
    """So they are the same on every CPU, whether it has fused multiply-adds or not."""
    rng = np.random.default_rng(1)
    plane = rng.integers(0, 256, (12, 14)).astype(float)
    plane[:, 7:] = np.arange(7.0) * 3 + 40  # a ramp: nearly all residues vanish, and no window is constant
    plane[:7, :7] = 153.0
    plane += rng.integers(0, 2, (12, 14)) / 65536 * (plane > 200)
    padded = np.pad(plane, 3, mode="edge")
    near = np.ones_like(plane, dtype=bool)
    expected = [plane[y, x] - rational_mean(padded[y : y + 7, x : x + 7]) for y in range(12) for x in range(14)]
    np.testing.assert_array_equal(fused.exact_residues(padded, near), expected)


def test_each_gray_has_its_sign() -> None:
    """What the official figures imply of five grays: 0, -, -, 0, -, and of 153 in I19 and I03: +."""
    grays = np.array([85.0, 162, 74, 103, 87, 140, 153])
    signs = [np.sign(normalised(np.full((9, 9), gray), "edge")[4, 4]) for gray in grays]
    assert signs == [0, -1, -1, 0, -1, -1, 1]


@settings(max_examples=30)
@given(st.floats(-1, 1), st.floats(-300, 300), st.floats(-300, 300))
def test_a_fused_multiply_add_rounds_once(a: float, b: float, c: float) -> None:
    tiny = 2.0**-900  # below, the parts of a product are lost
    if min(abs(a), abs(b), abs(c)) < tiny:
        return
    found = fused._fma(a, np.array([b]), np.array([c]))[0]
    assert found == float(Fraction(a) * Fraction(b) + Fraction(c))
