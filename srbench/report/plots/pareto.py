"""Quality against cost: time per image, and parameters of the network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench.analysis.references import Reference
from srbench.bench.results import DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.plots.figures import COLUMN, FAINT, GRID, INK, STYLE, legend, place, short, title
from srbench.report.plots.palette import Look
from srbench.report.tables.grid import metric_title
from srbench.speed.record import RunSpeed, SpeedRow
from srbench.system.names import method_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSTS = ("latency", "parameters")
MAX_NAMED = 18
"""Most methods in the legend; with more, only those on the front."""
_OTHERS = "other methods"
_APART = 20.0
"""Zero cost is drawn at the least cost divided by this."""


@dataclass(frozen=True, slots=True)
class CostPoint:
    """A method as a point."""

    label: str
    cost: float
    value: float


def choices(speed: RunSpeed, cost: str, values: Mapping[str, float]) -> list[CostPoint]:
    """The methods that were timed and have a finite value.

    Args:
        speed: what was timed.
        cost: ``latency`` or ``parameters``.
        values: by label.
    """
    found = []
    for label, value in values.items():
        row = speed.of(method_of(label))
        paid = None if row is None or row.error else _cost(row, cost)
        if paid is not None and math.isfinite(value):
            found.append(CostPoint(label, paid, value))
    return found


def published_points(
    run: LoadedRun, rows: Sequence[Reference], scale: float, metric: MetricRecord, cost: str
) -> list[tuple[str, float | None, float]]:
    """Name, cost and value of published methods, of the run's protocol alone; nobody else's times are comparable."""
    return [
        (row.method, float(row.parameters) if row.parameters and cost == "parameters" else None, row.value)
        for row in rows
        if (row.protocol_hash, row.scale, row.metric) == (run.record.protocol_hash, scale, metric.name)
    ]


def _cost(row: SpeedRow, cost: str) -> float | None:
    return row.median_ms if cost == "latency" else float(row.parameters)


def front(points: Sequence[CostPoint], *, higher_is_better: bool) -> list[CostPoint]:
    """The Pareto front: points that no other as cheap is better than, the cheapest first."""
    sign = 1 if higher_is_better else -1
    best: list[CostPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, -sign * point.value)):
        if not best or sign * point.value > sign * best[-1].value:
            best.append(point)
    return best


def draw_pareto(
    run: LoadedRun,
    dataset: DatasetRecord,
    metric: MetricRecord,
    cost: str,
    points: Sequence[CostPoint],
    look_of: Mapping[str, Look],
    published: Sequence[tuple[str, float | None, float]] = (),
) -> Figure | None:
    """The figure of one data set at the scale of the timings; None with fewer than two points, or without costs.

    Published values are hollow points, or where their cost is not known lines at the right.
    """
    speed = run.speed
    if speed is None or len(points) < 2 or not any(point.cost for point in points):
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    best = front(points, higher_is_better=metric.higher_is_better)
    named = points if len(points) <= MAX_NAMED else best[:: math.ceil(len(best) / MAX_NAMED)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.2 + 0.13 * math.ceil(len(named) / 2)), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        least = min(point.cost for point in points if point.cost)
        at = _positions(points, least)
        dashes: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "color": FAINT, "zorder": 1}
        axes.step([at[point.label] for point in best], [point.value for point in best], where="post", **dashes)
        entries: dict[str, Any] = {}
        for point in points:
            style: dict[str, Any] = {"color": FAINT, "marker": "o", "markersize": 3}
            if point in named:
                look = look_of[point.label]
                style = {"color": look.colour, "marker": look.marker, "markersize": 5.5 * look.size}
            edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.4, "linestyle": "", "zorder": 3}
            (drawn,) = axes.plot([at[point.label]], [point.value], clip_on=False, **style, **edge)
            entries.setdefault(point.label if point in named else _OTHERS, drawn)
        _draw_published(axes, published)
        axes.margins(x=0.08, y=0.1)
        _ticks(axes, least, any(not point.cost for point in points))
        axes.grid(which="major", color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel(_cost_title(speed, cost), parse_math=False)
        axes.set_ylabel(metric_title(metric), parse_math=False)
        title(figure, run, place(dataset, speed.scale))
        legend(figure, list(entries.values()), [short(name) for name in entries], "outside lower left", 2)
    return figure


def _draw_published(axes: Any, published: Sequence[tuple[str, float | None, float]]) -> None:
    """Names stand at the right, those of close values together."""
    if not published:
        return
    for _, cost, value in published:
        if cost is None:
            axes.axhline(value, color=FAINT, linewidth=0.5, zorder=0)
        else:
            hollow: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": INK, "linestyle": "", "zorder": 2}
            axes.plot([cost], [value], marker="o", markersize=4, markeredgewidth=0.8, clip_on=False, **hollow)
    low, high = axes.get_ylim()
    groups: list[list[tuple[str, float]]] = []
    for name, _, value in sorted(published, key=lambda row: -row[2]):
        if groups and groups[-1][0][1] - value < 0.07 * abs(high - low):
            groups[-1].append((name, value))
        else:
            groups.append([(name, value)])
    for group in groups:
        at: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "ha": "left", "va": "center"}
        names = short(", ".join(name for name, _ in group), 28)
        axes.annotate(
            f" {names}", (1, group[0][1]), fontsize=5, color=INK, annotation_clip=False, parse_math=False, **at
        )


def _positions(points: Sequence[CostPoint], least: float) -> dict[str, float]:
    """The x of each label on a logarithmic axis; points of zero cost are side by side at the left."""
    free = sorted((point for point in points if not point.cost), key=lambda point: point.value)
    # the best of them in the middle, where the front begins
    side = {point.label: (-1) ** place * ((place + 1) // 2) for place, point in enumerate(reversed(free))}
    return {p.label: p.cost or least / _APART * 10 ** (0.12 * side[p.label]) for p in points}


def _ticks(axes: Any, least: float, has_nothing: bool) -> None:
    """Ticks at round numbers, with 2 and 5 if there is room, and a separate zero."""
    from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, NullFormatter

    low, high = least / 1.5, axes.get_xlim()[1]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    round_numbers = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    zero = least / _APART
    words = EngFormatter(sep="")
    axes.xaxis.set_major_locator(FixedLocator([*([zero] if has_nothing else []), *(round_numbers or [least])]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "0" if has_nothing and x == zero else words(x)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", bottom=False)
    if has_nothing:
        axes.axvline(least / _APART**0.4, color=FAINT, linewidth=0.6, linestyle=":")


def _cost_title(speed: RunSpeed, cost: str) -> str:
    if cost == "parameters":
        return "parameters"
    return f"ms for one {speed.size}x{speed.size} LR image\non {short(speed.device, 48)}"
