"""What a run came to, for Python: tables as pandas has them, and what the other verbs do with a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.api.arguments import OneOrMore, files, several
from srbench.bench.results import FailedCell
from srbench.bench.store import LoadedRun, find_run, read_run
from srbench.errors import DataError, MethodError, UsageError
from srbench.system.names import unknown
from srbench.system.places import RUNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from srbench.analysis.gate import Verdicts
    from srbench.api.tracking import Tracker


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A run: its figures, and where they lie. A notebook shows it as the tables of a report.

    Attributes:
        loaded: all of it, as reports and gates read it.
        notes: what was left out when it was planned.
    """

    loaded: LoadedRun
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where it lies: ``run.json``, the files of its cells, images and reports."""
        return self.loaded.folder.path

    @property
    def failed(self) -> tuple[FailedCell, ...]:
        """The cells without figures: which, one sentence, and Python's traceback."""
        return self.loaded.record.failed

    @property
    def ok(self) -> bool:
        """Whether every cell has its figures."""
        return not self.failed and len(self.loaded.cells) == len(self.loaded.record.cells)

    def raise_for_failures(self) -> None:
        """Return if every cell has its figures.

        Raises:
            MethodError: a method failed; names the first.
            DataError: data did, or results are no longer there.
        """
        if self.failed:
            first = self.failed[0]
            more = f" (and {len(self.failed) - 1} more cells failed)" if len(self.failed) > 1 else ""
            kind = MethodError if any(cell.kind == "method" for cell in self.failed) else DataError
            raise kind(f"{first.id}: {first.error}{more}")
        if not self.ok:
            raise DataError(f"Some cells have no result in {self.folder}; run again.")

    def to_frame(self) -> pd.DataFrame:
        """One row for each cell and metric, as in the report's ``results.csv``.

        Columns: run, method, recipe, dataset, scale, protocol, protocol_hash, seed, metric, value, ci_low, ci_high (the
        95 % interval over images), n (images) and status (``ok``, ``failed``, ``pending`` or ``unavailable``).
        """
        from srbench.analysis.sample import cell_intervals
        from srbench.report.tables.frame import cells_frame

        return cells_frame(self.loaded, cell_intervals(self.loaded))

    def per_image(self) -> pd.DataFrame:
        """One row for each cell, image and metric, as in the report's ``per_image.csv``."""
        from srbench.report.tables.frame import images_frame

        return images_frame(self.loaded)

    def table(self, metric: str = "") -> pd.DataFrame:
        """Methods by data sets and scales, at full precision: means over the seeds, NaN where there is no result.

        Args:
            metric: which; PSNR if there is one, else the run's first.

        Raises:
            UsageError: the run has no such metric.
        """
        import pandas as pd

        from srbench.analysis.compare import find_metric, labels_of
        from srbench.analysis.sample import samples

        found = samples(self.loaded, find_metric([self.loaded], metric).name)
        cells = self.loaded.record.cells
        places = list(dict.fromkeys((cell.id.dataset, cell.id.scale) for cell in cells))
        rows = [
            [found[(*place, label)].value if (*place, label) in found else float("nan") for place in places]
            for label in labels_of(self.loaded)
        ]
        columns = pd.MultiIndex.from_tuples(places, names=["dataset", "scale"])
        return pd.DataFrame(rows, index=pd.Index(labels_of(self.loaded), name="method"), columns=columns)

    def report(
        self,
        to: str | Path | None = None,
        formats: OneOrMore[str] = ("md", "csv", "latex", "json", "html"),
        *,
        plots: bool = True,
        baseline: str = "",
        published: str | Path = "",
    ) -> list[Path]:
        """Write tables, plots and the page, as ``srbench report`` does; returns the files.

        Args:
            to: the folder; ``report`` in the run's if None.
            formats: some of these, or one.
            plots: draw plots and crop sheets too.
            baseline: a method whose differences to the others are shown.
            published: the published values to show, as on the command line: ``all``, ``none`` or a CSV file.

        Raises:
            UsageError: an unknown format or baseline, or no such published values.
            DataError: the folder cannot be written to.
        """
        from srbench.analysis.published import published as chosen
        from srbench.report.write import write_report

        if baseline:
            baseline = _label(self.loaded, baseline)
        wanted = several("formats", formats, str)
        references = chosen(str(published))
        return write_report(self.loaded, None if to is None else Path(to), wanted, plots, baseline, references)

    def plot(self, name: str = "", baseline: str = "") -> Figure:
        """A plot of the report as a figure of matplotlib, which a notebook shows.

        Args:
            name: which, such as ``psnr-set5-x2`` or ``psnr-scatter-set5-x2``; the first by default.
            baseline: a method whose differences to the others are drawn, in plots of their own.

        Raises:
            UsageError: there is no such plot or baseline.
            DataError: the run has no values to draw.
        """
        from srbench.analysis.references import load_references
        from srbench.report.plots.every_plot import figures

        known = {}
        for found, figure in figures(self.loaded, load_references(None), baseline and _label(self.loaded, baseline)):
            if found == (name or found):
                return figure
            known[found] = figure
        if not known:
            raise DataError(f"{self!r} has no values to draw.")
        raise unknown("plot", name, known)

    def log(self, tracker: str | Tracker, artefacts: OneOrMore[str | Path] = ()) -> None:
        """Record it with an experiment tracker: its settings, values, table, and files.

        Args:
            tracker: ``"wandb"``, ``"mlflow"`` or ``"trackio"``, with ``:PROJECT`` or without; or an object with the
                methods of :class:`srbench.api.tracking.Tracker`.
            artefacts: files, such as those that :meth:`report` returns.

        Raises:
            UsageError: there is no such tracker, or its package is not installed.
        """
        from srbench.api.tracking import log_run

        log_run(self.loaded, tracker, files("artefacts", artefacts))

    def check(self, reference: str | Path | None = None) -> Verdicts:
        """Hold it against published figures or a baseline, as ``srbench check`` does; the answer is in ``.ok``.

        Args:
            reference: a name or a CSV file, all of whose figures must be in the run; by default those figures of the
                built-in references that the run has.

        Raises:
            UsageError: there is no such reference.
            DataError: it is damaged.
        """
        from srbench.analysis.gate import check_runs
        from srbench.analysis.references import load_references

        names = None if reference is None else [str(reference)]
        return check_runs([self.loaded], load_references(names), complete=reference is not None)

    def compare(self, a: str, b: str, metric: str = "", *, other: Run | None = None) -> pd.DataFrame:
        """Two methods image by image, as ``srbench compare A B`` does.

        One row for each data set and scale: figures, ``difference`` (A - B) with its 95 % interval (``ci_low``,
        ``ci_high``), wins, ties and losses over the images, and Wilcoxon's ``p`` with Holm's correction (``p_holm``).

        Args:
            a: ``name`` or ``name:recipe``.
            b: what it is compared with.
            metric: what to compare; PSNR if there is one, else the run's first.
            other: the run that B is taken from, if not this one.

        Raises:
            UsageError: there is no such method or metric, or nothing that both have.
        """
        from srbench.analysis.compare import compare_methods, find_metric
        from srbench.report.tables.frame import comparisons_frame

        runs = [self.loaded, (other or self).loaded]
        labels = _label(runs[0], a), _label(runs[1], b)
        if other is None and labels[0] == labels[1]:
            raise UsageError(f"{labels[0]} cannot be compared with itself; name another method, or another run of it.")
        found = compare_methods(runs[0], labels[0], runs[1], labels[1], find_metric(runs, metric))
        return comparisons_frame(self.loaded, found)

    def __repr__(self) -> str:
        """Its id, how many cells, and how many of them failed."""
        cells = len(self.loaded.record.cells)
        return f"<srbench.Run {self.loaded.record.id}: {cells} cells, {len(self.failed)} failed>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from srbench.report.text.notebook import html_tables

        return html_tables(self.loaded)


def load_run(run: str | Path | None = None, out: str | Path = RUNS) -> Run:
    """Open a run that was executed before, by whatever means.

    Args:
        run: its folder, its id, or a start of its id; the newest by default.
        out: the folder that holds runs.

    Raises:
        UsageError: there is none, or several start so.
        DataError: it is damaged.
    """
    return Run(read_run(find_run(None if run is None else str(run), Path(out))))


def _label(run: LoadedRun, name: str) -> str:
    """The one label that a name means.

    Raises:
        UsageError: none or several.
    """
    from srbench.analysis.compare import find_labels

    labels = find_labels(run, name)
    if len(labels) > 1:
        raise UsageError(f"'{name}' means several methods of run {run.record.id}: name {' or '.join(labels)}.")
    return labels[0]
