"""Colours and markers of methods: one method looks the same in every figure, and as far as possible in every run.

Twelve colours that colour-blind readers tell apart, each first with a marker of its own, so that a figure survives
grey-scale printing; with more methods than colours the pairs of colour and marker still differ.
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
"""matplotlib's; as many as colours and one more, so that the second round of colours has other markers."""
_SYMBOLS = (
    *("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "triangle-left", "triangle-right"),
    *("pentagon", "hexagon", "star", "diamond-tall"),
)
PLOTLY_MARKERS = dict(zip(MARKERS, _SYMBOLS, strict=True))
"""The same markers by plotly's names."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a method is drawn."""

    colour: str
    marker: str

    @property
    def size(self) -> float:
        """By how much to enlarge the marker, so that all look equally large."""
        return {"D": 0.8, "s": 0.9, "d": 1.1, "P": 1.1, "X": 1.1, "*": 1.4}.get(self.marker, 1.0)


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """A look for each label, no two alike up to 156 of them.

    Every method that is installed has a place of its own in the palette, whichever of them a run has; others get one
    by a hash of their name. Where two labels of a run would share a colour while another is free, the later moves.
    """
    wanted = dict.fromkeys(labels)
    places = _places()
    order = list(places)
    known = [label for label in wanted if method_of(label) in places]
    known.sort(key=lambda label: (order.index(method_of(label)), label))
    colours: dict[str, int] = {}
    for label in (*known, *sorted(wanted.keys() - set(known))):
        colours[label] = _nearest_free(places.get(method_of(label), _hash(label)), list(colours.values()))
    found: dict[str, Look] = {}
    rounds = dict.fromkeys(range(len(PALETTE)), 0)
    for label, colour in colours.items():
        found[label] = Look(PALETTE[colour], MARKERS[(colour + rounds[colour]) % len(MARKERS)])
        rounds[colour] += 1
    return {label: found[label] for label in wanted}


def _places() -> dict[str, int]:
    """Places of the installed methods, by their names alone: nothing of them is imported."""
    from srbench.plugins.registry import Registry

    registry = Registry()
    places: dict[str, int] = {}
    # srbench's own first: whoever installs a plugin finds them in the colours that they had
    for name in sorted(registry.method_names, key=lambda name: (registry.origin(name) != "srbench", name)):
        places[name] = _nearest_free(_hash(name), list(places.values()))
    return places


def _nearest_free(first: int, taken: list[int]) -> int:
    """The first place from there on that is taken least often."""
    order = [(first + step) % len(PALETTE) for step in range(len(PALETTE))]
    least = min(map(taken.count, order))
    return next(place for place in order if taken.count(place) == least)


def _hash(label: str) -> int:
    return int(hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest(), 16)
