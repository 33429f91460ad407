"""What is computed in bands of rows is what is computed at once, to the bit, whatever the height of the bands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from conftest import photograph
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.imaging import bands as banding
from srbench.imaging.bands import Bands, bands
from srbench.imaging.resize import imresize
from srbench.method import MethodInfo
from srbench.metrics.haarpsi import haarpsi
from srbench.metrics.pixel import mse
from srbench.metrics.ssim import ssim
from srbench.metrics.sums import BlockSum, PairwiseSum, channel_sums
from srbench.protocols import planes
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import prepare

HEIGHTS = (300, 2_000, 20_000)
"""Samples a band, so that an image of 150x130 has many, some and few."""


@pytest.fixture
def heights(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Bands of several heights, one after the other; the first is the whole image."""

    def each() -> Iterator[int]:
        for samples in (10**9, *HEIGHTS):
            monkeypatch.setattr(banding, "BAND", samples)
            yield samples

    return each()


def pair(colour: bool, whole: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    hr = photograph(151, 133, seed).astype(np.float64)
    hr = hr if colour else hr[..., 0]
    sr = np.clip(hr + np.random.default_rng(seed).normal(0, 5, hr.shape), 0, 255)
    return (np.round(sr), hr) if whole else (sr, hr * 0.99)


@settings(deadline=None, max_examples=40)
@given(size=st.integers(1, 400_000), cuts=st.lists(st.floats(0, 1), max_size=6), seed=st.integers(0, 99))
def test_sums_are_numpys_however_they_are_cut(size: int, cuts: list[float], seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=size) * 10.0 ** random.uniform(-12, 12, size)
    edges = sorted({0, size, *(int(cut * size) for cut in cuts)})
    pieces = list(pairwise(edges))
    halves, blocks, single = PairwiseSum(size), BlockSum(), values.astype(np.float32)
    for first, behind in random.permutation(pieces).reshape(-1, 2):
        halves.add(int(first), values[first:behind])
    for first, behind in pieces:
        blocks.add(single[first:behind])
    assert halves.total() == np.sum(values)
    assert blocks.total() == np.sum(single, dtype=np.float64)


def test_channel_sums_are_numpys() -> None:
    values = np.random.default_rng(0).normal(size=(70, 60, 3)) * 1e3
    sums = None
    for rows in (slice(0, 1), slice(1, 44), slice(44, 70)):
        sums = channel_sums(sums, values[rows])
    assert (sums == np.sum(values, axis=(0, 1))).all()


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_metrics(heights: Iterator[int], colour: bool, whole: bool) -> None:
    sr, hr = pair(colour, whole)
    images = [np.round(image).astype(np.uint8) for image in (sr, hr)]
    found = {
        (
            mse(sr, hr),
            ssim(sr, hr),
            ssim(sr, hr, window="same"),
            ssim(sr, hr, exact=True),
            ssim(sr, hr, clipped=True),
            haarpsi(*images),
            haarpsi(*images, subsample=False),
        )
        for _ in heights
    }
    assert len(found) == 1


def test_metrics_of_rows_that_are_made_when_asked_for() -> None:
    sr, hr = pair(False, False)
    made = [Bands(image.shape, lambda rows, image=image: image[rows].copy()) for image in (sr, hr)]
    assert (mse(*made), ssim(*made)) == (mse(sr, hr), ssim(sr, hr))
    assert (np.asarray(made[0]) == sr).all()


@pytest.mark.parametrize("size", [(75, 66), (302, 266), (302, 60), (40, 266)])
@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_resizing(heights: Iterator[int], size: tuple[int, int], kind: str) -> None:
    image = photograph(151, 133).astype(kind)
    whole, *others = [imresize(image, size=size) for _ in heights]
    assert all((other == whole).all() for other in others)


@pytest.mark.parametrize("protocol", ["vdsr", "srcnn", "lapsrn", "edsr", "rgb", "basicsr", "linear", "selfexsr"])
@pytest.mark.parametrize("gray", [False, True])
def test_a_large_image_is_prepared_and_finished_as_another(
    protocol: str, gray: bool, heights: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that methods get, and all that is scored, where an image counts as large and where not."""
    hr = photograph(152, 134)
    hr = hr[..., 0] if gray else hr

    def results() -> list[np.ndarray]:
        case, found = prepare(get_protocol(protocol), "image", hr, 2), []
        for channels in ("y", "rgb", "any"):
            for given_ in ("lr", "upsampled"):
                info = MethodInfo(name="m", family="interpolation", channels=channels, input=given_)
                found.append(case.method_input(info))
            sr = case.finish(info, found[-1] * np.float32(0.98))
            found += [sr, case.image(sr), *map(np.asarray, case.pair(sr))]
        return found

    kept = results()
    monkeypatch.setattr(planes, "WHOLE_PIXELS", 1)
    for _ in heights:
        for mine, other in zip(results(), kept, strict=True):
            assert mine.dtype == other.dtype
            assert (mine == other).all()


def test_bands_cover_an_image() -> None:
    for height, width, halo in ((1, 1, 0), (1000, 7000, 5), (64, 10**6, 8)):
        rows = list(bands(height, width, 3, halo=halo))
        assert [row for part in rows for row in range(part.start, part.stop)] == list(range(height))


CODE = """
import json, numpy as np
from srbench.metrics.pixel import mse
random = np.random.default_rng(0)
print(json.dumps([mse(*random.uniform(0, 255, (2, side, 307))) for side in range(90, 500, 41)]))
"""


def test_a_mean_squared_error_does_not_depend_on_the_number_of_cores() -> None:
    """BLAS shares a long product among its threads, and adds up in another order."""
    found = []
    for threads in "124":
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    assert found[0] == found[1] == found[2]
