"""Dot plots of a data set and scale: a line per method with each image's value, the mean and its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench.analysis.bootstrap import Interval
from srbench.analysis.compare import Comparison, labels_of
from srbench.analysis.references import Reference, shown_beside
from srbench.analysis.sample import ScoreSample
from srbench.bench.results import DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.plots.figures import COLUMN, FAINT, GRID, INK, STYLE, legend, place, short, title
from srbench.report.plots.palette import Look
from srbench.report.tables.grid import metric_title, printed
from srbench.report.tables.intervals import signed
from srbench.system.names import method_of, short_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE = 0.165
"""Inches per method."""
_BELOW = 0.3
"""How far below the mean the images are drawn, in lines, so that the interval does not cover them."""


@dataclass(frozen=True, slots=True)
class Dots:
    """One line of a plot.

    Attributes:
        label: the method.
        mean: over the images; it may be infinite.
        images: every finite value.
        interval: of the mean, where there is one.
        published: (method, value).
    """

    label: str
    mean: float
    images: tuple[float, ...]
    interval: Interval | None = None
    published: tuple[tuple[str, float], ...] = ()


def value_lines(
    run: LoadedRun,
    dataset: DatasetRecord,
    scale: float,
    metric: MetricRecord,
    samples: Iterable[tuple[ScoreSample, Interval | None]],
    references: Sequence[Reference],
) -> list[Dots]:
    """The lines of a plot of values, the best first.

    Args:
        run: the run.
        dataset: the data set.
        scale: the scale.
        metric: the metric.
        samples: the methods' values there.
        references: published values; those of the same images and protocol are drawn.
    """
    dots = []
    for sample, interval in samples:
        rows = shown_beside(references, run.record, dataset, (sample.label, method_of(sample.label)))
        published = tuple((row.method, row.value) for row in rows if (row.scale, row.metric) == (scale, metric.name))
        finite = tuple(filter(math.isfinite, sample.values.tolist()))
        dots.append(Dots(sample.label, sample.value, finite, interval, published))
    return sorted(dots, key=lambda line: line.mean, reverse=metric.higher_is_better)


def difference_lines(comparisons: Iterable[Comparison], metric: MetricRecord) -> list[Dots]:
    """The lines of a plot of differences, the best first, without undefined ones."""
    dots = []
    for c in comparisons:
        differences = (a - b for a, b in zip(c.a.values.tolist(), c.b.values.tolist(), strict=True) if a != b)
        finite = tuple(filter(math.isfinite, differences)) + (0.0,) * c.ties
        if not math.isnan(c.difference):
            dots.append(Dots(c.a.label, c.difference, finite, c.interval))
    return sorted(dots, key=lambda line: line.mean, reverse=metric.higher_is_better)


def draw_dots(
    run: LoadedRun,
    dataset: DatasetRecord,
    scale: float,
    metric: MetricRecord,
    dots: Sequence[Dots],
    look_of: Mapping[str, Look],
    baseline: str = "",
) -> Figure:
    """The figure of one data set and scale; of differences if there is a baseline."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 0.85 + _LINE * len(dots)), layout="constrained")
        axes = figure.subplots()
        ys = range(len(dots) - 1, -1, -1)
        for y, item in zip(ys, dots, strict=True):
            _draw_line(axes, y, item, look_of[item.label], metric.digits)
        names = short_labels(labels_of(run))
        axes.set_yticks(list(ys), [short(names[item.label]) for item in dots], parse_math=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.6, len(dots) - 0.4)
        axes.margins(x=0.03)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6))
        axes.grid(axis="x", color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        if baseline:
            axes.axvline(0, color=INK, linewidth=0.7, zorder=1)
        _numbers(axes, ys, dots, metric.digits, baseline)
        heading = metric_title(metric)
        heading += f" minus {short(names.get(baseline, baseline))}'s" if baseline else ""
        axes.set_xlabel(heading, parse_math=False)
        title(figure, run, place(dataset, scale))
        _legend(figure, dots)
    return figure


def _draw_line(axes: Any, y: float, item: Dots, look: Look, digits: int) -> None:
    flat = {"linestyle": "", "markeredgewidth": 0}
    below = [y - _BELOW] * len(item.images)
    axes.plot(item.images, below, marker="o", markersize=2.4, color=look.colour, alpha=0.45, **flat)
    if item.interval is not None:
        ends = [item.interval.low, item.interval.high]
        axes.plot(ends, [y, y], marker="|", markersize=4.5, color=look.colour, linewidth=1.0, markeredgewidth=1.0)
    for _, value in item.published:
        axes.plot([value], [y], marker="|", markersize=10, color=INK, markeredgewidth=1.0, linestyle="", zorder=3)
    if math.isinf(item.mean):  # for example all images equal to HR: at the edge of the axis
        edge = 1 if item.mean > 0 else 0
        at = {"xycoords": axes.get_yaxis_transform(), "ha": "right" if edge else "left", "va": "center"}
        axes.annotate(printed(item.mean, digits), (edge, y), color=look.colour, fontsize=9, **at)
        return
    mean = {"markersize": 4.8 * look.size, "markeredgecolor": "white", "markeredgewidth": 0.5, "zorder": 4}
    axes.plot([item.mean], [y], marker=look.marker, color=look.colour, linestyle="", **mean)


def _numbers(axes: Any, ys: Sequence[int], dots: Sequence[Dots], digits: int, baseline: str) -> None:
    """Print the means in a column at the right."""
    right = axes.secondary_yaxis("right")
    text = signed if baseline else printed
    right.set_yticks(list(ys), [text(item.mean, digits) for item in dots])
    right.tick_params(axis="y", length=0, pad=2)
    right.spines["right"].set_visible(False)


def _legend(figure: Figure, dots: Sequence[Dots]) -> None:
    from matplotlib.lines import Line2D

    gray: dict[str, Any] = {"linestyle": "", "color": "#555555"}
    handles = [Line2D([], [], marker="o", alpha=0.55, markersize=2.4, markeredgewidth=0, label="image", **gray)]
    handles.append(Line2D([], [], marker="o", markersize=4.8, markeredgecolor="white", label="mean", **gray))
    if any(item.interval for item in dots):
        bar: dict[str, Any] = {"marker": "|", "markersize": 5, "linewidth": 1.1, "color": FAINT}
        handles.append(Line2D([], [], label="95 % interval", **bar))
    if any(item.published for item in dots):
        handles.append(Line2D([], [], marker="|", markersize=8, label="published", linestyle="", color=INK))
    legend(figure, handles, [str(handle.get_label()) for handle in handles], "outside lower center", len(handles))
