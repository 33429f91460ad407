"""Which variants are tried, and how plausible each is.

Every variant starts from one that people are known to use - a named protocol, or a library's resizer on 8-bit images -
and changes a few choices. Its cost is that of its start and one for each change; of several ways to describe a variant
the cheapest is kept. What would cost more than :data:`LIMIT` is not tried: with enough exotic combinations every number
has an explanation, and none of them is worth anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from srbench.explain.resizers import RESIZERS
from srbench.explain.variant import WORDS, Making, Variant, scoring_of, variant_of, words_of
from srbench.method import MethodInfo
from srbench.protocols.builtin import PROTOCOLS

Metric = Literal["psnr", "ssim"]
LIMIT: Mapping[Metric, int] = {"psnr": 3, "ssim": 2}
"""The largest cost that is tried; SSIM takes longer to compute."""

PIPELINES: tuple[tuple[str, str, int], ...] = (
    ("matlab", "matlab", 1),
    ("pil", "pil", 1),
    ("opencv-cubic", "opencv-cubic", 1),
    ("matlab", "opencv-cubic", 1),
    ("opencv-area", "opencv-cubic", 1),
    ("torch-antialias", "torch", 1),
    ("torch", "torch", 1),
    ("opencv-area", "opencv-area", 2),
    ("pil", "opencv-cubic", 2),
    ("pil", "matlab", 2),
    ("opencv-cubic", "matlab", 2),
    ("opencv-area", "matlab", 2),
    ("matlab", "pil", 2),
    ("matlab", "torch", 2),
    ("torch-antialias", "matlab", 2),
    ("torch-antialias", "torch-antialias", 2),
    ("matlab-plain", "matlab-plain", 2),
    ("opencv-linear", "opencv-linear", 2),
    ("opencv-nearest", "opencv-cubic", 2),
    ("opencv-nearest", "opencv-nearest", 2),
)
"""Resizers down and up, on 8-bit RGB images, and what it costs to believe in them."""

_BORDERS = {"matlab": "matlab-replicate", "matlab-replicate": "matlab"}
_CHANGES: Mapping[str, tuple[Any, ...]] = {
    "resizers": tuple((name, name) for name in _BORDERS),
} | {choice: tuple(values) for choice, values in WORDS.items()}
_OF_MAKING = frozenset({"planes", "resizers", "lr", "clip"})
"""At most one of these is changed: what would need two is told from another start, or rarer than a chance hit."""


@dataclass(frozen=True, slots=True)
class Start:
    """A variant that others are told from.

    Attributes:
        words: what it is, where it is itself the answer.
        name: for "as ..., but".
        variant: its choices.
        cost: how much it takes to believe in it.
        protocols: the protocols that it is; none for a library's resizer.
    """

    words: str
    name: str
    variant: Variant
    cost: int
    protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant that is tried, and how it is told from a known one.

    Attributes:
        variant: the choices.
        start: what it starts from.
        changes: choices that differ, and their values.
        cost: the lower, the more plausible.
    """

    variant: Variant
    start: Start
    changes: tuple[tuple[str, Any], ...]
    cost: int

    @property
    def words(self) -> str:
        """The variant in words."""
        if not self.changes:
            return self.start.words
        return f"{self.start.name}{', '.join(words_of(*change) for change in self.changes)}"

    @property
    def protocols(self) -> tuple[str, ...]:
        """The named protocols that it is exactly."""
        return () if self.changes else self.start.protocols

    @property
    def printed_by(self) -> tuple[str, ...]:
        """Whose tables are made so."""
        return tuple(PROTOCOLS[name].source for name in self.protocols)


def candidates_for(info: MethodInfo, metric: Metric, *, thorough: bool, gray: bool) -> list[Candidate]:
    """The variants that are tried for a method, cheapest first.

    Args:
        info: the method. One that starts from LR has nothing to do with how LR is upsampled.
        metric: the metric.
        thorough: every way to make LR, not only those in common use and how LR is rounded.
        gray: whether an image is gray: where none is, how they are read makes no difference, and is no choice.
    """
    starts = [*_protocols(metric, gray), *_pipelines(info, metric, gray)]
    found = _around(starts, LIMIT[metric], info.input == "lr")
    fixed = {"clip"} if info.input == "lr" else set()
    if not thorough:
        fixed |= {"planes", "resizers", "clip"}
    return [candidate for candidate in found if fixed.isdisjoint(choice for choice, _ in candidate.changes)]


def candidates_for_images(metric: Metric, *, gray: bool) -> list[Candidate]:
    """The variants that 8-bit SR images can be scored by, cheapest first; ``gray`` as in :func:`candidates_for`."""
    scorings: dict[Variant, list[str]] = {}
    for start in _protocols(metric, gray):
        variant = start.variant.replaced("making", None).replaced("sr", "uint8")
        if start.cost == 0:
            scorings.setdefault(variant, []).extend(start.protocols)
    for name, protocol in PROTOCOLS.items():  # that take supplied LR, where they score in a way of their own
        variant = scoring_of(protocol, window=metric == "ssim")
        variant = variant if gray else variant.replaced("gray", None)
        if protocol.degraded == "none" and variant not in scorings:
            scorings[variant] = [name]
    starts = [
        Start(f"{_spoken(names)}: {_scoring(variant)}", f"as {_spoken(names)}, but ", variant, 0, tuple(names))
        for variant, names in scorings.items()
    ]
    return _around(starts, LIMIT[metric])


def _around(starts: Iterable[Start], limit: int, from_lr: bool = False) -> list[Candidate]:
    """Every variant within a cost of the starts, each by its cheapest description."""
    best: dict[Variant, Candidate] = {}
    for candidate in _all(starts, limit, from_lr):
        known = best.get(candidate.variant)
        if known is None or _rank(candidate) < _rank(known):
            best[candidate.variant] = candidate
    return sorted(best.values(), key=_rank)


def _rank(candidate: Candidate) -> tuple[int, int]:
    return candidate.cost, len(candidate.changes)


def _all(starts: Iterable[Start], limit: int, from_lr: bool) -> Iterator[Candidate]:
    for start in starts:
        for count in range(limit - start.cost + 1):
            for choices in itertools.combinations(_CHANGES, count):
                if len(_OF_MAKING.intersection(choices)) <= int(start.cost < 2):
                    yield from _changed(start, choices, from_lr)


def _changed(start: Start, choices: tuple[str, ...], from_lr: bool) -> Iterator[Candidate]:
    for values in itertools.product(*(_CHANGES[choice] for choice in choices)):
        variant = start.variant
        changes = tuple(zip(choices, values, strict=True))
        for choice, value in changes:
            if not _applies(variant, choice, value):
                break
            variant = variant.replaced(choice, value)
        else:
            if variant.is_sound(from_lr):
                yield Candidate(variant, start, changes, start.cost + len(changes))


def _applies(variant: Variant, choice: str, value: Any) -> bool:
    """Whether a variant has a choice, and has made it otherwise."""
    if value == "pil8" and variant.making is not None and "pil" not in variant.making.resizers:
        return False  # nobody is known to take Pillow's luma of what it has not resized
    if choice in Variant.__dataclass_fields__:
        return getattr(variant, choice) not in (None, value)
    if choice == "resizers":  # only the border changes: other resizers are starts of their own
        return variant.making is not None and variant.making.resizers == (_BORDERS[value[0]],) * 2
    return variant.making is not None and getattr(variant.making, choice) != value


def _protocols(metric: Metric, gray: bool) -> Iterator[Start]:
    for name, protocol in PROTOCOLS.items():
        variant = variant_of(protocol, window=metric == "ssim")
        if variant is not None:
            variant = variant if gray else variant.replaced("gray", None)
            words = f"`{name}`: {protocol.source}"
            if variant.plane == "rgb" and variant.making is not None and variant.making.lr == "rounded":
                words = f"RGB {metric.upper()} over all channels, LR 8-bit: `{name}`"
            yield Start(words, f"as `{name}`, but ", variant, int(protocol.kernel != "bicubic"), (name,))


def _pipelines(info: MethodInfo, metric: Metric, gray: bool) -> Iterator[Start]:
    seen: set[str] = set()
    for small, large, cost in PIPELINES:
        from_lr = info.input == "lr"
        if from_lr and small in seen:
            continue
        seen.add(small)
        variant = Variant(
            making=Making(planes="rgb", resizers=(small, large), lr="uint8" if RESIZERS[small].whole else "rounded"),
            plane="y8",
            window="valid" if metric == "ssim" else None,
            gray="rgb" if gray else None,
        )
        if from_lr:
            words = f"LR by {RESIZERS[small].words} (8-bit RGB)"
        elif small == large == "matlab":
            words = "8-bit RGB, LR and SR rounded once each"
        else:
            words = f"{words_of('resizers', (small, large))} (8-bit RGB)"
        yield Start(f"{words}, {words_of('plane', variant.plane)}", f"{words}, ", variant, cost)
    yield _pillow_luma(metric, gray)


def _pillow_luma(metric: Metric, gray: bool) -> Start:
    """Y of Pillow's YCbCr, resized alone both ways: the data that pytorch-vdsr and its copies score bicubic by."""
    words = "Pillow's Y downsampled and upsampled alone by PIL bicubic"
    variant = Variant(
        making=Making(planes="y", resizers=("pil", "pil"), lr="uint8"),
        plane="pil8",
        shave=(0, 0),
        window="valid" if metric == "ssim" else None,
        gray="rgb" if gray else None,
    )
    return Start(f"{words}, nothing shaved: pytorch-vdsr", f"{words}, ", variant, 2)


def _spoken(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _scoring(variant: Variant) -> str:
    choices = ["plane", "shave", *(name for name in ("window", "gray") if getattr(variant, name))]
    return ", ".join(words_of(choice, getattr(variant, choice)) for choice in choices)
