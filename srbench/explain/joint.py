"""Several figures of one method at once: far fewer variants give all of them than give any one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from srbench.errors import UsageError
from srbench.explain.catalogue import Candidate, Metric
from srbench.explain.search import FINEST, LIKELY, Number, metric_named, read_number
from srbench.explain.variant import Variant, words_of

_OWN = ("average", "window")
"""Choices that PSNR or SSIM alone has."""
_PLACE = re.compile(r"(?:(?P<dataset>.+):)?x(?P<scale>\d+)=(?P<numbers>.+)")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as printed, and what it is of."""

    dataset: str
    scale: int
    number: Number

    @property
    def metric(self) -> Metric:
        """PSNR or SSIM."""
        return self.number.metric

    def __str__(self) -> str:
        return f"{self.metric.upper()} {self.dataset} x{self.scale}"


def read_figures(
    texts: Sequence[str], dataset: str | None, scale: int | None, metric: str | None
) -> tuple[Figure, ...]:
    """Figures from the command line.

    Args:
        texts: ``33.66``, ``33.66/.9299``, ``x3=30.39`` or ``set14:x3=27.55/.7742``.
        dataset: of those that name none.
        scale: likewise.
        metric: of those that are one number.

    Raises:
        UsageError: one is no number, or lacks its data set or scale.
    """
    figures = []
    for text in texts:
        place = _PLACE.fullmatch(text.strip())
        of, at = (place["dataset"] or dataset, int(place["scale"])) if place else (dataset, scale)
        if of is None or not at:
            lacking = "--dataset" if of is None else "--scale"
            raise UsageError(f"Of what is {text}? Give {lacking} too, or write it as in set5:x2=33.66.")
        both = (place["numbers"] if place else text).split("/")
        kinds = (metric,) if len(both) == 1 else ("psnr", "ssim")
        if len(both) > 2:
            raise UsageError(f"'{text}' has more than PSNR/SSIM; give one argument for each data set and scale.")
        for part, kind in zip(both, kinds, strict=True):
            figures.append(Figure(of, at, read_number(part, kind)))
    metric_named(metric)
    return tuple(figures)


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, and its value by variant."""

    figure: Figure
    values: Mapping[Variant, float]


@dataclass(frozen=True, slots=True)
class Joint:
    """A way to make PSNR and SSIM: a variant of each that is asked for.

    Attributes:
        parts: by metric; one is lacking where nobody is known to take it so.
        cost: the lower, the more plausible.
        values: of each figure; None where the metric's part is lacking.
        given: which figures are within reach.
    """

    parts: Mapping[Metric, Candidate]
    cost: int
    values: tuple[float | None, ...]
    given: tuple[bool, ...]

    @property
    def words(self) -> str:
        """The variant in words."""
        psnr, ssim = self.parts.get("psnr"), self.parts.get("ssim")
        if psnr is None or ssim is None:
            return next(iter(self.parts.values())).words
        if self.protocols:
            return psnr.words
        own = psnr.variant.plane != ssim.variant.plane
        of = f" of {words_of('plane', ssim.variant.plane)}" if own else ""
        return f"{psnr.words}; {words_of('window', ssim.variant.window)}{of}"

    @property
    def protocols(self) -> tuple[str, ...]:
        """The named protocols that it is exactly."""
        names = [part.protocols for part in self.parts.values()]
        return tuple(name for name in names[0] if all(name in others for others in names))


@dataclass(frozen=True, slots=True)
class JointAnswer:
    """Every way that was tried, those that give most figures first, of these the most plausible.

    Attributes:
        figures: what was looked for.
        found: the ways.
        by_chance: how many would give as many figures as the first does on average, if each figure were drawn at random
            from the numbers around it.
    """

    figures: tuple[Figure, ...]
    found: tuple[Joint, ...]
    by_chance: float

    @property
    def give_all(self) -> tuple[Joint, ...]:
        """The ways that give every figure."""
        return tuple(joint for joint in self.found if all(joint.given))

    @property
    def most(self) -> int:
        """How many figures the first of them gives."""
        return sum(self.found[0].given)

    @property
    def is_likely(self) -> bool:
        """Whether so many of them would give as much by chance that it is no evidence."""
        return self.by_chance > LIKELY


def search_all(candidates: Mapping[Metric, Sequence[Candidate]], measured: Sequence[Measured]) -> JointAnswer:
    """Order the ways by how many figures they give.

    Args:
        candidates: of each metric that there is a figure of.
        measured: the figures.
    """
    numbers = [each.figure.number for each in measured]
    found: list[tuple[float, Joint]] = []
    alike: dict[Variant | None, list[tuple[float | None, ...]]] = {}
    beside: Counter[tuple[bool, ...]] = Counter()
    for parts, cost in sorted(_joined(candidates), key=lambda pair: pair[1]):
        values = tuple(
            each.values[parts[each.figure.metric].variant] if each.figure.metric in parts else None for each in measured
        )
        others = alike.setdefault(parts["psnr"].variant, []) if len(parts) == 2 else []
        if any(_is_same(values, other, numbers) for other in others):
            continue  # windows that nothing here tells apart
        others.append(values)
        off = [
            float("inf") if value is None else abs(value - number.value) / number.reach
            for value, number in zip(values, numbers, strict=True)
        ]
        given = tuple(distance <= 1.0 + 1e-6 for distance in off)
        beside[tuple(o <= 2 * number.aside + 1 for o, number in zip(off, numbers, strict=True))] += 1
        found.append((max(off), Joint(parts, cost, values, given)))
    found.sort(key=lambda pair: (-sum(pair[1].given), pair[1].cost, 0.0 if all(pair[1].given) else pair[0]))
    most = sum(found[0][1].given)
    chance = sum(count * _chance(most, near, numbers) for near, count in beside.items())
    return JointAnswer(tuple(each.figure for each in measured), tuple(joint for _, joint in found), chance)


def _chance(count: int, near: Sequence[bool], numbers: Sequence[Number]) -> float:
    """How probable it is that a variant gives so many numbers, if each that is near were drawn at random around it."""
    gives = [1.0]  # by how many, up to the count
    for is_near, number in zip(near, numbers, strict=True):
        hit = is_near / (2 * number.aside + 1)
        gives = [(1.0 - hit) * one + hit * fewer for one, fewer in zip([*gives, 0.0], [0.0, *gives], strict=True)]
    return sum(gives[count:])


def _is_same(values: Sequence[float | None], others: Sequence[float | None], numbers: Sequence[Number]) -> bool:
    """Whether values differ by less than processors do."""
    pairs = zip(values, others, numbers, strict=True)
    return all(one == other or abs((one or 0) - (other or 0)) < FINEST[number.metric] for one, other, number in pairs)


def _joined(candidates: Mapping[Metric, Sequence[Candidate]]) -> Iterator[tuple[dict[Metric, Candidate], int]]:
    """What PSNR and SSIM can be made by together, and how much it takes to believe in it."""
    if len(candidates) == 1:
        ((metric, alone),) = candidates.items()
        yield from (({metric: candidate}, candidate.cost) for candidate in alone)
        return
    partners: dict[object, list[Candidate]] = {}
    for ssim in candidates["ssim"]:
        for key in _keys(ssim):
            partners.setdefault(key, []).append(ssim)
    for psnr in candidates["psnr"]:
        found = {ssim.variant: ssim for key in _keys(psnr) for ssim in partners.get(key, ())}
        for ssim in found.values():
            yield {"psnr": psnr, "ssim": ssim}, max(psnr.cost, ssim.cost) + (_has_own(psnr) and _has_own(ssim))
        if not found:
            yield {"psnr": psnr}, psnr.cost


def _keys(candidate: Candidate) -> tuple[object, object]:
    """What a variant has in common with its like of the other metric: its choices, or how it is told."""
    v = candidate.variant
    shared = tuple(change for change in candidate.changes if change[0] not in _OWN)
    return (v.making, v.sr, v.plane, v.shave, v.gray), (candidate.start.name, shared)


def _has_own(candidate: Candidate) -> bool:
    return any(choice in _OWN for choice, _ in candidate.changes)
