"""What a verification found: of each cell, how deep it was checked, and what differs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from srbench.bench.results import CellId, CellResult, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.errors import EXIT_DATA, EXIT_OK, EXIT_REGRESSION
from srbench.proof.manifest import Manifest

Depth = Literal["whole", "rescored", "reproduced"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
NEAR = 1e-6
"""The bound on a processor, times the figure where that exceeds 1: another kind of processor has other last digits."""
OTHER_DEVICE = 2.5e-4
"""The bound where a figure was made on another device, of the figure itself: 0.001 dB of a squared error."""
PSNR_OTHER_DEVICE = 1e-3
"""And in dB."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is another here."""

    image: str
    """Empty for the data set's figure."""
    metric: str
    claimed: float
    here: float

    @property
    def size(self) -> float:
        """How far they lie apart."""
        return 0.0 if self.claimed == self.here else abs(self.claimed - self.here)


@dataclass(slots=True)
class Check:
    """One way in which a cell's figures were computed here.

    Attributes:
        images: how many images were compared.
        figures: how many figures.
        reason: why not all of them, in words; empty if all were.
        wrong: figures beyond the bound.
        near: figures that differ within it.
        device: the claim's device, if it was computed on another here.
        on_device: the metrics whose figures depend on the device; None for all.
        notes: what must be said beside it.
    """

    images: int = 0
    figures: int = 0
    reason: str = ""
    wrong: list[Difference] = field(default_factory=list)
    near: list[Difference] = field(default_factory=list)
    device: str = ""
    on_device: frozenset[str] | None = None
    notes: list[str] = field(default_factory=list)

    def compare(self, image: str, claimed: Mapping[str, float], here: Mapping[str, float]) -> None:
        """Compare the figures of an image, or of the data set, by the metrics that are in both."""
        for metric in claimed.keys() & here.keys():
            found = Difference(image, metric, claimed[metric], here[metric])
            self.figures += 1
            if found.size == 0:
                continue
            (self.near if found.size <= self._bound(metric, claimed[metric]) else self.wrong).append(found)

    def _bound(self, metric: str, value: float) -> float:
        if not math.isfinite(value):
            return 0.0
        if self.device and (self.on_device is None or metric in self.on_device):
            return PSNR_OTHER_DEVICE if metric == "psnr" else OTHER_DEVICE * abs(value)
        return NEAR * max(1.0, abs(value))

    @property
    def is_done(self) -> bool:
        """Whether all was compared, and nothing differs."""
        return not self.reason and not self.wrong and self.figures > 0

    @property
    def largest(self) -> float:
        """The largest difference."""
        return max((found.size for found in (*self.wrong, *self.near)), default=0.0)


@dataclass(slots=True)
class CellVerdict:
    """A cell: the claim, and what was checked of it; None where that was not asked for."""

    cell: CellResult
    rescored: Check | None = None
    reproduced: Check | None = None

    @property
    def id(self) -> CellId:
        """Its names."""
        return self.cell.id

    @property
    def checks(self) -> list[Check]:
        """Those that were made."""
        return [check for check in (self.rescored, self.reproduced) if check is not None]

    @property
    def depth(self) -> Depth:
        """How deep it was verified."""
        if self.reproduced is not None and self.reproduced.is_done:
            return "reproduced"
        return "rescored" if self.rescored is not None and self.rescored.is_done else "whole"

    @property
    def is_refuted(self) -> bool:
        """Whether a figure differs."""
        return any(check.wrong for check in self.checks)


@dataclass(slots=True)
class Verification:
    """A bundle, verified.

    Attributes:
        path: of the bundle.
        name: the claim's name.
        sha256: the whole digest.
        manifest: what the bundle says of itself.
        run: its run.
        problems: contradictions inside it, in sentences.
        cells: in the run's order.
        code: what would run with ``--run-code``, in words, and was not run.
        ran: what of the bundle's code was run.
        notes: what else must be said.
        asked: the depth that was asked for; None for as deep as possible.
    """

    path: Path
    name: str
    sha256: str
    manifest: Manifest
    run: LoadedRun
    problems: list[str] = field(default_factory=list)
    cells: list[CellVerdict] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked: Depth | None = None

    @property
    def metrics(self) -> list[MetricRecord]:
        """The metrics that it has values of."""
        return [metric for metric in self.run.record.metrics if any(metric.name in c.cell.values for c in self.cells)]

    @property
    def depth(self) -> Depth | None:
        """The depth that every cell reached; None if the claim is refuted."""
        if self.is_refuted:
            return None
        return min((cell.depth for cell in self.cells), key=DEPTHS.index, default="whole")

    @property
    def is_refuted(self) -> bool:
        """Whether something in it is not true."""
        return bool(self.problems) or any(cell.is_refuted for cell in self.cells)

    @property
    def exit_code(self) -> int:
        """0 verified as deep as was asked, 1 refuted, 4 something is missing for that depth."""
        if self.depth is None:
            return EXIT_REGRESSION
        wanted = self.asked or "whole"
        return EXIT_OK if DEPTHS.index(self.depth) >= DEPTHS.index(wanted) else EXIT_DATA

    def reasons(self) -> list[str]:
        """Why cells were not checked deeper, each reason once with how many cells it is for."""
        counts: dict[str, int] = {}
        for cell in self.cells:
            for check in cell.checks:
                if check.reason and not check.wrong:
                    counts[check.reason] = counts.get(check.reason, 0) + 1
        return [f"{reason} ({count} {'cell' if count == 1 else 'cells'})" for reason, count in counts.items()]


def count_depths(cells: Iterable[CellVerdict]) -> dict[Depth, int]:
    """How many cells reached each depth at least."""
    reached = [DEPTHS.index(cell.depth) for cell in cells]
    return {depth: sum(place >= number for place in reached) for number, depth in enumerate(DEPTHS)}
