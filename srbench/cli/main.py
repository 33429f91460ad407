"""The command line: registers the verbs, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from srbench.cli.board import board
from srbench.cli.bundle import bundle
from srbench.cli.challenge import export_challenge
from srbench.cli.check import check
from srbench.cli.claim import app as claim_app
from srbench.cli.compare import compare
from srbench.cli.data import app as data_app
from srbench.cli.degrade import degrade
from srbench.cli.doctor import doctor
from srbench.cli.efficiency import efficiency
from srbench.cli.explain import explain
from srbench.cli.export import export
from srbench.cli.guard import EXIT_PIPE, guarded, nobody_reads, open_what_is_closed
from srbench.cli.guard import debug as note_debug
from srbench.cli.list import list_
from srbench.cli.new import app as new_app
from srbench.cli.prose import help_of
from srbench.cli.report import report
from srbench.cli.run import run
from srbench.cli.score import score
from srbench.cli.speed import speed
from srbench.cli.train import train
from srbench.cli.upscale import upscale
from srbench.cli.verify import verify
from srbench.errors import EXIT_DATA, EXIT_USAGE, SrbenchError
from srbench.system.text import echo, warn
from srbench.version import __version__

app = typer.Typer(
    name="srbench",
    help="Compare image super-resolution methods, with values that are comparable to the literature.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run)
app.command("report")(report)
app.command("check")(check)
app.command("bundle")(bundle)
app.command("verify")(verify)
app.command("board")(board)
app.command("compare")(compare)
app.command("explain")(explain)
app.command("score")(score)
app.command("train")(train)
app.command("speed")(speed)
app.command("efficiency")(efficiency)
app.command("export")(export)
app.command("export-challenge")(export_challenge)
app.command("upscale")(upscale)
app.command("degrade")(degrade)
app.command("list")(list_)
app.command("doctor")(doctor)
_VERBS = [group.registered_commands for group in (app, data_app, new_app, claim_app)]
for _verb in (verb for verbs in _VERBS for verb in verbs):
    if _verb.callback is not None:
        _verb.help = help_of(_verb.callback)
        _verb.callback = guarded(_verb.callback)
app.add_typer(data_app, name="data", help="Data sets: list, fetch, verify and add.")
app.add_typer(claim_app, name="claim", help="Claims: figures that a paper prints, and a bundle's results for others.")
app.add_typer(new_app, name="new", help="Create a package with your own method.")


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"srbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; run everything in one process.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before the verb."""


_COMMAND = typer.main.get_command(app)


def main() -> None:
    """The program ``srbench``."""
    debug = "--debug" in sys.argv[1:]
    if debug:
        sys.argv.remove("--debug")  # accepted anywhere on the line
        note_debug()
    # torch's waiting threads use the CPU, which slows down busy machines
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler warns about missing GPUs
    open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # replace characters that the terminal lacks
            stream.reconfigure(errors="replace")
    try:
        _COMMAND()
    except SystemExit as error:
        if error.code == 1 and nobody_reads(error):  # of --help, which is not guarded
            sys.exit(EXIT_PIPE)
        raise
    except SrbenchError as error:
        if debug:
            traceback.print_exc()
        warn(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if debug:
            raise
        warn(f"{error.strerror or error}: {error.filename or 'the output'} cannot be used")
        sys.exit(EXIT_DATA)
    except Exception as error:
        if debug:
            raise
        warn(f"{type(error).__name__}: {error} - this is a bug in srbench; --debug shows where")
        sys.exit(EXIT_USAGE)


if __name__ == "__main__":
    main()
