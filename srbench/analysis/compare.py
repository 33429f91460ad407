"""Compares pairs of methods image by image: differences, intervals, tests."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from srbench.analysis.bootstrap import FEW_IMAGES, Interval, intervals
from srbench.analysis.sample import ScoreSample, samples
from srbench.analysis.significance import ALPHA, holm, wilcoxon
from srbench.bench.results import CellId, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.system.names import method_of, unknown

MAX_ALL_PAIRS = 10
"""Most methods of which a report compares all pairs; more are compared with a baseline."""
BASELINE = "bicubic"
"""The baseline, if a run has it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods on the images of one data set at one scale.

    Attributes:
        a: the values of the first method.
        b: the values of the second, of the same images in the same order.
        metric: the metric.
        difference: A - B of the data set's values.
        interval: of the difference, over images.
        wins: number of images on which A is better.
        losses: number of images on which B is better.
        p: of Wilcoxon's two-sided test; None if too few images differ.
        holm: p with Holm's correction for all pairs that were tested together.
    """

    a: ScoreSample
    b: ScoreSample
    metric: MetricRecord
    difference: float
    interval: Interval | None
    wins: int
    losses: int
    p: float | None
    holm: float | None = None

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.a.dataset

    @property
    def scale(self) -> float:
        """The factor."""
        return self.a.scale

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.a.images)

    @property
    def ties(self) -> int:
        """Images on which both have the same value."""
        return self.n - self.wins - self.losses

    @property
    def significant(self) -> bool:
        """Whether the corrected p is below ALPHA."""
        return self.holm is not None and self.holm < ALPHA

    @property
    def flipped(self) -> Comparison:
        """B compared with A."""
        interval = None if self.interval is None else Interval(-self.interval.high, -self.interval.low)
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=-self.difference,
            interval=interval,
            wins=self.losses,
            losses=self.wins,
        )

    @property
    def of_few(self) -> bool:
        """Whether it rests on too few images for an interval, so that their range is shown."""
        return self.n < FEW_IMAGES and not self.metric.of_set

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest difference of an image."""
        found = [minus(a, b) for _, a, b in self.images()]
        return min(found), max(found)

    def images(self) -> list[tuple[str, float, float]]:
        """(name, A's value, B's value) of every image, the largest difference first."""
        rows = zip(self.a.images, self.a.values.tolist(), self.b.values.tolist(), strict=True)
        return sorted(rows, key=lambda row: -abs(minus(row[1], row[2])))


def minus(a: float, b: float) -> float:
    """A - B; 0 for equal infinities (both methods restored the image exactly)."""
    return 0.0 if a == b else a - b


def compare_samples(pairs: Sequence[tuple[ScoreSample, ScoreSample]], metric: MetricRecord) -> list[Comparison]:
    """Compare pairs, with Holm's correction over all of them."""
    with np.errstate(invalid="ignore"):
        differences = [np.where(a.values == b.values, 0.0, a.values - b.values) for a, b in pairs]
        parts = [np.where(a.parts == b.parts, 0.0, a.parts - b.parts) for a, b in pairs]
        estimates = [
            minus(a.value, b.value) if math.isfinite(a.value) or math.isfinite(b.value) else float(d.mean())
            for (a, b), d in zip(pairs, differences, strict=True)
        ]
    ps = wilcoxon(differences)
    sign = 1 if metric.higher_is_better else -1
    found = zip(pairs, differences, estimates, intervals(estimates, parts, FEW_IMAGES), ps, holm(ps), strict=True)
    return [
        Comparison(a, b, metric, difference, interval, _count(sign * d > 0), _count(sign * d < 0), p, corrected)
        for (a, b), d, difference, interval, p, corrected in found
    ]


def _count(where: NDArray[np.bool_]) -> int:
    return int(where.sum())


def compare_methods(
    run_a: LoadedRun,
    a: str,
    run_b: LoadedRun,
    b: str,
    metric: MetricRecord,
    datasets: Sequence[str] = (),
    scales: Sequence[float] = (),
) -> list[Comparison]:
    """Compare two methods wherever both have results, with Holm's correction over all rows.

    Args:
        run_a: the run of A.
        a: a label in it.
        run_b: the run of B, which may be the same.
        b: a label in it.
        metric: the metric.
        datasets: only these; all if empty.
        scales: only these; all if empty.

    Raises:
        UsageError: the runs have different protocols or images, or nothing in common.
    """
    check_comparable(run_a, run_b)
    of_a, of_b = samples(run_a, metric.name), samples(run_b, metric.name)
    pairs = []
    for (dataset, scale, label), sample in of_a.items():
        other = of_b.get((dataset, scale, b))
        if label == a and other is not None and _is_in(dataset, datasets) and _is_in(scale, scales):
            if sample.images != other.images:
                raise UsageError(
                    f"{a} and {b} were scored on other images of {dataset}; compare runs of the same images."
                )
            pairs.append((sample, other))
    if not pairs:
        lacking = next(filter(None, map(metric.lacking, run_a.record.datasets)), "")
        if lacking:
            raise UsageError(f"There are no values to compare: {lacking}.")
        raise UsageError(
            f"{a} and {b} have no result of {metric.name} on the same data set at the same scale"
            f"{' among those asked for' if datasets or scales else ''}; run both with the same --datasets and --scales."
        )
    return compare_samples(pairs, metric)


def compare_all(
    run: LoadedRun,
    metric: MetricRecord,
    pairs: Iterable[tuple[str, str]],
    datasets: Sequence[str] = (),
    scales: Sequence[float] = (),
) -> list[Comparison]:
    """Compare pairs of a run's methods wherever both have results, with Holm's correction per data set and scale."""
    found = samples(run, metric.name)
    wanted = list(dict.fromkeys(pairs))
    compared: list[Comparison] = []
    for dataset, scale in dict.fromkeys((dataset, scale) for dataset, scale, _ in found):
        if _is_in(dataset, datasets) and _is_in(scale, scales):
            places = [((dataset, scale, a), (dataset, scale, b)) for a, b in wanted]
            family = [(found[a], found[b]) for a, b in places if a in found and b in found]
            compared += compare_samples(family, metric)
    return compared


def default_baseline(run: LoadedRun) -> str:
    """The default baseline of a run."""
    labels = labels_of(run)
    return BASELINE if BASELINE in labels else labels[0]


def report_pairs(run: LoadedRun, baseline: str = "") -> list[tuple[str, str]]:
    """The pairs that a report compares: all with the baseline; without one all, unless there are many methods."""
    labels = labels_of(run)
    if not baseline and len(labels) <= MAX_ALL_PAIRS:
        return [(a, b) for index, b in enumerate(labels) for a in labels[index + 1 :]]
    baseline = baseline or default_baseline(run)
    return [(label, baseline) for label in labels if label != baseline]


def _is_in(value: object, wanted: Sequence[object]) -> bool:
    return not wanted or value in wanted


def labels_of(run: LoadedRun) -> list[str]:
    """The labels of a run's methods, in the order of its plan."""
    return list(dict.fromkeys(planned.id.method_label for planned in run.record.cells))


def find_labels(run: LoadedRun, pattern: str) -> list[str]:
    """The labels that match a pattern: ``name:recipe``, ``name`` if it has one recipe, or a glob.

    Raises:
        UsageError: nothing matches, or ``name`` has several recipes in the run.
    """
    labels = labels_of(run)
    if pattern in labels:
        return [pattern]
    if any(sign in pattern for sign in "*?["):
        found = [label for label in labels if fnmatch.fnmatchcase(label, pattern)]
    else:
        found = [label for label in labels if method_of(label) == pattern]
        if len(found) > 1:
            raise UsageError(f"'{pattern}' has several recipes in run {run.record.id}: name {' or '.join(found)}.")
    if not found:
        raise unknown(f"method in run {run.record.id} called", pattern, labels)
    return found


def find_metric(runs: Sequence[LoadedRun], name: str) -> MetricRecord:
    """A metric that all runs have: the named one, or if ``name`` is empty PSNR or else the first with values.

    Raises:
        UsageError: there is none.
    """
    common = {
        metric.name: metric
        for metric in runs[0].record.metrics
        if all(metric in run.record.metrics for run in runs[1:])
    }
    if not name and common:
        valued = [m for m in common.values() if all(any(m.name in cell.values for cell in r.cells) for r in runs)]
        return next((metric for metric in valued if metric.name == "psnr"), (valued or [*common.values()])[0])
    if name not in common:
        raise unknown("metric in the run" if len(runs) == 1 else "metric that both runs have", name, common)
    return common[name]


def check_comparable(run_a: LoadedRun, run_b: LoadedRun) -> None:
    """Raise UsageError unless the runs have the same protocol and images, so that values can be compared."""
    a, b = run_a.record, run_b.record
    if a.protocol_hash != b.protocol_hash:
        raise UsageError(
            f"Run {a.id} has protocol {a.protocol} ({a.protocol_hash}) and run {b.id} has {b.protocol} "
            f"({b.protocol_hash}): values of two protocols cannot be compared; run one of them again."
        )
    contents = {dataset.name: dataset.content_hash for dataset in a.datasets}
    for dataset in b.datasets:
        if contents.get(dataset.name, dataset.content_hash) != dataset.content_hash:
            raise UsageError(
                f"'{dataset.name}' holds other images in run {a.id} than in run {b.id}; compare runs of the same."
            )


def without_result(
    run: LoadedRun, labels: Iterable[str], datasets: Sequence[str], scales: Sequence[float]
) -> list[CellId]:
    """The planned cells of some methods that have no result, and so are missing in comparisons."""
    have = {cell.id for cell in run.cells}
    planned = (cell.id for cell in run.record.cells if cell.id not in have)
    wanted = set(labels)
    return [
        cell
        for cell in planned
        if cell.method_label in wanted and _is_in(cell.dataset, datasets) and _is_in(cell.scale, scales)
    ]
