"""`srbench check`: does a run reproduce the reference figures?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Out
from srbench.errors import EXIT_REGRESSION
from srbench.places import RUNS

if TYPE_CHECKING:
    from srbench.analysis.gate import Verdicts
    from srbench.bench.store import LoadedRun


def check(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs by path, id or a start of it.", show_default="the newest"),
    ] = None,
    out: Out = RUNS,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Check against every figure of this reference: one that is not in the runs fails. Repeatable.",
            show_default="the figures of all built-in references that the runs planned",
        ),
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    json: Json = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check nothing: write the runs' figures as a new reference."),
    ] = None,
) -> None:
    """Compare runs with published figures or a baseline; exit 1 if a figure differs, is missing, or none was checked.

    On GitHub Actions failures become annotations, and the step summary tells the result.
    """
    from srbench.bench.store import find_run, load_run

    paths = [find_run(name, out) for name in runs] if runs else [find_run(None, out)]
    loaded = [load_run(path) for path in dict.fromkeys(paths)]
    if write is not None:
        _write(loaded, write)
        return
    from srbench.analysis.gate import check as compare
    from srbench.analysis.references import load_references

    verdicts = compare(loaded, load_references(reference or None), complete=bool(reference))
    if json:
        typer.echo(_document(loaded, verdicts))
    else:
        from rich.console import Console

        from srbench.report.verdicts import print_verdicts

        print_verdicts(verdicts, Console())
    _tell_ci(verdicts, junit, json)
    if not verdicts.ok:
        raise typer.Exit(EXIT_REGRESSION)


def _write(loaded: list[LoadedRun], path: Path) -> None:
    from srbench.analysis.baseline import write_baseline

    count = write_baseline(loaded, path)
    typer.echo(f"{count} figures written to {path}; check against them with --reference {path}", err=True)


def _tell_ci(verdicts: Verdicts, junit_path: Path | None, as_json: bool) -> None:
    from srbench.report.ci import github_annotations, github_summary, junit

    if junit_path is not None:
        from srbench.atomic import write_atomically

        write_atomically(junit_path, junit(verdicts))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in github_annotations(verdicts):
            typer.echo(line, err=as_json)  # stdout is one document then; GitHub reads both
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
            summary.write(github_summary(verdicts))


def _document(loaded: list[LoadedRun], verdicts: Verdicts) -> str:
    import json

    from srbench.bench.results import SCHEMA_VERSION

    rows = [
        {
            "run": verdict.run,
            "method": verdict.reference.method,
            "dataset": verdict.reference.dataset,
            "scale": verdict.reference.scale,
            "protocol": verdict.reference.protocol,
            "seed": verdict.seed,
            "metric": verdict.reference.metric,
            "status": verdict.status,
            "measured": _finite(verdict.measured),
            "expected": _finite(verdict.reference.value),
            "tolerance": verdict.reference.tolerance,
            "difference": _finite(verdict.difference),
            "source": verdict.reference.source,
            "message": verdict.message,
        }
        for verdict in verdicts.verdicts
    ]
    document = {
        "schema_version": SCHEMA_VERSION,
        "ok": verdicts.ok,
        "runs": [run.record.id for run in loaded],
        "problems": verdicts.problems,
        "verdicts": rows,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)


def _finite(value: float | None) -> float | str | None:
    """JSON has no infinity."""
    return value if value is None or abs(value) < float("inf") else str(value)
