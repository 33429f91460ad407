"""`srbench report`: the tables of a run on stdout, and its report in files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srbench.cli.options import Out, split
from srbench.places import RUNS


def report(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run by path, id or a start of it.", show_default="the newest"),
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
        typer.Option(metavar="DIR", help="Where the files go.", show_default="the folder report in the run's"),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Print tables of these metrics too, comma separated, or all.", show_default=False)
    ] = "",
    intervals: Annotated[
        bool, typer.Option("--intervals/--no-intervals", help="Print the figures with their 95 % intervals too.")
    ] = False,
) -> None:
    """Print a run's tables, published figures beside ours, and write its report: tables, plots and crop sheets.

    Exit codes: 0 fine, 2 wrong usage, 4 data missing or the report cannot be written.
    """
    from srbench.bench.store import find_run, load_run
    from srbench.names import unknown
    from srbench.report.grid import other_metrics
    from srbench.report.terminal import print_tables
    from srbench.report.write import write_report

    loaded = load_run(find_run(run, out))
    others = {metric.name: metric for metric in other_metrics(loaded)}
    names = [name for name in split(metrics) if name not in ("all", "psnr", "ssim")]
    for name in names:
        if name not in others:
            raise unknown("metric in the run", name, others)
    chosen = list(others) if "all" in split(metrics) else names
    print_tables(loaded, others=[others[name] for name in chosen], intervals=intervals)
    files = write_report(loaded, to, split(formats), plots)
    folder = loaded.folder.report if to is None else to
    typer.echo(f"report of {len(files)} files in {folder}", err=True)
