"""Colours and markers of methods: the same in every figure, and as far as possible in every run.

Twelve colours that colour-blind readers can distinguish, each with its own marker for grey-scale printing. With more
methods than colours the pairs of colour and marker still differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from srbench.system.names import method_of

# Okabe and Ito's colours without their yellow, too faint on white, and five of Tol's muted ones
PALETTE = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#000000", "#882255", "#999933", "#332288", "#117733", "#AA4499"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d")
"""One more than colours, so that the second round of colours has other markers."""
_SYMBOLS = (
    *("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "triangle-left", "triangle-right"),
    *("pentagon", "hexagon", "star", "diamond-tall"),
)
PLOTLY_MARKERS = dict(zip(MARKERS, _SYMBOLS, strict=True))
"""Plotly's names of the markers."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn."""

    colour: str
    marker: str

    @property
    def size(self) -> float:
        """The factor of the marker's size that makes all look equally large."""
        return {"D": 0.8, "s": 0.9, "d": 1.1, "P": 1.1, "X": 1.1, "*": 1.4}.get(self.marker, 1.0)


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """A look per label, all different up to 156 labels.

    The hash of a method's name decides its colour. If two labels of a run collide while a colour is free, the later by
    name takes the next one.
    """
    wanted = dict.fromkeys(labels)
    colours: dict[str, int] = {}
    for label in sorted(wanted):
        colours[label] = _nearest_free(_hash(method_of(label)), list(colours.values()))
    found: dict[str, Look] = {}
    rounds = dict.fromkeys(range(len(PALETTE)), 0)
    for label, colour in colours.items():
        found[label] = Look(PALETTE[colour], MARKERS[(colour + rounds[colour]) % len(MARKERS)])
        rounds[colour] += 1
    return {label: found[label] for label in wanted}


def _nearest_free(first: int, taken: list[int]) -> int:
    """The first least used colour from there on."""
    order = [(first + step) % len(PALETTE) for step in range(len(PALETTE))]
    least = min(map(taken.count, order))
    return next(place for place in order if taken.count(place) == least)


def _hash(name: str) -> int:
    return int(hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest(), 16)
