"""Plots of the training curves that a run keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench.bench.results import TrainingRecord
from srbench.bench.store import LoadedRun
from srbench.report.plots.figures import COLUMN, GRID, STYLE, legend, short
from srbench.report.plots.palette import Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True, slots=True)
class Curve:
    """One training.

    Attributes:
        name: distinguishes it from others of its method: ``x2``, ``x3 seed 1``.
        scales: that the weights are used at.
        steps: batches done at each validation.
        validation: PSNR of the validation images.
        train: PSNR of the training patches.
        kept: the place of the weights that were kept.
    """

    name: str
    scales: tuple[float, ...]
    steps: tuple[int, ...]
    validation: tuple[float, ...]
    train: tuple[float, ...]
    kept: int


def curves(run: LoadedRun) -> dict[str, list[Curve]]:
    """The curves of each label with at least two validations."""
    places: dict[tuple[str, str], dict[tuple[float, int], None]] = {}  # scales and seeds of a label's weights
    for cell in run.cells:
        if (weights := str(cell.inputs.get("weights"))) in run.trainings:
            places.setdefault((cell.id.method_label, weights), {})[cell.id.scale, cell.id.seed] = None
    found: dict[str, list[Curve]] = {}
    for (label, weights), used in places.items():
        if len(run.trainings[weights].curve) > 1:
            found.setdefault(label, []).append(_curve(run.trainings[weights], list(used)))
    return {label: sorted(some, key=lambda curve: curve.name) for label, some in found.items()}


def _curve(training: TrainingRecord, places: Sequence[tuple[float, int]]) -> Curve:
    used = tuple(sorted({scale for scale, _ in places}))
    scales = " ".join(f"x{scale}" for scale in used)
    seed = f" seed {places[0][1]}" if places[0][1] else ""
    points = training.curve
    return Curve(
        name=scales + seed,
        scales=used,
        steps=tuple(point.step for point in points),
        validation=tuple(point.validation_psnr for point in points),
        train=tuple(point.train_psnr for point in points),
        kept=max(range(len(points)), key=lambda at: (points[at].picks, points[at].validation_psnr)),
    )


def draw_curves(label: str, some: Sequence[Curve], look: Look) -> Figure:
    """Draw PSNR of validation images (thick) and training patches (thin) over batches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.3), layout="constrained")
        axes = figure.subplots()
        handles: list[Any] = []
        for index, curve in enumerate(some):
            style: dict[str, Any] = {"color": look.colour, "linestyle": _LINES[index % len(_LINES)]}
            axes.plot(curve.steps, curve.train, linewidth=0.6, alpha=0.55, **style)
            handles += axes.plot(curve.steps, curve.validation, linewidth=1.4, **style)
            at = (curve.steps[curve.kept], curve.validation[curve.kept])
            if math.isfinite(at[1]):
                axes.plot(*at, marker=look.marker, color=look.colour, markersize=4.5, markeredgecolor="white")
                offset: dict[str, Any] = {
                    "xytext": (-3, 4),
                    "textcoords": "offset points",
                    "ha": "right",
                    "va": "bottom",
                }
                axes.annotate(f"{at[1]:.2f}", at, fontsize=6.5, **offset)
        _frame(axes)
        figure.suptitle(f"training of {short(label, 40)}", x=0.01, ha="left", fontsize=7, parse_math=False)
        legend(figure, handles, [curve.name for curve in some], "outside lower center", min(len(some), 4))
    return figure


def _frame(axes: Any) -> None:
    from matplotlib.ticker import EngFormatter

    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(y=0.15)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel("batches; thick: validation images, thin: training patches")
    axes.set_ylabel("PSNR (dB)")


def draw_all(run: LoadedRun, look_of: Mapping[str, Look]) -> Iterator[tuple[str, Figure]]:
    """The (label, figure) of each method with curves."""
    for label, some in curves(run).items():
        yield label, draw_curves(label, some, look_of[label])
