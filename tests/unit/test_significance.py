"""Wilcoxon's test against scipy and against all signs; Holm's correction against an example and its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from srbench.analysis.significance import holm, wilcoxon


def _by_all_signs(differences: np.ndarray) -> float:
    """Two-sided p from every way to set the signs: what exact means."""
    ranks = stats.rankdata(np.abs(differences))
    observed = abs(ranks @ np.sign(differences))
    sums = [abs(ranks @ signs) for signs in itertools.product((-1, 1), repeat=len(ranks))]
    return float(np.mean(np.array(sums) >= observed - 1e-9))


@pytest.mark.parametrize("n", [6, 9, 12])
@pytest.mark.parametrize("tied", [False, True])
def test_small_sets_are_exact_with_ties_and_without(n: int, tied: bool) -> None:
    rng = np.random.default_rng(n)
    differences = rng.normal(0.5, 1.0, n)
    if tied:
        differences = np.where(np.round(differences * 2) == 0, 0.5, np.round(differences * 2) / 2)
    (p,) = wilcoxon([differences])
    assert p == pytest.approx(_by_all_signs(differences), abs=1e-12)


def test_many_samples_at_once_are_as_each_alone() -> None:
    rng = np.random.default_rng(7)
    samples = [rng.normal(0.2, 1.0, n) for n in (100, 14, 14, 60, 100, 14)]
    samples += [np.round(rng.normal(0.3, 1.0, n), 1) + 0.05 for n in (14, 60, 12)]
    found = wilcoxon(samples)
    assert found == pytest.approx([float(stats.wilcoxon(sample).pvalue) for sample in samples], rel=1e-12)


def test_images_on_which_both_are_equal_are_left_out() -> None:
    values = np.array([0.3, 0.0, -0.1, 0.5, 0.0, 0.7, 0.9, 1.1, 0.0])
    assert wilcoxon([values]) == wilcoxon([values[values != 0]])


def test_five_differences_are_no_test() -> None:
    assert stats.wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0]).pvalue == 0.0625
    samples = [np.arange(1.0, 6.0), np.zeros(14), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]), np.arange(1.0, 7.0)]
    assert wilcoxon(samples) == [None, None, None, 0.03125]


def test_an_infinite_difference_ranks_above_all() -> None:
    values = np.array([1.0, 2.0, -3.0, 4.0, 5.0, 6.0, np.inf])
    assert wilcoxon([values]) == wilcoxon([np.where(np.isinf(values), 99.0, values)])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.5]) == [1.0, None, 1.0]
    assert holm([]) == []


LOADED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
PS = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=30)


@LOADED
@given(PS)
def test_holm_is_its_definition(ps: list[float | None]) -> None:
    """Holm 1979: reject the smallest while p_(i) <= alpha / (m - i); so for each alpha, and no p is made smaller."""
    corrected = holm(ps)
    tested = [p for p in ps if p is not None]
    for p, c in zip(ps, corrected, strict=True):
        assert (p is None) == (c is None)
        assert p is None or c is None or p <= c <= 1
    for alpha in (0.001, 0.05, 0.5):
        rejected = set()
        for i, p in enumerate(sorted(tested)):
            if p * (len(tested) - i) > alpha:
                break
            rejected.add(p)
        assert {p for p, c in zip(ps, corrected, strict=True) if c is not None and c <= alpha} == rejected


@LOADED
@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_holm_keeps_the_order(ps: list[float]) -> None:
    corrected = holm(ps)
    for (p, c), (q, d) in itertools.pairwise(sorted(zip(ps, corrected, strict=True))):
        assert p <= q and c is not None and d is not None and c <= d
