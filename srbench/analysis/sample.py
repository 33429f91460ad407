"""A run's values as samples over images, for intervals and tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from srbench.analysis.bootstrap import FEW_IMAGES, Interval, Values, intervals, pseudo_values
from srbench.bench.results import CellId, CellResult
from srbench.bench.store import LoadedRun
from srbench.metrics.pooling import POOLS, Pool

NO_INTERVAL = "it is one of the whole set, and would be larger in every resample of its images"
"""A Fréchet distance is biased upwards, the more so the fewer different images there are."""
PoolFunction = Callable[[Sequence[float]], float]
SampleKey = tuple[str, float, str]
"""Data set, scale and method label."""
CellIntervals = Mapping[tuple[CellId, str], Interval]
"""By cell and metric; values without an interval are absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSample:
    """The values of a method on the images of a data set at a scale.

    Seeds of a learned method are averaged image by image: the images are the sample, and more seeds add none.

    Attributes:
        label: ``name`` or ``name:recipe``.
        dataset: the data set's name.
        scale: the factor.
        images: the names of the images; none of a metric of whole sets.
        values: (n,) of the images, means over the seeds.
        parts: (n,) what each image contributes to ``value``: ``values`` if it is their mean, else pseudo-values; NaN if
            unknown.
        value: of the data set, the mean over the seeds.
        seed_values: of the data set, for each seed.
    """

    label: str
    dataset: str
    scale: float
    images: tuple[str, ...]
    values: Values
    parts: Values
    value: float
    seed_values: tuple[float, ...]

    @property
    def image_sd(self) -> float | None:
        """The standard deviation over images."""
        return standard_deviation(self.values.tolist())

    @property
    def seed_sd(self) -> float | None:
        """The standard deviation of the value over seeds; None for one seed."""
        return standard_deviation(self.seed_values)


def standard_deviation(values: Sequence[float]) -> float | None:
    """Of a sample; None for fewer than two values, or if one is not finite."""
    return float(np.std(values, ddof=1)) if len(values) > 1 and all(map(math.isfinite, values)) else None


def samples(run: LoadedRun, metric: str) -> dict[SampleKey, ScoreSample]:
    """A metric's samples of a run, in the order of its plan."""
    groups: dict[SampleKey, list[CellResult]] = {}
    for cell in run.cells:
        if metric in cell.values:
            groups.setdefault((cell.id.dataset, cell.id.scale, cell.id.method_label), []).append(cell)
    pool = _pool_function(run, metric)
    return {place: _sample(place, cells, metric, pool) for place, cells in groups.items()}


def _sample(place: SampleKey, cells: Sequence[CellResult], metric: str, pool: PoolFunction | None) -> ScoreSample:
    rows = [_values(cell, metric) for cell in cells]
    parts = rows if pool is None else [_parts(row, pool) for row in rows]
    dataset, scale, label = place
    seed_values = tuple(cell.values[metric] for cell in cells)
    return ScoreSample(
        label=label,
        dataset=dataset,
        scale=scale,
        images=tuple(name for name, _ in cells[0].of_images(metric)),
        values=_mean(rows),
        parts=_mean(parts),
        value=fmean(seed_values),
        seed_values=seed_values,
    )


def _mean(rows: Sequence[Values]) -> Values:
    return rows[0] if len(rows) == 1 else np.asarray(np.mean(rows, axis=0))


def sample_intervals(found: Sequence[ScoreSample]) -> list[Interval | None]:
    """The interval of each sample's value: over images, not over seeds."""
    return intervals([sample.value for sample in found], [sample.parts for sample in found], FEW_IMAGES)


def intervals_by_key(found: Mapping[SampleKey, ScoreSample]) -> dict[SampleKey, Interval | None]:
    """As :func:`sample_intervals`, by the samples' keys."""
    return dict(zip(found, sample_intervals(list(found.values())), strict=True))


def cell_intervals(run: LoadedRun) -> CellIntervals:
    """The interval of each cell's value by metric, where there is one; a seed's own, of one training."""
    places: list[tuple[CellId, str]] = []
    estimates: list[float] = []
    parts: list[Values] = []
    for metric in run.record.metrics:
        pool = _pool_function(run, metric.name)
        for cell in run.cells:
            if metric.name in cell.values:
                places.append((cell.id, metric.name))
                estimates.append(cell.values[metric.name])
                parts.append(_parts(_values(cell, metric.name), pool))
    found = zip(places, intervals(estimates, parts, FEW_IMAGES), strict=True)
    return {place: interval for place, interval in found if interval is not None}


def _values(cell: CellResult, metric: str) -> Values:
    return np.array([value for _, value in cell.of_images(metric)], dtype=np.float64)


def _parts(values: Values, pool: PoolFunction | None) -> Values:
    return values if pool is None else pseudo_values(values, pool)


def _pool_function(run: LoadedRun, metric: str) -> PoolFunction | None:
    """From the images' values to the data set's where that is not their mean; NaN of one that no run can hold."""
    name: Pool = next((known.pool for known in run.record.metrics if known.name == metric), "own")
    if name == "mean" or not _pools(run):
        return None
    return POOLS.get(name, _not_known)


def _not_known(values: Sequence[float]) -> float:
    return math.nan


def without_intervals(run: LoadedRun) -> dict[str, str]:
    """Why the values of some metrics have no interval, by name."""
    own = {m.name: "it pools images in its own way" for m in run.record.metrics if _pools(run) and m.pool == "own"}
    return own | {metric.name: NO_INTERVAL for metric in run.record.metrics if metric.of_set}


def _pools(run: LoadedRun) -> bool:
    return run.record.protocol_content.get("aggregate") == "pooled"
