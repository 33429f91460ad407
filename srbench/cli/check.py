"""`srbench check`: does a run reproduce the reference values?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Out
from srbench.errors import EXIT_REGRESSION, UsageError
from srbench.system.places import RUNS
from srbench.system.text import echo, echo_json, warn

if TYPE_CHECKING:
    from srbench.analysis.gate import Verdicts
    from srbench.bench.store import LoadedRun

_ANOTHER = "; name another file."


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
            help="Check every value of this reference; values that are not in the runs fail. Repeatable.",
            show_default="all built-in references, values that the runs planned",
        ),
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    json: Json = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Do not check: write the runs' values to a new reference file."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Do not check: rewrite values of our own baseline, or of --reference, that the runs do not "
            "reproduce, and print the diff.",
        ),
    ] = False,
) -> None:
    """Compare runs with published values or a baseline; exit 1 if a value differs, is missing, or none was checked.

    A reference row gives a value, a lower or upper limit, or the least speed of one method relative to another's in the
    same run: docs/reference/check.md. On GitHub Actions, failures become annotations.

    Exit codes: 0 fine, 1 a value differs or is missing, 2 wrong usage, 4 data missing or unusable.
    """
    if write is not None:
        _refuse_beside("--write", {"--json": json, "--junit": junit, "--reference": reference, "--update": update})
    if update:
        _refuse_beside("--update", {"--junit": junit})
    from srbench.bench.store import find_run, read_run

    paths = [find_run(name, out) for name in runs] if runs else [find_run(None, out)]
    loaded = [read_run(path) for path in dict.fromkeys(paths)]
    if write is not None:
        _write(loaded, write)
        return
    if update:
        _update(loaded, reference or None, as_json=json)
        return
    from srbench.analysis.gate import check_runs
    from srbench.analysis.references import load_references

    verdicts = check_runs(loaded, load_references(reference or None), complete=bool(reference))
    if junit is not None:  # before anything is printed, since it may fail
        _write_junit(verdicts, junit)
    if json:
        echo_json(_document(loaded, verdicts))
    else:
        from srbench.report.text.verdicts import print_verdicts
        from srbench.system.console import make_console

        print_verdicts(verdicts, make_console())
    _tell_github(verdicts, json)
    if not verdicts.ok:
        raise typer.Exit(EXIT_REGRESSION)


def _refuse_beside(option: str, others: Mapping[str, object]) -> None:
    for other, value in others.items():
        if value:
            raise UsageError(f"{option} checks nothing, so it cannot be combined with {other}; leave one of them out.")


def _write(loaded: list[LoadedRun], path: Path) -> None:
    from srbench.analysis.baseline import write_baseline
    from srbench.system.files import writing

    with writing(f"{path} cannot be written", _ANOTHER):
        if path.is_file() and path.stat().st_size:
            raise UsageError(
                f"{path} exists, and may contain your own tolerances and rows: "
                f"`srbench check --update --reference {path}` updates its values; or remove it first."
            )
        count = write_baseline(loaded, path)
    echo(f"{count} values written to {path}; check against them with --reference {path}", err=True)


def _update(loaded: list[LoadedRun], names: list[str] | None, *, as_json: bool) -> None:
    from srbench.analysis.update import plan_update
    from srbench.cli.console import stderr
    from srbench.report.text.update import print_diff, sentences, update_document
    from srbench.system.files import write_atomically, writing

    update = plan_update(loaded, names)
    for file in update.files:
        if file.changes:
            with writing(f"{file.path} cannot be written", _ANOTHER):
                write_atomically(file.path, file.after)
    if as_json:
        echo_json(update_document(update, [run.record.id for run in loaded]))
    else:
        print_diff(update)
    for sentence in sentences(update):
        stderr().print(sentence, markup=False, soft_wrap=True)


def _write_junit(verdicts: Verdicts, path: Path) -> None:
    from srbench.report.text.ci import junit
    from srbench.system.files import write_atomically, writing

    with writing(f"{path} cannot be written", _ANOTHER):
        write_atomically(path, junit(verdicts))


def _tell_github(verdicts: Verdicts, as_json: bool) -> None:
    from srbench.report.text.ci import github_annotations, github_summary

    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in github_annotations(verdicts):
            typer.echo(line, err=as_json)  # stdout is one document then; GitHub reads both
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(path).open("a", encoding="utf-8") as summary:
                summary.write(github_summary(verdicts))
        except OSError as error:  # no reason to fail
            warn(f"GITHUB_STEP_SUMMARY ({path}) cannot be written: {error.strerror}.")


def _document(loaded: list[LoadedRun], verdicts: Verdicts) -> str:
    import json

    from srbench.bench.results import SCHEMA_VERSION
    from srbench.system.plain import json_number

    rows = [
        {
            "run": verdict.run,
            "method": verdict.reference.method,
            "dataset": verdict.reference.dataset,
            "scale": verdict.reference.scale,
            "protocol": verdict.reference.protocol,
            "protocol_hash": verdict.reference.protocol_hash,
            "seeds": verdict.seeds,
            "metric": verdict.reference.metric,
            "rule": verdict.reference.rule,
            "status": verdict.status,
            "measured": json_number(verdict.measured),
            "expected": json_number(verdict.reference.value),
            "tolerance": verdict.reference.tolerance,
            "difference": json_number(verdict.difference),
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
