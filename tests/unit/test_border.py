"""Cropping to a multiple of the scale, and shaving."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srbench.imaging.resize import mod_crop, shave

shapes = st.one_of(st.tuples(*[st.integers(1, 20)] * 2), st.tuples(*[st.integers(1, 20)] * 2, st.just(3)))


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape)


@given(shape=shapes, scale=st.integers(1, 5))
def test_mod_crop_cuts_bottom_and_right_and_no_more(shape: tuple[int, ...], scale: int) -> None:
    image = numbered(shape)
    cropped = mod_crop(image, scale)
    for before, after in zip(shape[:2], cropped.shape[:2], strict=True):
        assert after % scale == 0
        assert 0 <= before - after < scale
    assert cropped.shape[2:] == shape[2:]
    np.testing.assert_array_equal(cropped, image[: cropped.shape[0], : cropped.shape[1]])


@given(shape=shapes, width=st.integers(0, 4))
def test_shave_cuts_all_four_sides(shape: tuple[int, ...], width: int) -> None:
    image = numbered(shape)
    shaved = shave(image, width)
    assert shaved.shape[:2] == tuple(max(0, side - 2 * width) for side in shape[:2])
    if shaved.size:
        framed = np.pad(shaved, [(width, width)] * 2 + [(0, 0)] * (image.ndim - 2), constant_values=-1)
        np.testing.assert_array_equal(framed[framed >= 0], image[framed >= 0])


def test_shaving_nothing_keeps_everything() -> None:
    image = numbered((4, 5))
    np.testing.assert_array_equal(shave(image, 0), image)


@pytest.mark.parametrize(
    ("shape", "scale", "expected"), [((7, 9), 4, (4, 8)), ((6, 6), 3, (6, 6)), ((2, 5), 3, (0, 3))]
)
def test_mod_crop_examples(shape: tuple[int, int], scale: int, expected: tuple[int, int]) -> None:
    assert mod_crop(numbered(shape), scale).shape == expected
