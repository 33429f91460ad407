"""Scatter plots of each image's value for a method against a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from srbench.analysis.compare import Comparison, labels_of
from srbench.bench.results import DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.plots.figures import FAINT, GRID, INK, PAGE, STYLE, place, short, title
from srbench.report.plots.palette import Look
from srbench.report.tables.grid import metric_title
from srbench.report.tables.intervals import signed
from srbench.system.names import short_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 4
_LEFT, _RIGHT, _BOTTOM, _TOP, _BETWEEN = 0.5, 0.08, 0.4, 0.42, (0.08, 0.22)
"""Inches around the panels, and between them, across and down."""
_SIDE = (PAGE - _LEFT - _RIGHT - (_COLUMNS - 1) * _BETWEEN[0]) / _COLUMNS
_NARROWEST = 3.3
"""Inches that the title needs."""
MAX_SCATTER_PANELS = 16
"""Most methods on a figure, the best ones."""


def draw_scatter(
    run: LoadedRun,
    dataset: DatasetRecord,
    scale: float,
    metric: MetricRecord,
    comparisons: Sequence[Comparison],
    look_of: Mapping[str, Look],
) -> Figure | None:
    """A panel per method, all with one range; None without two finite images."""
    sign = 1 if metric.higher_is_better else -1
    shown = [c for c in comparisons if len(_points(c)) > 1]
    shown.sort(key=lambda c: -sign * c.difference)
    if not shown:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    left_out = len(shown) - MAX_SCATTER_PANELS
    shown = shown[:MAX_SCATTER_PANELS]
    values = [value for c in shown for point in _points(c) for value in point]
    room = 0.05 * (max(values) - min(values)) or 1.0
    limits = (min(values) - room, max(values) + room)
    names = short_labels(labels_of(run))
    rows = math.ceil(len(shown) / _COLUMNS)
    columns = math.ceil(len(shown) / rows)
    with mpl.rc_context(STYLE):
        # Panels are square and of one size: a layout engine would take longer to find it than all the rest takes.
        wide = _LEFT + columns * _SIDE + (columns - 1) * _BETWEEN[0] + _RIGHT
        high = _BOTTOM + rows * _SIDE + (rows - 1) * _BETWEEN[1] + _TOP
        figure = Figure(figsize=(max(wide, _NARROWEST), high))
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        figure.subplots_adjust(
            left=_LEFT / figure.get_figwidth(),
            right=(wide - _RIGHT) / figure.get_figwidth(),
            bottom=_BOTTOM / high,
            top=1 - _TOP / high,
            wspace=_BETWEEN[0] / _SIDE,
            hspace=_BETWEEN[1] / _SIDE,
        )
        for index, axes in enumerate(panels.flat):
            if index < len(shown):
                _panel(axes, shown[index], names[shown[index].a.label], look_of[shown[index].a.label], limits)
            else:
                axes.set_axis_off()
                panels[rows - 2][index % columns].tick_params(labelbottom=True)
        baseline = shown[0].b.label
        figure.supxlabel(f"{metric_title(metric)} of {short(names[baseline])}", fontsize=7, parse_math=False)
        figure.supylabel(f"{metric_title(metric)} of each method", fontsize=7, parse_math=False)
        more = f", the best {MAX_SCATTER_PANELS} of {MAX_SCATTER_PANELS + left_out} methods" if left_out > 0 else ""
        title(figure, run, f"{place(dataset, scale)}{more}")
    return figure


def _points(comparison: Comparison) -> list[tuple[float, float]]:
    """(baseline's value, method's value) of each image where both are finite."""
    pairs = zip(comparison.b.values.tolist(), comparison.a.values.tolist(), strict=True)
    return [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]


def _panel(axes: Any, c: Comparison, name: str, look: Look, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(limits, limits, color=FAINT, linewidth=0.7, zorder=1)
    xs, ys = zip(*_points(c), strict=True)
    dense = len(xs) > 40
    size = (2.6 if dense else 4) * look.size
    mark: dict[str, Any] = {"marker": look.marker, "markersize": size, "alpha": 0.6 if dense else 0.85}
    axes.plot(xs, ys, linestyle="", color=look.colour, markeredgecolor="white", markeredgewidth=0.3, zorder=3, **mark)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(color=GRID, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_title(short(name), color=INK, pad=3, parse_math=False)
    words = f"{signed(c.difference, c.metric.digits)}, better on {c.wins} of {c.n}"
    axes.annotate(words, (0.96, 0.04), xycoords="axes fraction", ha="right", va="bottom", fontsize=6, color=INK)
