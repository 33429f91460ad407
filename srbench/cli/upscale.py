"""``srbench upscale``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.console import stderr
from srbench.cli.guard import is_debugging
from srbench.cli.options import Json, Plugins
from srbench.errors import EXIT_CELL_FAILED, EXIT_DATA, DataError, MethodError, SrbenchError, UsageError
from srbench.system.console import counting_bars
from srbench.system.text import echo_json, warn

if TYPE_CHECKING:
    from srbench.photo.job import Done
    from srbench.photo.paths import Job
    from srbench.photo.upscale import Upscaler
    from srbench.plugins.card import Choice
    from srbench.plugins.registry import Registry


def upscale(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="An image, a folder of them, a quoted glob, or - for stdin.")
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="OUT", help="A file, whose suffix says the format; a folder; or - for stdout."),
    ],
    method: Annotated[
        str, typer.Option(help="Any of `srbench list`. The default scores best of those that come with weights.")
    ] = "fsrcnn",
    scale: Annotated[int, typer.Option(help="How many times as wide and as high.", min=1)] = 2,
    tile: Annotated[
        int,
        typer.Option(metavar="PIXELS", help="Side of the parts that it is worked on in: 16 or more; 0 chooses."),
    ] = 0,
    format: Annotated[
        str,
        typer.Option(
            "--format", help="png, jpeg, tiff, webp, bmp, ppm or pgm.", show_default="as OUT's suffix; png for stdout"
        ),
    ] = "",
    quality: Annotated[int, typer.Option(help="Of JPEG and WebP; WebP is lossless at 100.", min=1, max=100)] = 95,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write OUT.compare.png: bicubic left, the method right.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of torch; 0 leaves it to torch.", min=0)] = 0,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Upsample images: transparency, 16 bits, colour profile, resolution and EXIF stay.

    Large images are worked on in parts, in little memory. A turned photograph is turned upright.

    Examples:
      srbench upscale photo.jpg large.png
      srbench upscale album/ large/ --scale 4 --compare

    Exit codes: 0 fine, 2 wrong usage, 3 the method failed, 4 an image is missing or cannot be read; others are done.
    """
    # what is said here of files has to be true before torch, which takes seconds, is loaded
    from srbench.photo.paths import STREAM, find_jobs, left_out
    from srbench.plugins.registry import Registry

    if json and target == STREAM:
        raise UsageError("--json and the image would both go to stdout; name a file as OUT.")
    if target == STREAM and sys.stdout.isatty():
        raise UsageError("The image would go to the terminal; send stdout to a file or a program.")
    if tile and tile < SMALLEST:
        raise UsageError(f"--tile takes {SMALLEST} pixels or more, or 0, not {tile}.")
    jobs = find_jobs(source, target, format, compare=compare, overwrite=overwrite)
    if passed_over := left_out(source):
        warn(f"note: {passed_over}")
    with redirect_stdout(sys.stderr):  # stdout is for results: what a plugin prints is not one
        registry = Registry(plugin or [], hosted=False)
        choices = registry.select((method,))
        if len(choices) > 1:
            raise UsageError(f"--method takes one method, and '{method}' means {len(choices)}.")
        upscaler = _ready(registry, choices[0], scale, device, threads, tile or None)
        try:
            done, failed = _upscale_all(jobs, upscaler, ("bicubic", f"{choices[0].card.name} x{scale}"), quality)
        finally:
            upscaler.method.close()
    if json:
        echo_json(_document(choices[0].label, upscaler, done, failed))
    if failed:
        raise typer.Exit(EXIT_CELL_FAILED if any(isinstance(e, MethodError) for _, e in failed) else EXIT_DATA)


SMALLEST = 16
"""Tiles below that would be margin for the most part."""


def _ready(registry: Registry, choice: Choice, scale: int, device: str, threads: int, tile: int | None) -> Upscaler:
    from srbench.inference import resolve_device
    from srbench.photo.upscale import Upscaler
    from srbench.training.loading import load_method

    where = resolve_device(device, threads)
    return Upscaler(load_method(registry, choice, scale, where), scale, where, tile)


def _upscale_all(
    jobs: Sequence[Job], upscaler: Upscaler, labels: tuple[str, str], quality: int
) -> tuple[list[Done], list[tuple[Job, SrbenchError]]]:
    """One image after the other; what fails, foreseen or not, does not hold up the others.

    How far it is is told on stderr: a line for each image, and bars below them where there is a terminal.
    """
    from srbench.photo.job import upscale_file

    done: list[Done] = []
    failed: list[tuple[Job, SrbenchError]] = []
    console, many = stderr(), len(jobs) > 1

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    bars = counting_bars(console)
    bars.disable = not console.is_terminal
    with bars:
        files = bars.add_task("images", total=len(jobs), visible=many)
        parts = bars.add_task("", total=None)

        def progress(count: int, of: int) -> None:
            bars.update(parts, completed=count, total=of)

        for number, job in enumerate(jobs, 1):
            bars.reset(parts, total=None, description=job.name)
            try:
                one = upscale_file(job, upscaler, labels, quality, progress)
            except (typer.Exit, BrokenPipeError):
                raise
            except Exception as error:
                if not many or is_debugging():
                    raise
                failed.append((job, error if isinstance(error, SrbenchError) else _unforeseen(job, error)))
                say(f"srbench: {failed[-1][1]}")
            else:
                done.append(one)
                for note in one.notes:
                    say(f"note: {one.input}: {note}")
                sizes = f"{one.width}x{one.height} to {one.out_width}x{one.out_height}"
                count = f"[{number}/{len(jobs)}] " * many
                say(f"{count}{one.input}: {sizes} in {one.seconds:.1f} s, {one.output}")
            bars.advance(files)
    return done, failed


def _unforeseen(job: Job, error: Exception) -> SrbenchError:
    return DataError(f"{job.name}: {type(error).__name__}: {error} - this is a bug in srbench; --debug shows where")


def _document(label: str, upscaler: Upscaler, done: list[Done], failed: list[tuple[Job, SrbenchError]]) -> str:
    from dataclasses import asdict
    from json import dumps

    document = {
        "schema_version": 1,
        "method": label,
        "scale": upscaler.scale,
        "device": str(upscaler.device),
        "files": [asdict(one) for one in done],
        "failed": [{"input": job.name, "exit_code": error.exit_code, "error": str(error)} for job, error in failed],
    }
    return dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
