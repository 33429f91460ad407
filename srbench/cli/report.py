"""`srbench report`: prints tables of runs, and writes their reports."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Out, Published, split
from srbench.errors import DataError, UsageError
from srbench.system.places import LEADERBOARD, PAGE, RUNS
from srbench.system.text import echo, warn

if TYPE_CHECKING:
    from srbench.analysis.references import Reference
    from srbench.bench.results import MetricRecord
    from srbench.bench.store import LoadedRun


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Runs by path, id or a start of it; several are merged.", show_default="the newest"
        ),
    ] = None,
    out: Out = RUNS,
    formats: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMATS", help="Files to write: md, csv, latex, json, html, comma separated."
        ),
    ] = "md,csv,latex,json,html",
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw plots and crop sheets.")] = True,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder for the files.",
            show_default=f"report in the run's folder; for several runs {LEADERBOARD}",
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            help="Only these methods, in this order, comma separated: labels, names or globs.", show_default="all"
        ),
    ] = "",
    baseline: Annotated[
        str, typer.Option(metavar="METHOD", help="Also show differences to this method.", show_default=False)
    ] = "",
    metrics: Annotated[
        str, typer.Option(help="Metrics to print besides PSNR and SSIM, comma separated, or all.")
    ] = "all",
    intervals: Annotated[
        bool, typer.Option("--intervals/--no-intervals", help="Also print values with 95 % intervals.")
    ] = False,
    published: Published = "",
    tracker: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Also record the runs and files: wandb, mlflow or trackio, or wandb:PROJECT."
        ),
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Write an index of all runs in the folder, with their heads, and stop.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the report in the browser.")] = False,
) -> None:
    """Print a run's tables, with published values, and write its report: tables, plots and crop sheets.

    Several runs become a leaderboard with the newest result of each cell and its run. Protocols are never mixed: each
    has its own tables and folder.

    Exit codes: 0 fine, 2 wrong usage, 4 data missing or the report cannot be written.
    """
    from srbench.analysis.published import published as chosen
    from srbench.bench.store import find_run, read_run
    from srbench.report.leaderboard import leaderboards, write_leaderboards
    from srbench.report.write import check_formats, write_report

    check_formats(split(formats))
    if every:
        _all(runs, out, open_=open_)
        return
    references = chosen(published)
    if tracker:
        from srbench.api.tracking import make_tracker

        make_tracker(tracker)  # before the longer work
    named: list[str | None] = [*runs] if runs else [None]
    folders = {path.resolve(): path for path in (find_run(name, out) for name in named)}
    several = len(folders) > 1
    gc.disable()  # cells have no reference cycles, and collection would take a fifth of the time
    try:
        loaded = [read_run(path) for path in folders.values()]
        folder = to or (LEADERBOARD if several else loaded[0].folder.report)
        shown, baselines = _choose(leaderboards(loaded, folder) if several else loaded, split(methods), baseline)
        _print(shown, baselines, _metrics(shown, split(metrics)), references, intervals=intervals)
        if plots:  # plots have reference cycles
            gc.freeze()
            gc.enable()
        if several:
            files = write_leaderboards(shown, folder, split(formats), plots, baselines, references)
        else:
            files = write_report(shown[0], folder, split(formats), plots, baselines[0], references)
    finally:
        gc.enable()
    page = _page(folder)
    echo(f"report: {folder} ({len(files)} files)\nopen {page}", err=True)
    if tracker:
        _log(loaded, tracker, files)
    if open_:
        _open(page)


def _all(runs: list[str] | None, out: Path, *, open_: bool) -> None:
    """Write the index of all runs."""
    from srbench.bench.store import read_run, run_folders
    from srbench.report.gallery import write_gallery

    if runs:
        raise UsageError("--all takes every run of the folder: leave out the names of runs, or --all.")
    found: list[LoadedRun] = []
    for path in run_folders(out):
        try:
            found.append(read_run(path))
        except DataError as error:  # a damaged run must not hide the others
            warn(str(error))
    if not found:
        raise UsageError(f"There is no run under {out} yet; start one with `srbench run`.")
    index = write_gallery(found, out)
    echo(f"{len(found)} runs\nopen {index}", err=True)
    if open_:
        _open(index)


def _log(runs: list[LoadedRun], tracker: str, files: list[Path]) -> None:
    """Record runs, and the files of their report with each; what a tracker prints is no result."""
    from srbench.api.tracking import log_run

    with redirect_stdout(sys.stderr):
        for run in runs:
            log_run(run, tracker, [path for path in files if path.is_file()])
    echo(f"recorded by {tracker}", err=True)


def _choose(runs: list[LoadedRun], methods: tuple[str, ...], baseline: str) -> tuple[list[LoadedRun], list[str]]:
    """The runs with the requested methods, and the baseline of each; runs without them are left out."""
    from srbench.analysis.compare import labels_of
    from srbench.report.select import find_baseline, find_methods, only

    every = list(dict.fromkeys(label for run in runs for label in labels_of(run)))
    wanted = find_methods(every, methods) if methods else every
    label = find_baseline(every, baseline) if baseline else ""
    if label and label not in wanted:
        wanted.append(label)
    shown = [(run, [label for label in wanted if label in labels_of(run)]) for run in runs]
    chosen = [only(run, labels) if methods else run for run, labels in shown if labels]
    return chosen, [label if label in labels else "" for _, labels in shown if labels]


def _print(
    runs: list[LoadedRun],
    baselines: list[str],
    metrics: list[list[MetricRecord]],
    references: Sequence[Reference],
    *,
    intervals: bool,
) -> None:
    from srbench.report.text.terminal import print_tables
    from srbench.system.console import make_console

    console = make_console(highlight=False)
    for number, (run, baseline, others) in enumerate(zip(runs, baselines, metrics, strict=True)):
        if number:
            console.print()
        print_tables(run, console, references, others, intervals=intervals, baseline=baseline)


def _metrics(runs: list[LoadedRun], wanted: tuple[str, ...]) -> list[list[MetricRecord]]:
    """The metrics of each run that are printed besides its main ones, in the requested order.

    Raises:
        UsageError: no run has such a metric.
    """
    from srbench.report.tables.grid import other_metrics
    from srbench.system.names import unknown

    known = {"all", *(metric.name for run in runs for metric in run.record.metrics)}
    for name in wanted:
        if name not in known:
            raise unknown("metric in the runs", name, known)
    chosen = []
    for run in runs:
        others = {metric.name: metric for metric in other_metrics(run)}
        chosen.append(
            [others[name] for name in (others if "all" in wanted else dict.fromkeys(wanted)) if name in others]
        )
    return chosen


def _page(folder: Path) -> Path:
    """The page of a report, or its folder."""
    pages = [folder / name for name in (PAGE, "leaderboard.html", "report.md", "leaderboard.md")]
    return next((path for path in pages if path.is_file()), folder)


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        echo(f"no browser could be started; open {page} yourself", err=True)
