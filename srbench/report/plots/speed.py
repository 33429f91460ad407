"""Quality against time, of what `srbench speed` has timed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from srbench.analysis.references import Reference
from srbench.report.plots.figures import COLUMN, FAINT, GRID, STYLE, legend, short
from srbench.report.plots.palette import looks
from srbench.report.plots.pareto import CostPoint, front
from srbench.report.text.speed import fastest
from srbench.speed.record import SpeedRecord, SpeedRow
from srbench.system.names import method_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATASET, METRIC = "embedded", "psnr"
"""Speed is measured without quality, so that is the stored one of srbench's own methods, on the images inside it."""


def speed_figures(record: SpeedRecord, references: Sequence[Reference]) -> Iterator[tuple[str, Figure]]:
    """A (name, figure) for each size and scale at which two methods have a stored value or more.

    Args:
        record: the measurement.
        references: stored values, of any kind.
    """
    for (size, scale), rows in groupby(record.rows, key=lambda row: (row.size, row.scale)):
        values = {
            method_of(row.method): row.value
            for row in references
            if row.own and (row.dataset, row.scale, row.metric, row.protocol) == (DATASET, scale, METRIC, "vdsr")
        }
        figure = _draw(record, list(rows), values)
        if figure is not None:
            yield f"x{scale}-{size}", figure


def _draw(record: SpeedRecord, rows: Sequence[SpeedRow], values: Mapping[str, float]) -> Figure | None:
    points = [
        CostPoint(row.method, row.median_ms, values[row.method])
        for row in fastest([row for row in rows if row.batch == 1])
        if row.median_ms is not None and row.method in values
    ]
    if len(points) < 2:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, NullFormatter

    look_of = looks(point.label for point in points)
    best = front(points, higher_is_better=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.3 + 0.07 * len(points)), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        dashes: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "color": FAINT, "zorder": 1}
        axes.step([point.cost for point in best], [point.value for point in best], where="post", **dashes)
        handles = []
        for point in points:
            look = look_of[point.label]
            style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": 5.5 * look.size}
            handles += axes.plot([point.cost], [point.value], linestyle="", clip_on=False, **style)
        axes.margins(x=0.08, y=0.1)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(EngFormatter(sep="") if best[-1].cost < 10 * best[0].cost else NullFormatter())
        axes.grid(which="major", color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        row = rows[0]
        axes.set_xlabel(
            f"ms for one {row.lr_width}x{row.lr_height} LR image\non {short(record.device, 48)}", parse_math=False
        )
        axes.set_ylabel("PSNR (dB)")
        words = f"stored PSNR of {DATASET} x{row.scale}, fastest mode of each method"
        figure.suptitle(words, x=0.01, ha="left", fontsize=6.5, parse_math=False)
        legend(figure, handles, [short(point.label) for point in points], "outside lower left", 2)
    return figure
