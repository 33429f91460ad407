"""Wilcoxon's signed-rank test of many paired samples at once, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srbench.analysis.bootstrap import Values

ALPHA = 0.05
MIN_PAIRS = 6
"""Least number of differing pairs with which the exact two-sided p can be below ALPHA: with 5 it is 2 / 2**5."""
_ALL_SIGNS = 13
"""Most pairs for which scipy's test is exact with ties."""


def wilcoxon(differences: Sequence[Values]) -> list[float | None]:
    """Two-sided p of the hypothesis that differences are symmetric about zero, for each sample (n,).

    Differences of zero are left out, as Wilcoxon did. Exact up to 50 pairs without ties, and up to 13 with ties;
    beyond, the normal approximation with its correction for ties. An infinite difference ranks above all others.

    Returns:
        None if fewer than MIN_PAIRS pairs differ: no outcome could be significant.

    Source:
        Wilcoxon, Individual Comparisons by Ranking Methods, Biometrics Bulletin 1945; computed by scipy.
    """
    found: list[float | None] = [None] * len(differences)
    alike: dict[tuple[int, bool], list[int]] = {}
    kept = [np.asarray(sample)[np.asarray(sample) != 0] for sample in differences]
    for place, sample in enumerate(kept):
        if len(sample) >= MIN_PAIRS:
            alike.setdefault((len(sample), len(np.unique(np.abs(sample))) < len(sample)), []).append(place)
    if not alike:
        return found
    from scipy.stats import wilcoxon as test  # half a second

    for (n, tied), places in alike.items():
        # scipy uses one method for all rows; for few pairs with ties it tries all 2**n signs, which takes memory
        for some in [[place] for place in places] if tied and n <= _ALL_SIGNS else [places]:
            ps = np.atleast_1d(test(np.stack([kept[place] for place in some]), axis=1).pvalue)
            for place, p in zip(some, ps, strict=True):
                found[place] = float(p)
    return found


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Each p of a family, corrected so that a false finding among all is as likely as in a single test.

    The smallest is multiplied by the number of tests, the next by one less, and so on; none is below the one before
    it or above 1. None stays None and does not count.

    Source:
        Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 1979.
    """
    tested = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    least = 0.0
    for rank, (p, place) in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - rank) * p))
        corrected[place] = least
    return corrected
