"""The page's data as one JSON document. Methods, data sets and metrics are referred to by their index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from srbench.analysis.bootstrap import Interval
from srbench.analysis.compare import Comparison, default_baseline, find_labels, labels_of
from srbench.analysis.papers import bibliography
from srbench.analysis.published import full_name, other_protocol, shown_alone
from srbench.analysis.references import Reference, shown_beside
from srbench.analysis.sample import ScoreSample, cell_intervals, intervals_by_key, samples
from srbench.bench.results import DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.kept_images import original
from srbench.report.plots.curves import curves
from srbench.report.plots.palette import PLOTLY_MARKERS, looks
from srbench.report.tables.frame import cells_csv
from srbench.report.tables.grid import Entry, grids, main_metrics, metric_titles, printed
from srbench.report.tables.intervals import printed_p, signed
from srbench.report.tables.matrix import matrices
from srbench.report.text.latex import cited, latex_tables
from srbench.system.names import method_of, short_labels
from srbench.system.plain import json_number

JsonNumber = float | str | None
"""In JSON: infinities are the strings ``inf`` and ``-inf``, NaN is null."""
_ON_DARK = {
    "#000000": "#F2F0EB",
    "#0072B2": "#3D9BD9",
    "#882255": "#D0578F",
    "#D55E00": "#F0803C",
    "#009E73": "#2CC295",
    "#CC79A7": "#E6A8CB",
    "#999933": "#BDBD5E",
    "#332288": "#8C7CE0",
    "#117733": "#4DB36F",
    "#AA4499": "#D47FC6",
}
"""Lighter colours of the same hue for dark pages, where a plot's colour would be too dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A publication's value beside one of ours."""

    name: str
    text: str
    difference: str
    """Ours minus theirs, to the published digits."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValue:
    """A published value of a method that is not in the run; the note says that it is of another protocol."""

    name: str
    dataset: int
    scale: float
    metric: int
    value: float
    text: str
    source: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellValue:
    """One method's value on a data set at a scale by a metric; if ``value`` is None, the notes say why."""

    dataset: int
    scale: float
    method: int
    metric: int
    text: str
    rank: int
    spread: str
    notes: tuple[str, ...]
    value: JsonNumber = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    images: tuple[JsonNumber | None, ...] = ()
    """In the order of the data set's images; None of a metric of the whole set."""
    published: tuple[Published, ...] = ()


def page_document(
    run: LoadedRun,
    references: Sequence[Reference],
    comparisons: Sequence[Comparison],
    baseline: str | None = None,
) -> dict[str, Any]:
    """The page's data without images, ready for JSON.

    Args:
        run: the run.
        references: published values; those for other protocols or images are left out.
        comparisons: of pairs of its methods, for the matrices.
        baseline: the initial baseline; by default bicubic, or the first method.

    Raises:
        UsageError: the run has no such baseline.
    """
    labels = labels_of(run)
    found = {metric.name: samples(run, metric.name) for metric in run.record.metrics}
    return {
        "run": run.record.id,
        "protocol": run.record.protocol,
        "metrics": list(map(_metric, run.record.metrics, metric_titles(run.record.metrics))),
        "methods": _methods(run, labels),
        "datasets": _datasets(run, found),
        "scales": list(run.record.scales),
        "published": [asdict(value) for value in _published_alone(run, labels, references)],
        "results": [asdict(result) for result in _results(run, labels, found, references)],
        "speed": _speed(run, labels),
        "comparisons": list(_matrices(run, labels, comparisons)),
        "trainings": list(_trainings(run, labels)),
        "files": _files(run, references),
        "baseline": labels.index(find_labels(run, baseline)[0] if baseline else default_baseline(run)) if labels else 0,
    }


def _metric(metric: MetricRecord, title: str) -> dict[str, Any]:
    return {
        "name": metric.name,
        "title": title,
        "unit": metric.unit,
        "higher": metric.higher_is_better,
        "digits": metric.digits,
        "ofSet": metric.of_set,
        "unavailable": metric.unavailable,
    }


def _methods(run: LoadedRun, labels: Sequence[str]) -> list[dict[str, Any]]:
    records = {record.name: record for record in run.record.methods}
    look_of = looks(labels)
    shorts = short_labels(labels)
    methods = []
    for label in labels:
        record = records.get(method_of(label))
        methods.append(
            {
                "label": label,
                "short": shorts[label],
                "colour": look_of[label].colour,
                "on_dark": _ON_DARK.get(look_of[label].colour, look_of[label].colour),
                "symbol": PLOTLY_MARKERS[look_of[label].marker],
                "family": record.family if record else "",
                "learned": record is not None and record.learned,
            }
        )
    return methods


def _datasets(run: LoadedRun, found: dict[str, dict[Any, ScoreSample]]) -> list[dict[str, Any]]:
    images: dict[str, tuple[str, ...]] = {}
    for by_place in found.values():
        for sample in by_place.values():
            images[sample.dataset] = images.get(sample.dataset) or sample.images
    return [
        {
            "name": dataset.name,
            "title": dataset.title,
            "words": dataset.images_words,
            "images": list(images.get(dataset.name, ())),
            "original": original(dataset),
            "main": [number for number, m in enumerate(run.record.metrics) if m in main_metrics(run, dataset)],
            "lacking": [metric.lacking(dataset) for metric in run.record.metrics],
        }
        for dataset in run.record.datasets
    ]


def _results(
    run: LoadedRun, labels: Sequence[str], found: dict[str, dict[Any, ScoreSample]], references: Sequence[Reference]
) -> Iterator[CellValue]:
    names = [dataset.name for dataset in run.record.datasets]
    for number, metric in enumerate(run.record.metrics):
        by_place = found[metric.name]
        ends = intervals_by_key(by_place)
        for grid in grids(run, metrics=[metric], whole=True):
            for row in grid.rows:
                for scale, entry in row.entries.items():
                    place = (grid.dataset.name, scale, row.name)
                    sample = by_place.get(place)
                    shown = list(_published(run, references, grid.dataset, sample, metric)) if sample else []
                    yield CellValue(
                        dataset=names.index(grid.dataset.name),
                        scale=scale,
                        method=labels.index(row.name),
                        metric=number,
                        text=entry.texts.get(metric.name, ""),
                        rank=entry.ranks.get(metric.name, 0),
                        spread=entry.spreads.get(metric.name, ""),
                        notes=_notes(entry, grid.footnotes),
                        published=tuple(shown),
                        **_numbers(sample, ends.get(place), metric, grid.dataset.images),
                    )


def _notes(entry: Entry, footnotes: Sequence[str]) -> tuple[str, ...]:
    return tuple(footnotes[number - 1] for number in entry.notes)


def _numbers(
    sample: ScoreSample | None, interval: Interval | None, metric: MetricRecord, images: int
) -> dict[str, Any]:
    if sample is None:
        return {}
    values = tuple(json_number(round(value, metric.digits + 2)) for value in sample.values.tolist())
    return {
        "value": json_number(sample.value),
        "low": interval and interval.low,
        "high": interval and interval.high,
        "seeds": len(sample.seed_values),
        "images": (None,) * images if metric.of_set else values,
    }


def _published(
    run: LoadedRun, references: Sequence[Reference], dataset: DatasetRecord, sample: ScoreSample, metric: MetricRecord
) -> Iterator[Published]:
    """The published values to show beside a method's."""
    for row in shown_beside(references, run.record, dataset, (sample.label, method_of(sample.label))):
        if (row.scale, row.metric) == (sample.scale, metric.name):
            difference = signed(round(sample.value - row.value, row.digits) + 0.0, row.digits)
            text = printed(row.value, row.digits)
            yield Published(name=row.method, text=text, difference=difference, source=row.source)


def _published_alone(
    run: LoadedRun, labels: Sequence[str], references: Sequence[Reference]
) -> Iterator[PublishedValue]:
    """The values of methods that are not in the run."""
    metrics = [metric.name for metric in run.record.metrics]
    for number, dataset in enumerate(run.record.datasets):
        for row in shown_alone(references, run.record, dataset, labels):
            if row.metric in metrics and row.scale in run.record.scales:
                yield PublishedValue(
                    name=full_name(row, run.record),
                    dataset=number,
                    scale=row.scale,
                    metric=metrics.index(row.metric),
                    value=row.value,
                    text=printed(row.value, row.digits),
                    source=row.source,
                    note=other_protocol(row, run.record),
                )


def _speed(run: LoadedRun, labels: Sequence[str]) -> dict[str, Any] | None:
    if run.speed is None:
        return None
    rows = [(number, run.speed.of(method_of(label))) for number, label in enumerate(labels)]
    return {
        "device": run.speed.device,
        "size": run.speed.size,
        "scale": run.speed.scale,
        "rows": [
            {
                "method": number,
                "megapixels": row.megapixels_per_s,
                "median": row.median_ms,
                "lower": row.lower_quartile_ms,
                "upper": row.upper_quartile_ms,
                "parameters": row.parameters,
                "error": row.error,
            }
            for number, row in rows
            if row is not None
        ],
    }


def _matrices(run: LoadedRun, labels: Sequence[str], comparisons: Sequence[Comparison]) -> Iterator[dict[str, Any]]:
    """All pairs of each metric, data set and scale, and what a star means."""
    metrics = [metric.name for metric in run.record.metrics]
    datasets = [dataset.name for dataset in run.record.datasets]
    for matrix in matrices(run, comparisons):
        yield {
            "dataset": datasets.index(matrix.dataset),
            "scale": matrix.scale,
            "metric": metrics.index(matrix.metric.name),
            "images": matrix.images,
            "verdict": matrix.verdict,
            "rows": [labels.index(label) for label in matrix.rows],
            "columns": [labels.index(label) for label in matrix.columns],
            "cells": [_comparison(cell, labels) for cell in matrix.cells.values()],
        }


def _trainings(run: LoadedRun, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The training curves that the run keeps."""
    for label, some in curves(run).items():
        for curve in some:
            yield {
                "method": labels.index(label),
                "name": curve.name,
                "scales": list(curve.scales),
                "steps": list(curve.steps),
                "validation": [json_number(value) for value in curve.validation],
            }


def _files(run: LoadedRun, references: Sequence[Reference]) -> dict[str, dict[str, str]]:
    """What the page offers to save, by name."""
    shown = grids(run, references)
    made = {
        "results.csv": (cells_csv(run, cell_intervals(run)), "text/csv"),
        "tables.tex": (latex_tables(run.record, shown), "application/x-tex"),
    }
    if papers := cited(run.record, shown):
        made["references.bib"] = (bibliography(papers), "application/x-bibtex")
    return {f"{run.record.id}-{name}": {"text": text, "type": kind} for name, (text, kind) in made.items()}


def _comparison(comparison: Comparison, labels: Sequence[str]) -> dict[str, Any]:
    interval = comparison.interval
    return {
        "row": labels.index(comparison.a.label),
        "column": labels.index(comparison.b.label),
        "difference": json_number(comparison.difference),
        "low": interval and interval.low,
        "high": interval and interval.high,
        "range": None if comparison.metric.of_set else [json_number(end) for end in comparison.range],
        "wins": [comparison.wins, comparison.ties, comparison.losses],
        "p": printed_p(comparison.p),
        "holm": printed_p(comparison.holm),
        "star": comparison.significant,
    }
