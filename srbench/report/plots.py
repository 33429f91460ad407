"""Dot plots: for a data set and a scale, every image's figure of every method, and the mean.

Drawn by matplotlib's Agg and SVG backends without pyplot, so nothing global is touched.
"""

from __future__ import annotations

import hashlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from srbench.analysis.references import Reference, is_genuine
from srbench.bench.results import DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import one_line, safe_name
from srbench.report.grid import metric_title, printed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers; a dark red for their yellow, too faint on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255")
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "svg.hashsalt": "srbench",  # the same file for the same numbers
    "svg.fonttype": "path",
}


@dataclass(frozen=True, slots=True)
class Dots:
    """One line of a plot."""

    label: str
    mean: float
    images: tuple[float, ...]
    published: tuple[tuple[str, float], ...]
    """(whose figure, value)."""


def plots(run: LoadedRun, references: Sequence[Reference] = ()) -> Iterator[tuple[str, bytes]]:
    """The (file name, content) of a PNG and an SVG for each data set and scale, of the run's first main metric."""
    computed = [metric for metric in run.record.metrics if not metric.unavailable]
    metric = next((m for m in computed if m.name == "psnr"), next(iter(computed), None))
    if metric is None:
        return
    colours = method_colours([cell.id.method_label for cell in run.record.cells])
    for dataset in run.record.datasets:
        for scale in run.record.scales:
            dots = collect(run, dataset.name, scale, metric, references)
            if dots:
                figure = draw(run, dataset, scale, metric, dots, colours)
                stem = f"{metric.name}-{dataset.name}-x{scale}"
                for kind in ("png", "svg"):
                    yield f"{safe_name(stem)}.{kind}", render(figure, kind)


def method_colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each method: chosen by its name, so that it keeps it over figures, and moved on if it is taken."""
    colours: dict[str, str] = {}
    for label in sorted(set(labels)):
        start = int(hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest(), 16)
        order = [PALETTE[(start + step) % len(PALETTE)] for step in range(len(PALETTE))]
        free = [colour for colour in order if colour not in colours.values()]
        colours[label] = (free or order)[0]
    return colours


def collect(
    run: LoadedRun, dataset: str, scale: int, metric: MetricRecord, references: Sequence[Reference]
) -> list[Dots]:
    """The lines of a plot, the best first; images whose figure is not finite are left out."""
    genuine = any(record.name == dataset and is_genuine(record) for record in run.record.datasets)
    groups: dict[str, list[tuple[float, list[float]]]] = {}
    for cell in run.cells:
        if (cell.id.dataset, cell.id.scale) == (dataset, scale) and metric.name in cell.values:
            images = [image.values.get(metric.name, math.nan) for image in cell.images]
            groups.setdefault(cell.id.method_label, []).append((cell.values[metric.name], images))
    dots = []
    for label, cells in groups.items():
        per_image = [fmean(values) for values in zip(*(images for _, images in cells), strict=False)]
        finite = tuple(value for value in per_image if math.isfinite(value))
        published = tuple(
            (row.method, row.value)
            for row in references
            if genuine
            and row.shown_for in (label, label.partition(":")[0])
            and (row.dataset, row.scale, row.metric) == (dataset, scale, metric.name)
            and row.protocol_hash == run.record.protocol_hash
        )
        dots.append(Dots(label, fmean(mean for mean, _ in cells), finite, published))
    return sorted(dots, key=lambda line: line.mean, reverse=metric.higher_is_better)


def draw(
    run: LoadedRun,
    dataset: DatasetRecord,
    scale: int,
    metric: MetricRecord,
    dots: Sequence[Dots],
    colours: dict[str, str],
) -> Figure:
    """The figure of one data set and scale."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 1.5 + 0.34 * len(dots)), layout="constrained")
        axes = figure.subplots()
        for line, item in enumerate(dots):
            _draw_line(axes, len(dots) - 1 - line, item, colours[item.label], metric.digits)
        names = [_short(item.label) for item in reversed(dots)]
        axes.set_yticks(range(len(dots)), names, parse_math=False)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.7, len(dots) - 0.3)
        axes.set_xlabel(metric_title(metric))
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        images = f"{dataset.images} image{'' if dataset.images == 1 else 's'}"
        protocol = f"protocol {_short(run.record.protocol)} ({run.record.protocol_hash})"
        title = f"{_short(dataset.name)}, x{scale} ({images}), {protocol}"
        axes.set_title(title, loc="left", parse_math=False)
        _legend(figure, any(item.published for item in dots))
    return figure


def _draw_line(axes: Any, y: float, item: Dots, colour: str, digits: int) -> None:
    axes.plot(item.images, [y] * len(item.images), "o", color=colour, alpha=0.28, markersize=4.5, markeredgewidth=0)
    for _, value in item.published:
        axes.plot(
            [value],
            [y],
            "D",
            markerfacecolor="none",
            markeredgecolor="#333333",
            markersize=7.5,
            markeredgewidth=1.1,
            zorder=3,
        )
    if math.isinf(item.mean):  # all images equal to HR, say: no place on the axis, so at its edge
        edge = 1 if item.mean > 0 else 0
        at = {"xycoords": axes.get_yaxis_transform(), "ha": "right" if edge else "left", "va": "center"}
        axes.annotate(printed(item.mean, digits), (edge, y), color=colour, fontsize=12, **at)
        return
    axes.plot(
        [item.mean], [y], "o", color=colour, markersize=6.5, markeredgecolor="white", markeredgewidth=0.8, zorder=4
    )
    axes.annotate(
        f"{item.mean:.{digits}f}",
        (item.mean, y),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7.5,
        color="#222222",
    )


def _legend(figure: Figure, published: bool) -> None:
    from matplotlib.lines import Line2D

    gray: dict[str, Any] = {"linestyle": "", "color": "#555555"}
    handles = [
        Line2D([], [], marker="o", alpha=0.35, markersize=4.5, markeredgewidth=0, label="an image", **gray),
        Line2D([], [], marker="o", markersize=6.5, markeredgecolor="white", label="mean", **gray),
    ]
    if published:
        ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": "#333333", "markersize": 7.5}
        handles.append(Line2D([], [], marker="D", label="published mean", **ring, **gray))
    figure.legend(handles=handles, loc="outside lower right", ncols=len(handles), frameon=False, fontsize=8)


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= 40 else text[:39] + "…"


def render(figure: Figure, kind: str, dpi: int = 200) -> bytes:
    """The bytes of a figure, the same for the same content."""
    import matplotlib as mpl

    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context(STYLE), warnings.catch_warnings(), io.BytesIO() as buffer:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name of a user's; a box stands for it
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
        return buffer.getvalue()
