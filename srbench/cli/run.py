"""``srbench run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.bench.options import HELP, Options, Request
from srbench.cli.guard import is_debugging
from srbench.cli.options import Config, Json, Out, Plugins, Published, factors, numbers, split
from srbench.errors import EXIT_CELL_FAILED, EXIT_DATA, EXIT_INTERRUPTED, EXIT_OK, SrbenchError
from srbench.system.names import join_names
from srbench.system.places import PAGE, is_folder
from srbench.system.text import echo, echo_json, warn

if TYPE_CHECKING:
    from srbench.analysis.references import Reference
    from srbench.bench.plan import Plan
    from srbench.bench.run import Prepared
    from srbench.bench.store import LoadedRun

BY_DEFAULT = Options()
ASKED = Request()


def run(
    methods: Annotated[str, typer.Option(help=HELP["methods"], show_default="all")] = join_names(ASKED.methods),
    datasets: Annotated[str, typer.Option(help=HELP["datasets"])] = join_names(ASKED.datasets),
    scales: Annotated[str, typer.Option(help=HELP["scales"])] = join_names(ASKED.scales),
    protocol: Annotated[str, typer.Option(help=HELP["protocol"])] = ASKED.protocol,
    metrics: Annotated[str, typer.Option(help=HELP["metrics"])] = join_names(ASKED.metrics),
    seeds: Annotated[str, typer.Option(help=HELP["seeds"])] = join_names(ASKED.seeds),
    limit: Annotated[int, typer.Option(help=HELP["limit"], min=0, show_default="all")] = ASKED.limit,
    train: Annotated[str, typer.Option(help=HELP["train"], metavar="missing|always|never")] = BY_DEFAULT.train,
    device: Annotated[str, typer.Option(help=HELP["device"])] = BY_DEFAULT.device,
    threads: Annotated[int, typer.Option(help=HELP["threads"], min=0)] = BY_DEFAULT.threads,
    jobs: Annotated[int | None, typer.Option(help=HELP["jobs"], min=0)] = BY_DEFAULT.jobs,
    cell_timeout: Annotated[float, typer.Option(help=HELP["cell_timeout"], min=0.0)] = BY_DEFAULT.cell_timeout,
    cell_memory: Annotated[float, typer.Option(help=HELP["cell_memory"], min=0.0)] = BY_DEFAULT.cell_memory,
    engine: Annotated[str, typer.Option(help=HELP["engine"], metavar="local|ray")] = BY_DEFAULT.engine,
    address: Annotated[
        str, typer.Option(help=HELP["address"], show_default="one of this machine's own")
    ] = BY_DEFAULT.address,
    gpu_share: Annotated[float, typer.Option(help=HELP["gpu_share"], min=0.01, max=1.0)] = BY_DEFAULT.gpu_share,
    ship: Annotated[list[Path] | None, typer.Option(help=HELP["ship"])] = None,
    ship_env: Annotated[list[str] | None, typer.Option(help=HELP["ship_env"], metavar="NAME")] = None,
    keep_images: Annotated[int, typer.Option(help=HELP["keep_images"], min=0)] = BY_DEFAULT.keep_images,
    out: Out = BY_DEFAULT.out,
    force: Annotated[bool, typer.Option("--force/--no-force", help=HELP["force"])] = BY_DEFAULT.force,
    dry_run: Annotated[bool, typer.Option("--dry-run/--no-dry-run", help="Show the cells and stop.")] = False,
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Time each method, for the speed column.")] = True,
    published: Published = "",
    no_report: Annotated[bool, typer.Option("--no-report/--report", help="Do not write tables and plots.")] = False,
    json: Json = False,
    plugin: Plugins = None,
    config: Config = None,
) -> None:
    """Run methods over data sets and print a table.

    Finished cells are kept and never recomputed: after an interruption the same command goes on where it was. Where
    there is much to do, worker processes do it (--jobs): one that crashes, hangs or outgrows its limit takes only its
    cell. With --engine ray cells are computed on the nodes of a Ray cluster; --jobs is then the most cells at once.

    Exit codes: 0 fine, 2 wrong usage, 3 a cell failed, 4 data missing or corrupt or results not writable,
    5 the Ray cluster is gone, 130 interrupted (Ctrl-C or SIGTERM).
    """
    from srbench.analysis.published import published as chosen
    from srbench.bench.run import prepare
    from srbench.cli.console import stderr
    from srbench.recipe import MOST_SEED

    request = Request(
        methods=split(methods),
        datasets=(datasets,) if "," in datasets and is_folder(Path(datasets)) else split(datasets),
        scales=factors("scales", scales),
        protocol=protocol,
        metrics=split(metrics),
        seeds=numbers("seeds", seeds, 0, MOST_SEED),
        limit=limit,
    )
    options = Options(
        train=train,  # type: ignore[arg-type]  # checked when the run is prepared
        device=device,
        threads=threads,
        jobs=0 if jobs is None and is_debugging() else jobs,
        cell_timeout=cell_timeout,
        cell_memory=cell_memory,
        keep_images=keep_images,
        out=out,
        engine=engine,  # type: ignore[arg-type]  # likewise
        address=address,
        gpu_share=gpu_share,
        ship=tuple(ship or ()),
        ship_env=tuple(ship_env or ()),
        force=force,
    )
    flags = {"--no-speed": not speed, "--no-report": no_report, "--json": json}
    given = [flag for flag, on in flags.items() if on] + (["--published", published] if published else [])
    references = chosen(published)
    prepared = prepare(request, options, plugins=plugin or [], speed=speed, flags=given)
    plan = prepared.plan
    for left_out in plan.skipped:
        stderr().print(f"left out: {left_out}", markup=False)
    for note in plan.notes:
        stderr().print(f"note: {note}", markup=False, soft_wrap=True)
    for name, reason in plan.unavailable.items():
        stderr().print(f"unavailable: {name}: {reason}", markup=False, soft_wrap=True)
    if dry_run:
        _show_plan(plan, out, as_json=json)
        return
    with redirect_stdout(sys.stderr):  # stdout is for results: what a method prints is not one
        loaded, summary = _execute(prepared)
    folder = loaded.folder.path
    for note in (note for note in loaded.record.notes if note not in plan.notes):
        stderr().print(f"note: {note}", markup=False, soft_wrap=True)
    # the report first: whoever reads the table from a pipe may stop reading, and a full disk must not cost the table
    trouble = None if no_report else _write_report(loaded, references)
    _show_results(loaded, references, as_json=json)
    stderr().print(summary, markup=False, soft_wrap=True)
    if gone := sum(planned.status == "ok" for planned in loaded.record.cells) - len(loaded.cells):
        warn(f"{gone} finished cells are no longer in {folder}, or were altered there; run again.")
    if trouble is not None:
        raise trouble
    if no_report:
        echo(f"results: {folder}", err=True)
    else:
        echo(f"report: {loaded.folder.report}\nopen {loaded.folder.report / PAGE}", err=True)
    raise typer.Exit(exit_code(loaded))


def _execute(prepared: Prepared) -> tuple[LoadedRun, str]:
    """Run it under a display; returns what came of it, and what was done, in words."""
    from srbench.bench.run import execute
    from srbench.cli.console import RunConsole

    with RunConsole(len(prepared.plan.jobs)) as console:
        try:
            loaded, trouble = execute(prepared, console)
        except KeyboardInterrupt:
            again = prepared.options.command
            console.console.print(
                f"\ninterrupted; what is done is kept. To go on: {again}", markup=False, soft_wrap=True
            )
            raise typer.Exit(EXIT_INTERRUPTED) from None
        if trouble:
            console.say(trouble, markup=False)
    return loaded, f"cells: {console.computed} computed, {console.known} known before, {console.failed} failed"


def _write_report(loaded: LoadedRun, references: Sequence[Reference]) -> SrbenchError | None:
    """Write tables and plots; what keeps them from being written is returned, not raised."""
    from srbench.report.write import write_report

    try:
        write_report(loaded, references=references)
    except SrbenchError as error:
        return error
    return None


def exit_code(loaded: LoadedRun) -> int:
    """What a run's end says: 3 if a method failed, 4 if only data did or results are gone again, else 0."""
    kinds = {failed.kind for failed in loaded.record.failed}
    if "method" in kinds:
        return EXIT_CELL_FAILED
    whole = len(loaded.cells) == len(loaded.record.cells)
    return EXIT_OK if whole and not kinds else EXIT_DATA


def _show_plan(plan: Plan, out: Path, *, as_json: bool) -> None:
    """The cells, and which of them need training."""
    rows = []
    for job in plan.jobs:
        train = job.training is not None and job.training.find() is None
        rows.append(job.id.model_dump() | {"images": len(job.dataset.items), "needs_training": train})
    if as_json:
        import json

        echo_json(json.dumps({"schema_version": 1, "run": plan.run_id, "cells": rows}, indent=1))
        return
    for row, job in zip(rows, plan.jobs, strict=True):
        echo(f"{job.id}: {row['images']} images{', weights to be trained' if row['needs_training'] else ''}")
    echo(f"{len(rows)} cells; results would lie in {out / plan.run_id}")


def _show_results(loaded: LoadedRun, references: Sequence[Reference] | None = None, *, as_json: bool) -> None:
    if as_json:
        from srbench.analysis.sample import cell_intervals
        from srbench.report.tables.document import run_document

        echo_json(run_document(loaded, cell_intervals(loaded)))
        return
    from srbench.report.tables.grid import other_metrics
    from srbench.report.text.terminal import print_tables
    from srbench.system.console import make_console

    print_tables(loaded, make_console(highlight=False), references, other_metrics(loaded))
