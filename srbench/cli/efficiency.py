"""``srbench efficiency``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Config, Out, Plugins, split
from srbench.errors import EXIT_CELL_FAILED, UsageError
from srbench.system.names import unknown
from srbench.system.places import RUNS
from srbench.system.text import echo, printable

if TYPE_CHECKING:
    from srbench.bench.store import LoadedRun
    from srbench.plugins.card import Choice
    from srbench.plugins.registry import Registry
    from srbench.report.tables.efficiency import EfficiencyTable
    from srbench.speed.challenge import Figures
    from srbench.speed.record import SpeedRow

FORMATS = ("table", "md", "csv", "latex")
COLUMNS = ("ntire", "paper")


def efficiency(
    methods: Annotated[
        str,
        typer.Option(
            help="Methods, comma separated: names or globs; models as for `srbench run` (torch:FILE.py:Class, "
            "onnx:FILE, …); NAME+."
        ),
    ] = "*",
    scale: Annotated[int, typer.Option(help="Factor by which HR is larger than LR.", min=1)] = 4,
    datasets: Annotated[str, typer.Option(help="For PSNR: names or folders; none leaves it out.")] = "embedded",
    protocol: Annotated[str, typer.Option(help="Of PSNR; its resizer upsamples for methods that need it.")] = "ntire",
    columns: Annotated[
        str, typer.Option(metavar="|".join(COLUMNS), help="The challenge's, or Params, Multi-Adds, PSNR and SSIM.")
    ] = "ntire",
    baseline: Annotated[str, typer.Option(help="The method that the score refers to.", show_default="none")] = "",
    published: Annotated[
        bool, typer.Option("--published/--no-published", help="Rows of NTIRE 2026 too, the first as the baseline.")
    ] = False,
    format_: Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="Of the table.")] = "table",
    runs: Annotated[int, typer.Option(help="Timed runs of each row.", min=5)] = 20,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of torch; 0 for torch's default.", min=0)] = 0,
    out: Out = RUNS,
    plugin: Plugins = None,
    config: Config = None,
) -> None:
    """Compare networks as challenges on efficient super-resolution do: parameters, FLOPs, activations, memory, time.

    Work is counted and time measured for an LR of 256x256 (--columns paper: Multi-Adds for an output of 1280x720).
    PSNR is from a run, whose finished cells are reused; nothing is trained. Methods without a network are left out.

    Exit codes: 0 fine, 2 wrong usage, 3 a row failed.
    """
    for name, given, known in (("format", format_, FORMATS), ("columns", columns, COLUMNS)):
        if given not in known:
            raise UsageError(f"--{name} is {', '.join(known[:-1])} or {known[-1]}, not '{given}'.")
    if columns == "paper" and (baseline or published):
        raise UsageError("--baseline and --published are for --columns ntire; leave them out.")
    if published and scale != 4:
        raise UsageError(f"The published rows are of x4, not x{scale}; leave --published out.")
    from srbench.inference import resolve_device
    from srbench.plugins.registry import Registry
    from srbench.report.tables.efficiency import efficiency_table
    from srbench.speed.challenge import PUBLISHED
    from srbench.system.machine import device_name

    registry = Registry(plugin or [])
    written = _written(registry, (*split(methods), *split(baseline)))
    choices = [choice for choice, _ in written if scale in choice.card.info.scales and not choice.card.supplied]
    names = () if datasets == "none" else split(datasets)
    where = resolve_device(device, threads)
    with redirect_stdout(sys.stderr):  # stdout is for results only
        speeds = _speeds(registry, choices, scale, protocol, str(where), threads, runs, multi_adds=columns == "paper")
        networks = [choice for choice in choices if speeds[choice.card.name].macs or speeds[choice.card.name].error]
        if not networks:
            raise UsageError(f"None of the methods has a network at x{scale}; name one with --methods.")
        labels = {choice.label for choice in networks}
        patterns = tuple(dict.fromkeys(pattern for choice, pattern in written if choice.label in labels))
        loaded = _run(registry, patterns, names, scale, protocol, device, out) if names else None
    rows = [_figures(choice, speeds[choice.card.name], loaded) for choice in networks]
    base = _baseline(registry, baseline, rows) if baseline else PUBLISHED[0] if published else None
    shown = [*rows, *(PUBLISHED if published else ())]
    sets = [] if loaded is None else [each.name for each in loaded.record.datasets]
    table = efficiency_table(shown, columns, sets, scale, device_name(str(where)), protocol, base)
    _print(table, format_)
    if any(row.error for row in rows) or (loaded is not None and loaded.record.failed):
        raise typer.Exit(EXIT_CELL_FAILED)


def _written(registry: Registry, patterns: tuple[str, ...]) -> list[tuple[Choice, str]]:
    """The chosen methods, each with what another registry finds it by: a model's file, or its label."""
    from srbench.models.parse import is_model

    chosen = registry.select(patterns)  # all at once: names of models depend on one another
    found = {
        choice.label: pattern
        for pattern in patterns
        if is_model(pattern) or pattern.endswith(".toml")
        for choice in registry.select((pattern,))
    }
    return [(choice, found.get(choice.label, choice.label)) for choice in chosen]


def _speeds(
    registry: Registry,
    choices: list[Choice],
    scale: int,
    protocol: str,
    device: str,
    threads: int,
    runs: int,
    *,
    multi_adds: bool,
) -> dict[str, SpeedRow]:
    """The rows of `srbench speed`, by method."""
    import torch
    from rich.markup import escape

    from srbench.cli.console import stderr
    from srbench.protocols.builtin import get_protocol
    from srbench.speed.challenge import SIDE
    from srbench.speed.measure import SpeedTest
    from srbench.speed.modes import Mode
    from srbench.speed.request import SpeedRequest

    request = SpeedRequest(
        choices=tuple({choice.card.name: choice for choice in choices}.values()),
        scales=(scale,),
        sizes=(str(SIDE),),
        modes=(Mode(),),
        runs=runs,
        parts=("whole",),
        seconds=5.0,
        multi_adds=multi_adds,
    )
    with stderr().status("") as status:
        test = SpeedTest(
            registry,
            get_protocol(protocol),
            torch.device(device),
            lambda text: status.update(escape(printable(text))),
            threads=threads,
        )
        return {row.method: row for row in test.rows(request)}


def _run(
    registry: Registry,
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    scale: int,
    protocol: str,
    device: str,
    out: Path,
) -> LoadedRun:
    """A run of the networks; finished cells are reused."""
    from srbench.bench.options import Options, Request
    from srbench.bench.run import execute, prepare
    from srbench.cli.console import RunConsole

    request = Request(
        methods=methods,
        datasets=datasets,
        scales=(scale,),
        protocol=protocol,
        metrics=("psnr", "ssim"),
    )
    options = Options(train="never", device=device, out=out)
    prepared = prepare(request, options, plugins=registry.plugins, speed=False, flags=("--no-speed",))
    with RunConsole(len(prepared.plan.jobs)) as console:
        return execute(prepared, console)[0]


def _figures(choice: Choice, row: SpeedRow, loaded: LoadedRun | None) -> Figures:
    """A row of the table."""
    from srbench.speed.challenge import SIDE, Figures

    def means(metric: str) -> tuple[float | None, ...]:
        if loaded is None:
            return ()
        known = {
            cell.id.dataset: cell.values.get(metric)
            for cell in loaded.cells
            if (cell.id.method, cell.id.recipe) == (choice.card.name, choice.recipe)
        }
        return tuple(known.get(each.name) for each in loaded.record.datasets)

    parameters = row.parameters if row.used_parameters is None else row.used_parameters
    held = 4 * (row.parameters + (3 if choice.card.info.channels == "rgb" else 1) * SIDE**2)  # float32
    return Figures(
        method=choice.label,
        psnr=means("psnr"),
        ssim=means("ssim"),
        parameters=parameters or None,
        flops=row.flops,
        activations=row.activations,
        convolutions=row.convolutions,
        memory=None if row.memory_mb is None else row.memory_mb * 1e6 + held,
        ms=row.median_ms,
        multi_adds=row.multi_adds_720p,
        error=row.error,
    )


def _baseline(registry: Registry, name: str, rows: list[Figures]) -> Figures:
    labels = {choice.label for choice in registry.select((name,))}
    found = [row for row in rows if row.method in labels]
    if len(found) != 1:
        raise unknown("network of this table called", name, [row.method for row in rows])
    return found[0]


def _print(table: EfficiencyTable, format_: str) -> None:
    from srbench.report.tables.efficiency import efficiency_csv, efficiency_latex, efficiency_markdown

    if format_ != "table":
        write = {"md": efficiency_markdown, "csv": efficiency_csv, "latex": efficiency_latex}[format_]
        echo(write(table).rstrip("\n"))
        return
    from srbench.report.text.efficiency import print_efficiency
    from srbench.system.console import make_console

    print_efficiency(table, make_console(highlight=False))
