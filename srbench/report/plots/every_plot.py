"""Every plot of a report, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from srbench.analysis.bootstrap import Interval
from srbench.analysis.compare import Comparison, compare_all, default_baseline, labels_of, report_pairs
from srbench.analysis.published import shown_alone
from srbench.analysis.references import Reference
from srbench.analysis.sample import ScoreSample, intervals_by_key, samples
from srbench.bench.results import DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import safe_file_name
from srbench.report.plots.curves import draw_all
from srbench.report.plots.dots import difference_lines, draw_dots, value_lines
from srbench.report.plots.figures import render
from srbench.report.plots.palette import Look, looks
from srbench.report.plots.pareto import COSTS, choices, draw_pareto, published_points
from srbench.report.plots.scatter import draw_scatter
from srbench.report.tables.grid import places_of_main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = "training curves"


def parts(run: LoadedRun) -> tuple[str, ...]:
    """What the plots of a run can be drawn by: its metrics, and the training curves."""
    metrics = [metric.name for metric in places_of_main(run) if not metric.unavailable]
    return (*metrics, CURVES) if metrics and labels_of(run) else ()


def plots(
    run: LoadedRun, references: Sequence[Reference] = (), baseline: str = "", part: str = ""
) -> Iterator[tuple[str, bytes]]:
    """The (file name, content) of every plot of a run.

    Per data set and scale: the values of the main metrics, a scatter plot of the first one against the baseline, with a
    baseline the differences to it, and if methods were timed quality against time and parameters. Of learned methods:
    the training curves that the run keeps.

    Args:
        run: the run.
        references: published values.
        baseline: a label; by default bicubic or the first method, without plots of differences.
        part: of :func:`parts`; empty for all.
    """
    for name, figure in figures(run, references, baseline, part):
        for kind, content in render(figure):
            yield f"{safe_file_name(name)}.{kind}", content


def figures(
    run: LoadedRun, references: Sequence[Reference], baseline: str, part: str = ""
) -> Iterator[tuple[str, Figure]]:
    """The (name, figure) of every plot, or of those of a part."""
    places = {metric: sets for metric, sets in places_of_main(run).items() if not metric.unavailable}
    wanted = [part] if part else parts(run)
    look_of = looks(labels_of(run))
    for metric, datasets in places.items():
        if metric.name in wanted:
            first = [dataset for dataset in datasets if next(m for m in places if dataset in places[m]) == metric]
            yield from _of_metric(run, metric, references, baseline, look_of, datasets, first)
    if CURVES in wanted:
        for label, figure in draw_all(run, look_of):
            yield f"curve-{label}", figure


def _of_metric(
    run: LoadedRun,
    metric: MetricRecord,
    references: Sequence[Reference],
    baseline: str,
    look_of: dict[str, Look],
    datasets: Sequence[DatasetRecord],
    with_scatter: Sequence[DatasetRecord],
) -> Iterator[tuple[str, Figure]]:
    found = samples(run, metric.name)
    intervals = intervals_by_key(found)
    pairs = report_pairs(run, baseline or default_baseline(run)) if baseline or with_scatter else []
    compared: dict[tuple[str, float], list[Comparison]] = {}
    for c in compare_all(run, metric, pairs):
        compared.setdefault((c.dataset, c.scale), []).append(c)
    for dataset in datasets:
        for scale in run.record.scales:
            here = [(s, intervals[key]) for key, s in found.items() if key[:2] == (dataset.name, scale)]
            if not here:
                continue
            where = f"{dataset.name}-x{scale}"
            lines = value_lines(run, dataset, scale, metric, here, references)
            yield f"{metric.name}-{where}", draw_dots(run, dataset, scale, metric, lines, look_of)
            against = compared.get((dataset.name, scale), [])
            differences = difference_lines(against, metric) if baseline else []
            if differences:
                figure = draw_dots(run, dataset, scale, metric, differences, look_of, baseline)
                yield f"{metric.name}-difference-{where}", figure
            if dataset in with_scatter:
                rows = shown_alone(references, run.record, dataset, labels_of(run))
                yield from _per_place(run, dataset, scale, metric, here, against, look_of, rows)


def _per_place(
    run: LoadedRun,
    dataset: DatasetRecord,
    scale: float,
    metric: MetricRecord,
    here: Sequence[tuple[ScoreSample, Interval | None]],
    against: Sequence[Comparison],
    look_of: dict[str, Look],
    rows: Sequence[Reference],
) -> Iterator[tuple[str, Figure]]:
    where = f"{dataset.name}-x{scale}"
    scatter = draw_scatter(run, dataset, scale, metric, against, look_of)
    if scatter is not None:
        yield f"{metric.name}-scatter-{where}", scatter
    if run.speed is not None and run.speed.scale == scale:
        means = {sample.label: sample.value for sample, _ in here}
        for cost in COSTS:
            beside = published_points(run, rows, scale, metric, cost)
            figure = draw_pareto(run, dataset, metric, cost, choices(run.speed, cost, means), look_of, beside)
            if figure is not None:
                yield f"{metric.name}-{cost}-{where}", figure
