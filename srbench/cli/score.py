"""``srbench score``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Plugins, split
from srbench.errors import EXIT_CELL_FAILED, EXIT_DATA, MethodError, UsageError
from srbench.system.text import echo_json, warn

if TYPE_CHECKING:
    from srbench.bench.image_scores import FolderScores
    from srbench.data.dataset import Dataset
    from srbench.metrics.metric import Metric

WITH_HR, WITHOUT_HR = "psnr,ssim,niqe", "niqe"


def score(
    sr: Annotated[Path, typer.Argument(metavar="SR", help="A folder of images, or one image.")],
    hr: Annotated[
        str | None,
        typer.Option(
            metavar="HR", help="What they are compared with: a folder of images, a data set's name, or one image."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="What to score.", show_default=f"{WITHOUT_HR}; with HR {WITH_HR}"),
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="With HR: vdsr, edsr, … (see `srbench list`), or a TOML file.")
    ] = "vdsr",
    scale: Annotated[
        int | None,
        typer.Option(
            help="With HR: by which it is larger than LR was.", min=1, show_default="as the names say: baby_x4.png"
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a row an image to this file.")] = None,
    device: Annotated[str, typer.Option(help="Where networks of metrics run: cpu, auto, cuda, cuda:1, mps.")] = "cpu",
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Score images that are there already, with HR images or without.

    Values with HR are those of `srbench run`: cropped, rounded and shaved as the protocol says.
    No-reference metrics (niqe, brisque) need no HR, and score any image: SR, LR or HR.

    Examples:
      srbench score results/
      srbench score sr_x4/ --hr hr/ --metrics niqe,psnr --protocol edsr --csv scores.csv

    Exit codes: 0 fine, 2 wrong usage, 3 a metric failed on an image, 4 an image or weights are missing or wrong.
    """
    # NumPy's threads spin while they wait, and nothing here is large enough to gain by them
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from srbench.bench.availability import some_scoring_of
    from srbench.bench.folder_scores import score_folder
    from srbench.plugins.registry import Registry
    from srbench.protocols.builtin import get_protocol
    from srbench.system.memory import keep_freed_memory

    found = get_protocol(protocol)
    with redirect_stdout(sys.stderr):  # stdout is for results: what a plugin prints is not one
        registry = Registry(plugin or [], hosted=False)
        names = (WITH_HR if hr else WITHOUT_HR) if metrics is None else metrics
        asked = [registry.metric(name) for name in dict.fromkeys(split(names))]
        _require_hr(asked, hr)
        scoring, unavailable = some_scoring_of(found, asked, registry)
        wanted = hr if hr and any(metric.needs_hr for metric in scoring.metrics) else None
        compared = _compared(wanted) if wanted else None
        if device != "cpu":
            from srbench.inference import resolve_device

            device = str(resolve_device(device))
        keep_freed_memory()
        with _progress() as step:
            scores = score_folder(scoring, sr, compared, scale, device, step)
    if hr and wanted is None:
        scores.notes.append(f"{hr} was not looked at: no metric asked for needs HR")
    _write(scores, csv)
    if json:
        from json import dumps

        from srbench.report.text.scores import scores_data

        document = {"schema_version": 1, "sr": str(sr), "hr": hr, **scores_data(scores, asked, unavailable)}
        echo_json(dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _show(scores)
    for name, reason in unavailable.items():
        warn(f"{name} is unavailable: {reason}")
    for _, error in scores.failed:
        warn(str(error))
    if scores.failed:
        raise typer.Exit(EXIT_CELL_FAILED if any(isinstance(e, MethodError) for _, e in scores.failed) else EXIT_DATA)


def _require_hr(metrics: Sequence[Metric], hr: str | None) -> None:
    """Say what is missing before any image is read.

    Raises:
        UsageError: there is no metric, or one that needs HR and no HR.
    """
    if not metrics:
        raise UsageError("--metrics needs at least one.")
    comparing = [metric.name for metric in metrics if metric.needs_hr]
    if comparing and hr is None:
        raise UsageError(
            f"{', '.join(comparing)} compare{'s' if len(comparing) == 1 else ''} with HR: give --hr, or name "
            "no-reference metrics alone (--metrics niqe,brisque)."
        )


def _compared(hr: str) -> Dataset | Path:
    """The HR images that are meant, or the one. A folder's is not told apart by name from every other set's."""
    from srbench.data.catalog import known_names, resolve
    from srbench.data.own.folders import folder_dataset

    path = Path(hr)
    if path.is_file() and path.suffix != ".toml":
        return path
    return folder_dataset(path, hr) if path.is_dir() and hr not in known_names() else resolve(hr)


def _write(scores: FolderScores, csv: Path | None) -> None:
    if csv is None:
        return
    from srbench.report.text.scores import rows_of_images
    from srbench.system.files import write_atomically, writing_to

    with writing_to(csv.parent):
        write_atomically(csv, rows_of_images(scores))


def _show(scores: FolderScores) -> None:
    from srbench.report.text.scores import print_scores
    from srbench.system.console import make_console

    if scores.images:
        print_scores(scores, make_console(highlight=False))
    for note in scores.notes:
        warn(f"note: {note}")


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and nothing elsewhere. Yields what is called after each image with the number of all."""
    from srbench.cli.console import stderr

    console = stderr()
    if not console.is_terminal:
        yield lambda total: None
        return
    from srbench.system.console import counting_bars

    with counting_bars(console) as bars:
        task = bars.add_task("images", total=None)
        yield lambda total: bars.update(task, total=total, advance=1)
