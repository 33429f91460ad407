"""Merges runs of one protocol: the newest result of each cell, with its run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from srbench.bench.results import CellId, CellResult, DatasetRecord, FailedCell, MetricRecord, PlannedCell, RunRecord
from srbench.bench.store import CellOrigin, LoadedRun, RunFolder
from srbench.report.select import only
from srbench.report.tables.grid import main_metrics
from srbench.speed.record import RunSpeed, SpeedRow


def by_protocol(runs: Iterable[LoadedRun]) -> list[list[LoadedRun]]:
    """The runs grouped by protocol: values of two protocols cannot be compared."""
    groups: dict[str, list[LoadedRun]] = {}
    for run in runs:
        groups.setdefault(run.record.protocol_hash, []).append(run)
    return list(groups.values())


def merge(runs: Sequence[LoadedRun], out: Path) -> LoadedRun:
    """Merge runs of one protocol into one, with the best methods first.

    A cell of several runs is that of the newest; different values of older runs are kept in its origin. Different
    images under one name are two data sets.

    Args:
        runs: of one protocol.
        out: the folder of the report.
    """
    newest = sorted(map(_with_distinct_sets(runs), runs), key=lambda run: run.record.started, reverse=True)
    cells: dict[CellId, CellResult] = {}
    origins: dict[CellId, CellOrigin] = {}
    for run in newest:
        for cell in run.cells:
            known = cells.setdefault(cell.id, cell)
            origin = origins.setdefault(cell.id, CellOrigin(run.record.id, run.folder))
            if any(known.values.get(name, value) != value for name, value in cell.values.items()):
                others = (*origin.others, (run.record.id, cell.values))
                origins[cell.id] = replace(origin, others=others)
    record = _record(newest, cells)
    planned = [cell.id for cell in record.cells]
    trainings = {weights: training for run in reversed(newest) for weights, training in run.trainings.items()}
    merged = LoadedRun(
        RunFolder(out),
        record,
        tuple(cells[cell] for cell in planned if cell in cells),
        _speed(newest),
        trainings,
        origins,
    )
    return only(merged, _best_first(merged))


def _with_distinct_sets(runs: Sequence[LoadedRun]) -> _Renamed:
    contents: dict[str, set[str]] = {}
    for run in runs:
        for dataset in run.record.datasets:
            contents.setdefault(dataset.name, set()).add(dataset.content_hash)
    return _Renamed({name for name, found in contents.items() if len(found) > 1})


class _Renamed:
    """Adds the content hash to names of data sets, where runs have different images under one name."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def __call__(self, run: LoadedRun) -> LoadedRun:
        new = {d.name: f"{d.name} ({d.content_hash[:8]})" for d in run.record.datasets if d.name in self.names}
        if not new:
            return run

        def named(cell: CellId) -> CellId:
            return cell.model_copy(update={"dataset": new.get(cell.dataset, cell.dataset)})

        record = run.record.model_copy(
            update={
                "datasets": tuple(d.model_copy(update={"name": new.get(d.name, d.name)}) for d in run.record.datasets),
                "cells": tuple(cell.model_copy(update={"id": named(cell.id)}) for cell in run.record.cells),
                "failed": tuple(failed.model_copy(update={"id": named(failed.id)}) for failed in run.record.failed),
            }
        )
        cells = tuple(cell.model_copy(update={"id": named(cell.id)}) for cell in run.cells)
        return replace(run, record=record, cells=cells)


def _record(newest: Sequence[LoadedRun], cells: dict[CellId, CellResult]) -> RunRecord:
    records = [run.record for run in newest]
    failed: dict[CellId, FailedCell] = {}
    planned: dict[CellId, PlannedCell] = {}
    for record in records:
        failed = {failure.id: failure for failure in record.failed if failure.id not in cells} | failed
        for cell in record.cells:
            if cell.id in cells:
                planned[cell.id] = PlannedCell(id=cell.id, key=cells[cell.id].key, status="ok")
            else:
                planned.setdefault(cell.id, cell)
    names = list(dict.fromkeys(cell.dataset for cell in planned))
    order = sorted(planned.values(), key=lambda cell: names.index(cell.id.dataset))
    datasets = {dataset.name: dataset for record in reversed(records) for dataset in record.datasets}
    methods = {method.name: method for record in reversed(records) for method in record.methods}
    ids = list(dict.fromkeys(record.id for record in records))
    return records[0].model_copy(
        update={
            "id": f"{len(ids)} runs: {', '.join(ids)}" if len(ids) > 1 else ids[0],
            "command": "\n".join(dict.fromkeys(record.command for record in records)),
            "metrics": _metrics(records),
            "methods": tuple(methods.values()),
            "datasets": _ordered(datasets, names),
            "scales": tuple(sorted({scale for record in records for scale in record.scales})),
            "seeds": tuple(sorted({seed for record in records for seed in record.seeds})),
            "cells": tuple(order),
            "failed": tuple(failed.values()),
            "environment": _common([record.environment for record in records]),
            "started": min(record.started for record in records),
            "finished": max((record.finished or "" for record in records), default="") or None,
            "notes": tuple(dict.fromkeys(note for record in records for note in record.notes)),
        }
    )


def _ordered(datasets: dict[str, DatasetRecord], names: Sequence[str]) -> tuple[DatasetRecord, ...]:
    return tuple(datasets[name] for name in names if name in datasets)


def _metrics(records: Sequence[RunRecord]) -> tuple[MetricRecord, ...]:
    """Every metric; one that some run could compute is not unavailable."""
    found: dict[str, MetricRecord] = {}
    for record in records:
        for metric in record.metrics:
            if metric.name not in found or (found[metric.name].unavailable and not metric.unavailable):
                found[metric.name] = metric
    return tuple(found.values())


def _common(environments: Sequence[dict[str, str]]) -> dict[str, str]:
    """Facts of several machines: all different values."""
    names = dict.fromkeys(name for facts in environments for name in facts)
    return {name: ", ".join(dict.fromkeys(facts[name] for facts in environments if name in facts)) for name in names}


def _speed(newest: Sequence[LoadedRun]) -> RunSpeed | None:
    """The speeds of all runs if they were measured alike; otherwise None, since they cannot be compared."""
    speeds = [run.speed for run in newest if run.speed is not None]
    if not speeds or len({(speed.asked, speed.device, speed.size, speed.scale) for speed in speeds}) > 1:
        return None
    rows: dict[str, SpeedRow] = {}
    for row in (row for speed in speeds for row in speed.rows):
        rows.setdefault(row.method, row)
    sources = {name: source for speed in reversed(speeds) for name, source in speed.sources.items()}
    return speeds[0].model_copy(update={"rows": tuple(rows.values()), "sources": sources})


def _best_first(run: LoadedRun) -> list[str]:
    """Labels by the mean of the first main metric over the cells that all methods have; as planned without any."""
    labels = list(dict.fromkeys(cell.id.method_label for cell in run.record.cells))
    metric = next(iter(main_metrics(run)), None)
    if metric is None:
        return labels
    values: dict[tuple[str, float], dict[str, list[float]]] = {}
    for cell in run.cells:
        if metric.name in cell.values:
            place = values.setdefault((cell.id.dataset, cell.id.scale), {})
            place.setdefault(cell.id.method_label, []).append(cell.values[metric.name])
    common = [place for place in values.values() if len(place) == len(labels)]
    if not common:
        return labels
    means = {label: fmean(fmean(place[label]) for place in common) for label in labels}
    return sorted(labels, key=lambda label: means[label], reverse=metric.higher_is_better)
