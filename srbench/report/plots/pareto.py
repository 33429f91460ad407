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
from srbench.report.plots.labels import LETTER, label_points
from srbench.report.plots.palette import Look
from srbench.report.tables.grid import metric_title
from srbench.speed.record import RunSpeed, SpeedRow
from srbench.system.names import method_of, short_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 185.0
"""Of both panels, in points."""
_BESIDE = 0.1
"""Of the column's width: between markers that would hide each other."""
COSTS = ("latency", "parameters")
MAX_NAMED = 18
"""Most methods with a name; with more, only those on the front."""
_OTHERS = "other methods"


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

    sign = 1 if metric.higher_is_better else -1
    points = sorted(points, key=lambda point: -sign * point.value)
    best = front(points, higher_is_better=metric.higher_is_better)
    named = points if len(points) <= MAX_NAMED else best[:: math.ceil(len(best) / MAX_NAMED)]
    free, paid = ([point for point in points if bool(point.cost) is costs] for costs in (False, True))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.4 + 0.04 * len(named)), layout="constrained")
        names = short_labels(point.label for point in named)
        longest = max((len(short(names[point.label])) for point in free if point.label in names), default=0)
        wide = min(24 + LETTER * longest, _WIDTH / 2)
        ratios = (wide, _WIDTH - wide) if free else (1,)
        panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)
        axes = panels[0][-1]
        if free:
            _free_column(panels[0][0], axes)
        shown = ((panels[0][0], _side_by_side(free, points)), (axes, {point: point.cost for point in paid}))
        for panel, some in shown:
            for point, x in some.items():
                _draw_point(panel, x, point.value, look_of[point.label] if point in named else None)
        axes.set_xscale("log")
        _draw_published(axes, published)
        axes.margins(x=0.08, y=0.1)
        _ticks(axes, min(point.cost for point in paid))
        for panel in panels[0]:
            panel.grid(which="major", color=GRID, linewidth=0.5)
            panel.set_axisbelow(True)
        panels[0][0].set_ylabel(metric_title(metric), parse_math=False)
        axes.set_xlabel(_cost_title(speed, cost), parse_math=False)
        title(figure, run, place(dataset, speed.scale))
        lines = _draw_front(panels[0], best)
        if len(named) < len(points):
            (others,) = axes.plot([], [], linestyle="", color=FAINT, marker="o", markersize=3)
            legend(figure, [others], [_OTHERS], "outside lower left", 1)
        _name(figure, shown, names, lines, look_of)
    return figure


def _draw_point(axes: Any, x: float, y: float, look: Look | None) -> None:
    style: dict[str, Any] = {"color": FAINT, "marker": "o", "markersize": 3}
    if look is not None:
        style = {"color": look.colour, "marker": look.marker, "markersize": 5.5 * look.size}
    edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.4, "linestyle": "", "zorder": 3}
    axes.plot([x], [y], clip_on=False, **style, **edge)


def _side_by_side(free: Sequence[CostPoint], points: Sequence[CostPoint]) -> dict[CostPoint, float]:
    """The places of methods without cost in their column: those of nearly one value beside each other."""
    values = [point.value for point in points]
    near = 0.04 * (max(values) - min(values))
    at: dict[CostPoint, float] = {}
    for point in free:
        beside = [x for other, x in at.items() if abs(other.value - point.value) < near]
        at[point] = max(beside) + _BESIDE if beside and max(beside) < 2 * _BESIDE else 0.0
    return at


def _free_column(column: Any, axes: Any) -> None:
    """A column of its own for methods that cost nothing, which a logarithmic axis has no place for."""
    column.set_xlim(-0.15, 1)  # names stand at the right of the points
    column.set_xticks([0], ["none"])
    column.spines["right"].set_visible(True)
    column.spines["right"].set(color=FAINT, linewidth=0.6, linestyle=":")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", left=False)


def _draw_front(panels: Sequence[Any], best: Sequence[CostPoint]) -> list[list[tuple[float, float]]]:
    """The front as steps through both panels; returns its corners in the data of each."""
    axes = panels[-1]
    dashes: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "color": FAINT, "zorder": 1}
    low, high = axes.get_xlim()
    corners: list[tuple[float, float]] = []
    for point in best:
        x = point.cost or low
        corners += [(x, corners[-1][1])] if corners else []
        corners.append((x, point.value))
    axes.plot(*zip(*corners, strict=True), **dashes)
    axes.set_xlim(low, high)
    if best[0].cost or len(panels) == 1:
        return [[], corners]
    right = panels[0].get_xlim()[1]
    panels[0].plot([0, right], [best[0].value] * 2, **dashes)
    return [[(0, best[0].value), (right, best[0].value)], corners]


def _name(
    figure: Figure,
    panels: Sequence[tuple[Any, Mapping[CostPoint, float]]],
    names: Mapping[str, str],
    lines: Sequence[Sequence[tuple[float, float]]],
    look_of: Mapping[str, Look],
) -> None:
    """The names beside the points, once they have their places; those without room go to a legend."""
    figure.draw_without_rendering()
    left_out: list[CostPoint] = []
    for (axes, places), line in zip(panels, lines, strict=True):
        some = {short(names[point.label]): point for point in places if point.label in names}
        at = [(places[point], point.value) for point in some.values()]
        left_out += [some[name] for name in label_points(axes, at, list(some), [line] if line else [])]
    if left_out:
        marks = [_mark(look_of[point.label]) for point in left_out]
        legend(figure, marks, [short(names[point.label]) for point in left_out], "outside lower center", 3)


def _mark(look: Look) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="", color=look.colour, marker=look.marker, markersize=5.5 * look.size)


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


def _ticks(axes: Any, least: float) -> None:
    """Ticks at round numbers, with 2 and 5 if there is room."""
    from matplotlib.ticker import EngFormatter, FixedLocator, NullFormatter

    low, high = axes.get_xlim()
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    round_numbers = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    axes.xaxis.set_major_locator(FixedLocator(round_numbers or [least]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", bottom=False)


def _cost_title(speed: RunSpeed, cost: str) -> str:
    if cost == "parameters":
        return "parameters"
    return f"ms for one {speed.size}x{speed.size} LR image\non {short(speed.device, 48)}"
