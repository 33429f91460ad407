"""Intervals: the coverage that they claim, against scipy, and where there is none."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from srbench.analysis.bootstrap import MIN_IMAGES, Interval, _ordered, intervals, pseudo_values
from srbench.metrics.pixel import psnr_of_pooled_mse

SETS = 2000
SIZES = (5, 14, 100)  # Set5, Set14, BSD100 and Urban100
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
PSNR: dict[str, tuple[Draw, float]] = {  # with the mean of the population; bicubic's skew is -.7 to .4 on these sets
    "normal": (lambda rng, shape: rng.normal(29.0, 3.5, shape), 29.0),
    "right-skewed": (lambda rng, shape: 22.0 + 1.75 * rng.gamma(4.0, size=shape), 29.0),  # skew 1
    "left-skewed": (lambda rng, shape: 36.0 - 1.75 * rng.gamma(4.0, size=shape), 29.0),
}


def _coverage(draws: np.ndarray, figures: np.ndarray, parts: list[np.ndarray], truth: float) -> float:
    found = intervals(figures.tolist(), parts)
    assert len(found) == len(draws)
    return float(np.mean([i is not None and i.low <= truth <= i.high for i in found]))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("population", PSNR)
def test_intervals_cover_the_mean_in_95_of_100_sets(population: str, n: int) -> None:
    draw, truth = PSNR[population]
    draws = draw(np.random.default_rng(n), (SETS, n))
    assert 0.93 <= _coverage(draws, draws.mean(axis=1), list(draws), truth) <= 0.97


def test_a_percentile_interval_would_not() -> None:
    """Why the interval is what it is: the usual choices cover far less on five images."""
    draws = np.random.default_rng(5).normal(size=(300, 5))
    for method in ("percentile", "BCa"):
        found = stats.bootstrap((draws,), np.mean, axis=1, method=method, n_resamples=999, rng=np.random.default_rng(1))
        interval = found.confidence_interval
        assert np.mean((interval.low <= 0) & (interval.high >= 0)) < 0.9


@pytest.mark.parametrize(("n", "least"), [(5, 0.90), (14, 0.91), (100, 0.93)])
def test_very_skewed_differences_are_covered_less_as_the_docs_say(n: int, least: float) -> None:
    draws = np.random.default_rng(n).exponential(size=(SETS, n)) ** 1.2  # skew 2.6, as gains on BSD100
    truth = 1.1018024908797126  # Gamma(2.2)
    assert least <= _coverage(draws, draws.mean(axis=1), list(draws), truth) <= 0.97


@pytest.mark.parametrize("n", [5, 14, 30])
def test_pooled_figures_are_covered_too(n: int) -> None:
    draws = 22.0 + 1.75 * np.random.default_rng(n).gamma(4.0, size=(SETS, n))
    # the PSNR of the mean of 10^(-v/10) over the population: a gamma's moment generating function
    truth = 22.0 + 40.0 * np.log10(1 + 1.75 * np.log(10) / 10)
    figures = -10 * np.log10((10 ** (-draws / 10)).mean(axis=1))
    parts = [pseudo_values(row, psnr_of_pooled_mse) for row in draws]
    assert 0.93 <= _coverage(draws, figures, parts, truth) <= 0.97


@pytest.mark.parametrize("n", [8, 14, 60])
def test_against_a_studentised_bootstrap_by_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(4.0, size=n)

    def t(sample: np.ndarray, axis: int) -> np.ndarray:
        return (sample.mean(axis=axis) - values.mean()) / sample.std(axis=axis)

    found = stats.bootstrap((values,), t, axis=0, n_resamples=40_000, method="percentile", rng=np.random.default_rng(3))
    ends = found.confidence_interval
    (mine,) = intervals([values.mean()], [values])
    assert mine is not None
    width = (ends.high - ends.low) * values.std()
    assert mine.low == pytest.approx(values.mean() - ends.high * values.std(), abs=0.08 * width)
    assert mine.high == pytest.approx(values.mean() - ends.low * values.std(), abs=0.08 * width)


def test_five_images_have_all_resamples() -> None:
    values = np.array([1.0, 2.0, 4.0, 7.0, 11.0])
    resamples = np.array(list(itertools.product(values, repeat=5)))
    with np.errstate(divide="ignore"):
        t = np.sort((resamples.mean(axis=1) - 5.0) / resamples.std(axis=1))
    (mine,) = intervals([5.0], [values])
    assert mine is not None
    assert mine.low == pytest.approx(5.0 - t[-78] * values.std())  # 2.5 % of 3126 is 78
    assert mine.high == pytest.approx(5.0 - t[77] * values.std())


def test_of_many_images_it_is_students_t() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    (mine,) = intervals([values.mean()], [values])
    assert mine is not None
    wanted = stats.t.interval(0.95, 1999, values.mean(), stats.sem(values))
    assert (mine.low, mine.high) == pytest.approx(wanted, abs=0.1 * (wanted[1] - wanted[0]))


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0, 4.0],
        [1.0, 2.0, 3.0, 4.0, np.inf],
        [1.0, 2.0, 3.0, 4.0, np.nan],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    ],
)
def test_there_is_none_of_few_or_infinite_values_or_of_one_that_differs(values: list[float]) -> None:
    assert intervals([2.0], [np.array(values)]) == [None]


def test_equal_values_have_no_width() -> None:
    assert intervals([33.1], [np.full(7, 33.1)]) == [Interval(33.1, 33.1)]


def test_sizes_may_be_mixed() -> None:
    rng = np.random.default_rng(2)
    samples = [rng.normal(size=n) for n in (5, 3, 14, 5)]
    together = intervals([0.0] * 4, samples)
    assert together == [intervals([0.0], [sample])[0] for sample in samples]
    assert together[1] is None


VALUES = st.integers(MIN_IMAGES, 9).flatmap(
    lambda n: arrays(float, n, elements=st.floats(-60, 60, width=32), unique=True)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.floats(-50, 50))
def test_intervals_mirror_and_move_with_the_values(values: np.ndarray, shift: float) -> None:
    mean = float(values.mean())
    (interval,) = intervals([mean], [values])
    (mirrored,) = intervals([-mean], [-values])
    (moved,) = intervals([mean + shift], [values + shift])
    if interval is None or mirrored is None or moved is None:
        assert interval is mirrored is None
        return
    assert (mirrored.low, mirrored.high) == (-interval.high, -interval.low)
    width = interval.high - interval.low
    assert moved.low == pytest.approx(interval.low + shift, abs=1e-5 * width + 1e-9)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
def test_the_interval_of_symmetric_values_is_about_their_mean(values: np.ndarray) -> None:
    both = np.concatenate([values, -values])
    (interval,) = intervals([0.0], [both])
    assert interval is None or interval.low <= 0.0 <= interval.high


def test_pseudo_values_of_a_mean_are_the_values() -> None:
    values = np.random.default_rng(1).normal(30, 3, size=9)
    assert pseudo_values(values, lambda some: sum(some) / len(some)) == pytest.approx(values)


@given(
    arrays(np.float64, (3, 7), elements=st.floats(allow_nan=False, width=16)),
    st.lists(st.integers(1, 5), min_size=7, max_size=7),
)
def test_ranks_among_columns_that_stand_several_times(t: np.ndarray, times: list[int]) -> None:
    every = np.sort(np.repeat(t, times, axis=1), axis=1)
    low = sum(times) // 10
    found = _ordered(t, np.array(times), (sum(times) - 1 - low, low))
    assert np.array_equal(found, every[:, [-1 - low, low]])
