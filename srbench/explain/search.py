"""From a printed number to the variants that give it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from srbench.errors import UsageError
from srbench.explain.catalogue import LIMIT, Candidate, Metric
from srbench.explain.variant import Variant
from srbench.protocols.builtin import PROTOCOLS

METRICS: tuple[Metric, ...] = get_args(Metric)
FINEST: Mapping[Metric, float] = {"psnr": 5e-5, "ssim": 5e-6}
"""The least reach: beyond these digits processors and versions of libraries round differently."""
NEAR = 10
"""A near miss is within so many times the reach."""
SPAN: Mapping[Metric, float] = {"psnr": 0.5, "ssim": 0.01}
"""How far from the number others are looked at to tell how easily one is matched by chance."""
LIKELY = 0.05
"""The share of numbers that some variant gives from which on a match may well be chance."""
FEWEST = 5
"""And no fewer than so many on either side, where the number has few digits."""


@dataclass(frozen=True, slots=True)
class Number:
    """A figure as somebody printed it.

    Attributes:
        text: as it was given.
        metric: what it is a figure of.
        value: in dB, or SSIM.
        reach: half of its last digit: how far the true figure may lie from it.
    """

    text: str
    metric: Metric
    value: float
    reach: float

    @property
    def aside(self) -> int:
        """How many numbers on either side of it could as well have been printed, as far as is looked."""
        return max(round(SPAN[self.metric] / (2.0 * self.reach)), FEWEST)


def read_number(text: str, metric: str | None) -> Number:
    """A number from the command line; one below 1 is an SSIM unless the metric is named.

    Raises:
        UsageError: it is no such number, or the metric is not ``psnr`` or ``ssim``.
    """
    plain = re.sub(r"\s*dB$", "", text.strip(), flags=re.IGNORECASE)
    if not re.fullmatch(r"\d{0,3}\.\d+|\d{1,3}\.?", plain, flags=re.ASCII):
        raise UsageError(
            f"'{text}' is not a PSNR in dB or an SSIM; write it as it was printed, such as 33.66 or .9299."
        )
    value = float(plain)
    known = metric_named(metric) or ("ssim" if value < 1 else "psnr")
    if known == "ssim" and value > 1:
        raise UsageError(f"An SSIM is at most 1, so {text} is none; leave out --metric ssim.")
    reach = 0.5 * 10.0 ** -len(plain.partition(".")[2])
    return Number(plain, known, value, max(reach, FINEST[known]))


def metric_named(name: str | None) -> Metric | None:
    """One of the metrics that can be explained.

    Raises:
        UsageError: it is none of them.
    """
    for metric in METRICS:
        if name == metric:
            return metric
    if name is not None:
        raise UsageError(f"--metric is {' or '.join(METRICS)}, not '{name}'.")
    return None


@dataclass(frozen=True, slots=True)
class Found:
    """A variant with its figure; ``difference`` is what it exceeds the number by, None without a number."""

    candidate: Candidate
    figure: float
    difference: float | None = None


@dataclass(frozen=True, slots=True)
class Chance:
    """How many of the numbers that could as well have been printed are matched by a variant too.

    Attributes:
        numbers: with as many digits as the one that was looked for, at most :data:`SPAN` from it, itself included.
        low: the least of them.
        high: the greatest.
        by_any: how many are within reach of some variant.
        by_plausible: how many are within reach of one that is as plausible as the first that gives the number; None
            where none does.
    """

    numbers: int
    low: float
    high: float
    by_any: int
    by_plausible: int | None

    @property
    def is_likely(self) -> bool:
        """Whether so many of the numbers are matched that one match is no evidence."""
        return self.by_any > LIKELY * self.numbers


@dataclass(frozen=True, slots=True)
class Answer:
    """Every variant that was tried.

    Attributes:
        metric: what the figures are.
        number: what was looked for, if anything.
        found: nearest first, and of those within reach the most plausible first; without a number, that throughout.
    """

    metric: Metric
    number: Number | None
    found: tuple[Found, ...]

    @property
    def within_reach(self) -> tuple[Found, ...]:
        """The variants that print the number."""
        return self._within(0.0, 1.0)

    @property
    def near_misses(self) -> tuple[Found, ...]:
        """The variants that nearly do."""
        return self._within(1.0, NEAR)

    @property
    def literature(self) -> tuple[Found, ...]:
        """The protocols of published tables, in the order that they are listed in elsewhere."""
        named = (each for each in self.found if each.candidate.protocols and each.candidate.cost == 0)
        return tuple(sorted(named, key=lambda each: list(PROTOCOLS).index(each.candidate.protocols[0])))

    @property
    def chance(self) -> Chance | None:
        """What a match is worth; None without a number."""
        if self.number is None:
            return None
        hits, value, step = self.within_reach, self.number.value, 2.0 * self.number.reach
        aside = self.number.aside

        def matched(most: int) -> int:
            costs = ((each.figure - value, each.candidate.cost) for each in self.found if math.isfinite(each.figure))
            places = {round(distance / step) for distance, cost in costs if cost <= most}
            return sum(abs(place) <= aside for place in places)

        return Chance(
            numbers=2 * aside + 1,
            low=value - aside * step,
            high=value + aside * step,
            by_any=matched(LIMIT[self.metric]),
            by_plausible=matched(hits[0].candidate.cost) if hits else None,
        )

    def _within(self, beyond: float, times: float) -> tuple[Found, ...]:
        if self.number is None:
            return ()
        low, high = (_limit(self.number, factor) if factor else -1.0 for factor in (beyond, times))
        return tuple(found for found in self.found if low < abs(found.difference or 0.0) <= high)


def search(
    candidates: Sequence[Candidate], figures: Mapping[Variant, float], number: Number | None, metric: Metric
) -> Answer:
    """Order the variants by how well they explain a number.

    Args:
        candidates: the most plausible first.
        figures: of each.
        number: what is looked for; without one the order stays.
        metric: what the figures are.
    """
    if number is None:
        return Answer(metric, None, tuple(Found(each, figures[each.variant]) for each in candidates))
    found = [Found(each, figures[each.variant], figures[each.variant] - number.value) for each in candidates]
    reach = _limit(number, 1.0)

    def distance(each: Found) -> float:
        """None within reach: the number cannot tell those apart, so their order, by plausibility, stays."""
        beyond = abs(each.difference or 0.0)
        return 0.0 if beyond <= reach else beyond

    return Answer(metric, number, tuple(sorted(found, key=distance)))


def _limit(number: Number, times: float) -> float:
    return number.reach * times + 1e-9
