"""A run as tables: for each data set, methods by scales, with ranks, published values and footnotes.

Every format (terminal, Markdown, LaTeX) is a rendering of the same :class:`Grid`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from srbench.analysis.published import full_name, other_protocol, shown_alone
from srbench.analysis.references import Reference, shown_beside
from srbench.analysis.sample import standard_deviation
from srbench.bench.results import CellId, CellResult, DatasetRecord, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.speed.record import RunSpeed
from srbench.system.names import method_of

MAIN_METRICS = ("psnr", "ssim")
DASH = "—"
UNAVAILABLE = "unavailable"
"""The text for a metric that could not be computed; a footnote says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a table.

    Attributes:
        texts: the printed value of each metric; empty without a result.
        spreads: the printed standard deviation over seeds of each metric, if there are several.
        ranks: of each metric, 1 for the best and 2 for the second of our methods, 0 for the others.
        notes: numbers of footnotes.
    """

    texts: dict[str, str]
    spreads: dict[str, str] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One of our methods, or a published one."""

    name: str
    published: bool
    entries: dict[float, Entry]
    """By scale; scales that were not planned are absent."""
    notes: tuple[int, ...] = ()
    speed: str = ""
    """Megapixels of output per second, if the table has that column."""
    alone: bool = False
    """A published one of a method that the run has not."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The table of one data set."""

    dataset: DatasetRecord
    metrics: tuple[MetricRecord, ...]
    scales: tuple[float, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]
    seeds: int = 1
    intervals: bool = False
    """Whether values are printed with their 95 % interval."""
    baseline: str = ""
    """The method that differences are to; empty for a table of values."""
    speed: RunSpeed | None = None
    """The speeds of the last column; None for a table without it."""
    without: str = ""
    """Why metrics have no columns, in a sentence: those that need HR, on a data set without. Empty if none lack."""

    @property
    def heading(self) -> str:
        """The metrics as a cell shows them: ``PSNR (dB) / SSIM``."""
        heading = " / ".join(metric_titles(self.metrics))
        return f"{heading}, differences to {self.baseline}" if self.baseline else heading


def entry_text(
    grid: Grid,
    entry: Entry | None,
    part: Callable[[str, int, str], str],
    notes: Callable[[Sequence[int]], str],
    dash: str = DASH,
) -> str:
    """An entry as text, its metrics joined by slashes; a dash without a result, empty if it was not planned.

    Args:
        grid: the table.
        entry: of the table.
        part: formats the text, rank and spread of one metric.
        notes: formats the numbers of footnotes.
        dash: for no result.
    """
    if entry is None:
        return ""
    names = [metric.name for metric in grid.metrics]
    parts = [part(entry.texts.get(n, DASH), entry.ranks.get(n, 0), entry.spreads.get(n, "")) for n in names]
    return (" / ".join(parts) if entry.texts else dash) + notes(entry.notes)


def metric_title(metric: MetricRecord) -> str:
    """``PSNR (dB)``, with an arrow if smaller is better."""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.name.upper()}{unit}{'' if metric.higher_is_better else ' ↓'}"


def metric_titles(metrics: Sequence[MetricRecord]) -> list[str]:
    """Titles side by side: where smaller is better for one of them, the others have an arrow too."""
    is_mixed = not all(metric.higher_is_better for metric in metrics)
    return [metric_title(metric) + (" ↑" if is_mixed and metric.higher_is_better else "") for metric in metrics]


def printed(value: float, digits: int) -> str:
    """A value as SR papers print it: without a zero before the point."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{digits}f}"
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]  # -0.00 is 0
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) and digits else text


def main_metrics(run: LoadedRun, dataset: DatasetRecord | None = None) -> tuple[MetricRecord, ...]:
    """PSNR and SSIM if there are any, otherwise all metrics that could be computed: of the run, or of one data set."""
    places = [dataset] if dataset else run.record.datasets

    def has_hr(metric: MetricRecord) -> bool:
        return not places or any(place.has_hr or not metric.needs_hr for place in places)

    main = tuple(metric for metric in run.record.metrics if metric.name in MAIN_METRICS and has_hr(metric))
    return tuple(sorted(main, key=lambda metric: MAIN_METRICS.index(metric.name))) or tuple(
        metric for metric in run.record.metrics if not metric.unavailable and has_hr(metric)
    )


def places_of_main(run: LoadedRun) -> dict[MetricRecord, list[DatasetRecord]]:
    """Each metric that is a main one on some data set, with those data sets."""
    places: dict[MetricRecord, list[DatasetRecord]] = {}
    for dataset in run.record.datasets:
        for metric in main_metrics(run, dataset):
            places.setdefault(metric, []).append(dataset)
    return places


def other_metrics(run: LoadedRun) -> tuple[MetricRecord, ...]:
    """The run's metrics that are not in the main table."""
    return tuple(metric for metric in run.record.metrics if metric not in main_metrics(run))


def grids(
    run: LoadedRun,
    references: Iterable[Reference] = (),
    metrics: Sequence[MetricRecord] | None = None,
    *,
    whole: bool = False,
) -> list[Grid]:
    """The tables of a run, one for each data set.

    A data set without HR has no columns of metrics that compare with HR, and no table where none are left.

    Args:
        run: the run.
        references: rows with ``shown_for`` are printed beside our methods for the same protocol and images, rows with
            ``alone`` at the end.
        metrics: of the table; the main metrics if None.
        whole: keep columns of metrics that compare with HR; footnotes say why they are empty.
    """
    shown = [row for row in references if row.shown_for or row.alone]
    speed = run.speed if metrics is None else None
    wanted = tuple(metrics or main_metrics(run))
    planned: dict[str, list[CellId]] = {dataset.name: [] for dataset in run.record.datasets}
    for planned_cell in run.record.cells:
        planned.setdefault(planned_cell.id.dataset, []).append(planned_cell.id)
    results: dict[str, list[CellResult]] = {}
    for cell in run.cells:
        results.setdefault(cell.id.dataset, []).append(cell)
    found = []
    for dataset in run.record.datasets:
        here = tuple(metric for metric in wanted if whole or dataset.has_hr or not metric.needs_hr)
        if here:
            builder = _Builder(run, dataset, planned[dataset.name], results.get(dataset.name, ()), here, speed)
            found.append(builder.grid(shown))
    return found


def _without(run: LoadedRun, dataset: DatasetRecord) -> str:
    """Why a data set without HR has no values of some of a run's metrics."""
    names = [metric.name for metric in run.record.metrics if metric.needs_hr]
    if dataset.has_hr or not names:
        return ""
    needs = "needs" if len(names) == 1 else "need"
    return (
        f"no {', '.join(names)}: {dataset.name} has no HR images, which {'it' if len(names) == 1 else 'they'} {needs}"
    )


def speed_title(speed: RunSpeed) -> str:
    """The title of the speed column."""
    return f"MP/s x{speed.scale}"


def speed_words(speed: RunSpeed) -> str:
    """A caption for the speed column."""
    return f"MP/s: output megapixels a second at x{speed.scale} from {speed.size}x{speed.size} LR, on {speed.device}"


class _Builder:
    """Makes the grid of one data set."""

    def __init__(
        self,
        run: LoadedRun,
        dataset: DatasetRecord,
        planned: Sequence[CellId],
        results: Sequence[CellResult],
        metrics: tuple[MetricRecord, ...],
        speed: RunSpeed | None,
    ) -> None:
        self.record = run.record
        self.origins = run.origins
        self.dataset = dataset
        self.metrics = metrics
        self.speed = speed
        self.planned = planned
        self.failed = {failed.id: failed.error for failed in reversed(run.record.failed)}
        self.results: dict[tuple[str, float], list[CellResult]] = {}
        for cell in results:
            self.results.setdefault((cell.id.method_label, cell.id.scale), []).append(cell)
        self.planned_at: dict[tuple[str, float], list[CellId]] = {}
        for cell_id in self.planned:
            self.planned_at.setdefault((cell_id.method_label, cell_id.scale), []).append(cell_id)
        self.lacking = {metric.name: reason for metric in metrics if (reason := metric.lacking(dataset))}
        """Why metrics have no values here, by name."""
        self.without = _without(run, dataset)
        self.footnotes: dict[str, int] = {}
        """Numbers by text."""

    def grid(self, shown: Sequence[Reference]) -> Grid:
        scales = tuple(scale for scale in self.record.scales if any(cell.scale == scale for cell in self.planned))
        labels = dict.fromkeys(label for label, _ in self.planned_at)
        own: dict[str, list[str]] = {}
        for label in labels:
            own.setdefault(method_of(label), []).append(label)
        means = {place: self._means(cells) for place, cells in self.results.items()}
        ranks = {scale: self._ranks({label: means.get((label, scale), {}) for label in labels}) for scale in scales}
        rows: list[Row] = []
        for method, recipes in own.items():
            for label in recipes:
                places = [scale for scale in scales if (label, scale) in self.planned_at]
                runs = self._runs(label, places)
                notes = tuple(map(self._footnote, runs)) if len(runs) == 1 else ()
                entries = {
                    scale: self._entry(
                        label, scale, means.get((label, scale), {}), ranks[scale], tell_run=len(runs) > 1
                    )
                    for scale in places
                }
                rows.append(Row(label, False, entries, notes, self._speed(method)))
            rows += self._published(shown_beside(shown, self.record, self.dataset, (method, *recipes)), scales)
        alone = self._published(shown_alone(shown, self.record, self.dataset, labels), scales)
        rows += [replace(row, alone=True) for row in alone]
        return Grid(
            self.dataset,
            self.metrics,
            scales,
            tuple(rows),
            tuple(self.footnotes),
            len(self.record.seeds),
            speed=self.speed,
            without=self.without,
        )

    def _speed(self, method: str) -> str:
        row = self.speed.of(method) if self.speed is not None else None
        if row is None or row.megapixels_per_s is None:
            return DASH
        return f"{row.megapixels_per_s:.{2 if row.megapixels_per_s < 10 else 0}f}"

    def _means(self, cells: Sequence[CellResult]) -> dict[str, float]:
        """The values of a label at a scale: means over its seeds."""
        found = [metric.name for metric in self.metrics if all(metric.name in cell.values for cell in cells)]
        return {name: fmean(cell.values[name] for cell in cells) for name in found}

    def _ranks(self, means: dict[str, dict[str, float]]) -> dict[tuple[str, str], int]:
        """Ranks by (label, metric) at one scale. Values that are printed alike are ties."""
        ranks = {}
        for metric in self.metrics:
            values = {label: value[metric.name] for label, value in means.items() if metric.name in value}
            rounded = {label: round(value, metric.digits) for label, value in values.items()}
            best = sorted(set(rounded.values()), reverse=metric.higher_is_better)[:2]
            if len(best) == 2:
                ranks.update(
                    {(label, metric.name): best.index(value) + 1 for label, value in rounded.items() if value in best}
                )
        return ranks

    def _runs(self, label: str, scales: Sequence[float]) -> list[str]:
        """The runs that a row of a merged run is from, for footnotes; empty for a single run."""
        cells = (cell for scale in scales for cell in self.results.get((label, scale), ()))
        return list(dict.fromkeys(f"run {self.origins[cell.id].run}" for cell in cells if cell.id in self.origins))

    def _entry(
        self, label: str, scale: float, means: dict[str, float], ranks: dict[tuple[str, str], int], *, tell_run: bool
    ) -> Entry:
        cells = self.results.get((label, scale), [])
        notes = self._notes(label, scale)
        if tell_run:
            notes += tuple(map(self._footnote, self._runs(label, [scale])))
        notes += self._other_values(cells)
        if cells:
            notes += tuple(self._footnote(f"{UNAVAILABLE}: {reason}") for reason in self.lacking.values())
        if not cells:
            return Entry({}, notes=notes)
        texts = {
            metric.name: UNAVAILABLE if metric.name in self.lacking else printed(means[metric.name], metric.digits)
            for metric in self.metrics
            if metric.name in self.lacking or metric.name in means
        }
        spreads = {}
        if len(cells) > 1:
            for metric in self.metrics:
                sd = standard_deviation([cell.values[metric.name] for cell in cells if metric.name in cell.values])
                if sd is not None:
                    spreads[metric.name] = printed(sd, metric.digits)
        return Entry(texts, spreads, {name: ranks.get((label, name), 0) for name in texts}, notes)

    def _notes(self, label: str, scale: float) -> tuple[int, ...]:
        """Footnotes for cells without a result."""
        have = {cell.id for cell in self.results.get((label, scale), [])}
        numbers = []
        for cell in self.planned_at[label, scale]:
            if cell in have:
                continue
            failed = self.failed.get(cell)
            seed = f" (seed {cell.seed})" if cell.seed else ""
            numbers.append(self._footnote(f"not run yet{seed}" if failed is None else f"failed{seed}: {failed}"))
        return tuple(dict.fromkeys(numbers))

    def _other_values(self, cells: Sequence[CellResult]) -> tuple[int, ...]:
        """Footnotes for different values of older runs in a merged report."""
        numbers = []
        for cell in cells if self.origins else ():
            for run, values in self.origins[cell.id].others:
                texts = [printed(values[m.name], m.digits + 2) for m in self.metrics if m.name in values]
                seed = f", seed {cell.id.seed}" if cell.id.seed else ""
                if any(values[m.name] != cell.values.get(m.name) for m in self.metrics if m.name in values):
                    numbers.append(self._footnote(f"run {run}{seed} has {' / '.join(texts)}"))
        return tuple(dict.fromkeys(numbers))

    def _published(self, rows: Sequence[Reference], scales: Sequence[float]) -> list[Row]:
        """Rows of published values, one per method."""
        names = {metric.name for metric in self.metrics}
        rows = [row for row in rows if row.metric in names and row.scale in scales]
        made = []
        for name in dict.fromkeys(full_name(row, self.record) for row in rows):
            texts: dict[float, dict[str, str]] = {}
            mine = [row for row in rows if full_name(row, self.record) == name]
            for row in mine:
                texts.setdefault(row.scale, {}).setdefault(row.metric, printed(row.value, row.digits))
            words = [f"published: {source}" for source in dict.fromkeys(row.source for row in mine)]
            notes = [self._footnote(note) for note in (*words, other_protocol(mine[0], self.record)) if note]
            entries = {scale: Entry(texts[scale]) for scale in scales if scale in texts}
            made.append(Row(name, True, entries, tuple(notes)))
        return made

    def _footnote(self, text: str) -> int:
        return self.footnotes.setdefault(text, len(self.footnotes) + 1)
