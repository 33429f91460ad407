"""``srbench speed``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from srbench.cli.options import Config, Json, Plugins, numbers, split
from srbench.errors import EXIT_CELL_FAILED, EXIT_INTERRUPTED, EXIT_REGRESSION, SrbenchError, UsageError
from srbench.system.places import SPEED
from srbench.system.text import counted, echo_json, printable, warn

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from srbench.speed.measure import SpeedTest
    from srbench.speed.modes import Mode
    from srbench.speed.record import SpeedRecord, SpeedRow
    from srbench.speed.request import SpeedRequest
    from srbench.speed.roofline import Peaks


def speed(
    methods: Annotated[
        str,
        typer.Option(
            help="Methods, comma separated: names or globs; models as for `srbench run` (torch:FILE.py:Class, "
            "onnx:FILE, …); NAME+.",
            show_default="all",
        ),
    ] = "*",
    scales: Annotated[str, typer.Option(help="Factors by which HR is larger than LR.")] = "2,3,4",
    sizes: Annotated[str, typer.Option(help="Sides of a square LR image, or 720p and 2160p for that output.")] = "256",
    modes: Annotated[
        str,
        typer.Option(
            help="Ways to run a network: fp32, tf32, fp16 or bf16, with +channels_last, +compiled, +graph.",
            show_default="those of the device",
        ),
    ] = "",
    all_modes: Annotated[
        bool,
        typer.Option(
            "--all-modes", help="Show every row, and networks alone; otherwise, without --modes, each method's fastest."
        ),
    ] = False,
    batch: Annotated[str, typer.Option(help="Images at a time; max is the batch that saturates the device.")] = "1",
    runs: Annotated[int, typer.Option(help="Timed runs of each row.", min=5)] = 50,
    protocol: Annotated[str, typer.Option(help="Its resizer upsamples for methods that need it.")] = "vdsr",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of torch; 0 for torch's default.", min=0)] = 0,
    out: Annotated[Path, typer.Option(help="The folder for the record.")] = SPEED,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RECORD", help="Compare with an earlier record (JSON); exit 1 if a row is slower."),
    ] = None,
    json: Json = False,
    plugin: Plugins = None,
    config: Config = None,
) -> None:
    """Time methods from LR to SR: latency, throughput, memory, and the share of the device's limits.

    Each row is warmed up until its time is stable, then timed by the device's clock, in turn with the others. Weights
    are not needed: speed does not depend on them. Quality is measured by `srbench run`, always in fp32.
    All rows are in the record, beside which a picture sets the stored PSNR of srbench's methods against their time.
    Ctrl-C keeps what has been timed.

    Exit codes: 0 fine, 1 slower than the record of --against, 2 wrong usage, 3 a row failed, 4 that record is unusable
    or the new one not writable, 130 interrupted.
    """
    from srbench.cli.console import stderr
    from srbench.inference import resolve_device
    from srbench.plugins.registry import Registry
    from srbench.protocols.builtin import get_protocol
    from srbench.speed.folder import require_writable
    from srbench.speed.measure import SpeedTest
    from srbench.speed.modes import DEFAULTS, parse_mode
    from srbench.speed.request import SpeedRequest

    if against is not None and json:
        raise UsageError("--against prints a comparison and --json one record; leave one of them out.")
    registry = Registry(plugin or [])
    choices = registry.select(split(methods))
    if supplied := [choice.label for choice in choices if choice.card.supplied]:
        raise UsageError(f"{supplied[0]} is a folder of SR images, which cannot be timed; leave it out.")
    where = resolve_device(device, threads)
    old = _earlier(against, where, protocol) if against is not None else None
    wanted: tuple[Mode, ...] = tuple(map(parse_mode, split(modes) or DEFAULTS[where.type]))
    if unfit := [str(mode) for mode in wanted if not mode.fits(where)]:
        raise UsageError(f"A {where.type} device has no mode {unfit[0]}; leave it out.")
    request = SpeedRequest(
        choices=tuple({choice.card.name: choice for choice in choices}.values()),
        scales=numbers("scales", scales, 1),
        sizes=_once(split(sizes)),
        modes=tuple(dict.fromkeys(wanted)),
        batches=_batches(batch),
        runs=runs,
    )
    _require_rows(request, where)
    resizer = get_protocol(protocol)
    require_writable(out)
    every = bool(all_modes or modes)
    with TimingLine() as progress, redirect_stdout(sys.stderr):  # stdout is for results only
        test = SpeedTest(registry, resizer, where, progress.tell, threads=threads)
        record, interrupted = _timed(test, request, where, protocol, progress, None if json else every)
    if not record.rows:
        stderr().print("interrupted before a row was timed")
        raise typer.Exit(EXIT_INTERRUPTED)
    kept = _keep(record, out)
    if json:
        from srbench.system.sealed import sealed

        echo_json(sealed(record))
    else:
        from srbench.report.text.speed import print_speed_legend
        from srbench.system.console import make_console

        print_speed_legend(record.rows, make_console(highlight=False), every=every)
    _say_what_is_kept(record, request.count(where), kept, interrupted)
    slower = old is not None and _compare(old, record)
    if isinstance(kept, SrbenchError):
        raise kept
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if any(row.error for row in record.rows):
        raise typer.Exit(EXIT_CELL_FAILED)
    if slower:
        raise typer.Exit(EXIT_REGRESSION)


class TimingLine:
    """What is being timed: a line that changes on a terminal, otherwise one every half a minute."""

    LINE_EVERY = 30.0

    def __init__(self) -> None:
        from srbench.cli.console import stderr

        self._console = stderr()
        self._results = sys.stdout
        self._status = self._console.status("")
        self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def tell(self, text: str) -> None:
        """Say what is being done now."""
        from rich.markup import escape

        self._status.update(escape(printable(text)))
        if not self._console.is_terminal and time.monotonic() - self._spoke > self.LINE_EVERY:
            self._spoke = time.monotonic()
            self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def results(self) -> Iterator[Console]:
        """A console on stdout, without the line that changes."""
        from srbench.system.console import make_console

        self._status.stop()
        yield make_console(file=self._results, highlight=False)
        self._results.flush()
        self._status.start()


def _timed(
    test: SpeedTest,
    request: SpeedRequest,
    device: torch.device,
    protocol: str,
    progress: TimingLine,
    every: bool | None,
) -> tuple[SpeedRecord, bool]:
    """The record, and whether Ctrl-C ended it early; rows are printed as they come.

    Args:
        test: what times.
        request: what is timed.
        device: where.
        protocol: whose resizer upsamples.
        progress: where to say how far it is.
        every: whether all rows are printed, or the fastest of each method; None prints none.
    """
    from srbench.report.text.speed import print_speed_head, print_speed_rows

    record, peaks = _without_rows(test, request, device, protocol)
    if every is not None:
        with progress.results() as console:
            print_speed_head(record, console)
    rows: list[SpeedRow] = []
    interrupted = False
    try:
        for group in test.groups(request, peaks):
            rows += group
            if every is not None:
                with progress.results() as console:
                    print_speed_rows(group, console, every=every)
    except KeyboardInterrupt:
        interrupted = True
    return record.model_copy(update={"rows": tuple(rows)}), interrupted


def _say_what_is_kept(record: SpeedRecord, asked: int, kept: Path | SrbenchError, interrupted: bool) -> None:
    from srbench.cli.console import stderr

    count = counted(len(record.rows), "row")
    if interrupted:
        count = f"interrupted: {len(record.rows)} of {counted(asked, 'row')}"
    lines = [count]
    if isinstance(kept, Path):
        lines += [f"record: {kept}", *(f"quality against time: {picture}" for picture in _draw(record, kept))]
    for line in lines:  # a path has one of its own, so that no terminal breaks it
        stderr().print(line, markup=False, soft_wrap=True)


def _draw(record: SpeedRecord, path: Path) -> list[Path]:
    """Pictures beside a record, PNG and SVG; the paths of the PNGs."""
    from srbench.analysis.references import load_references
    from srbench.report.plots.figures import render
    from srbench.report.plots.speed import speed_figures
    from srbench.system.files import write_atomically, writing_to

    made = []
    with writing_to(path.parent):
        for name, figure in speed_figures(record, load_references()):
            for kind, content in render(figure):
                write_atomically(path.with_name(f"{path.stem}-{name}.{kind}"), content)
            made.append(path.with_name(f"{path.stem}-{name}.png"))
    return made


def _earlier(path: Path, device: torch.device, protocol: str) -> SpeedRecord:
    """The record of --against; an incompatible one is refused before anything is timed."""
    from srbench.speed.against import require_same_machine
    from srbench.speed.measure import describe_machine
    from srbench.speed.record import read_speed_record
    from srbench.system.machine import device_name

    old = read_speed_record(path)
    require_same_machine(old, device_name(str(device)), describe_machine(device), protocol)
    return old


def _compare(old: SpeedRecord, new: SpeedRecord) -> bool:
    """Print how the rows differ; returns whether one is slower by more than the quartile ranges."""
    from srbench.report.text.speed import print_speed_pairs
    from srbench.speed.against import pair_speeds
    from srbench.system.console import make_console

    pairs = pair_speeds(old, new)
    if not pairs:
        raise UsageError("The record of --against has none of these rows; give the options that it was made with.")
    print_speed_pairs(pairs, make_console(highlight=False))
    return any(pair.slower for pair in pairs)


def _batches(text: str) -> tuple[str, ...]:
    batches = split(text)
    if not batches or not all(batch == "max" or (batch.isdecimal() and int(batch)) for batch in batches):
        raise UsageError(f"--batch takes numbers of images, or max, such as 1,max, not '{text}'.")
    return _once(batches)


def _once(sizes: tuple[str, ...]) -> tuple[str, ...]:
    """Each size once, in order."""
    return tuple(dict.fromkeys(str(int(size)) if size.isdecimal() else size for size in sizes))


def _require_rows(request: SpeedRequest, device: torch.device) -> None:
    """Require rows to time.

    Raises:
        UsageError: there are none.
    """
    for name, given in (("methods", request.choices), ("sizes", request.sizes)):
        if not given:
            raise UsageError(f"--{name} needs at least one.")
    if not any(next(request.ways(scale, device), None) for scale in request.scales):
        scales, modes = ", ".join(f"x{scale}" for scale in request.scales), ", ".join(map(str, request.modes))
        raise UsageError(f"Nothing to time: none of the methods works at {scales} in {modes}.")


def _without_rows(
    test: SpeedTest, request: SpeedRequest, device: torch.device, protocol: str
) -> tuple[SpeedRecord, Peaks]:
    """The record before anything is timed, but the device's limits; a busy machine is told."""
    import datetime
    import shlex

    from srbench.speed.measure import busy, describe_machine
    from srbench.speed.record import SpeedRecord
    from srbench.system.machine import device_name, versions

    if note := busy():
        warn(f"note: {note}")
    peaks = test.peaks(request.modes)
    return SpeedRecord(
        date=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        command=shlex.join(["srbench", *sys.argv[1:]]),
        device=device_name(str(device)),
        machine=describe_machine(device),
        versions=versions(),
        protocol=protocol,
        bandwidth_gb_s=round(peaks.bandwidth / 1e9, 1),
        tflops={name: round(rate / 1e12, 3) for name, rate in peaks.flops.items()},
        rows=(),
    ), peaks


def _keep(record: SpeedRecord, folder: Path) -> Path | SrbenchError:
    """Write the record; an error is returned, so that the values are shown first."""
    from srbench.speed.folder import keep_record

    try:
        return keep_record(record, folder)
    except SrbenchError as error:
        return error
