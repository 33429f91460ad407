"""``srbench explain``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Plugins
from srbench.errors import EXIT_REGRESSION, UsageError
from srbench.system.text import echo_json, warn

if TYPE_CHECKING:
    from srbench.data.catalog import Dataset
    from srbench.explain.catalogue import Metric
    from srbench.explain.search import Answer, Number
    from srbench.plugins.card import Choice
    from srbench.plugins.registry import Registry

LINE_EVERY = 10.0
"""Seconds between lines of progress, without a terminal."""


def explain(
    dataset: Annotated[str, typer.Option(help="The data set: a name, name:split, or a folder of HR images.")],
    scale: Annotated[int, typer.Option(help="The factor by which HR is larger than LR.", min=1)],
    number: Annotated[
        str | None,
        typer.Argument(metavar="[NUMBER]", help="A published PSNR or SSIM; without it, values are listed."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="The method of the number.")] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Or a folder of SR images, named like the data set's images.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="psnr|ssim", help="What the number is.", show_default="ssim if below 1")
    ] = None,
    top: Annotated[int, typer.Option(help="How many variants that give the number to show.", min=1)] = 10,
    everything: Annotated[bool, typer.Option("--all", help="Show every variant that was tried.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Also try rare ways to make LR, even if that takes long.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Find out which choices make a number: why a PSNR or SSIM is not the paper's.

    Tries every variant in use: resizers, rounding, luma or RGB, shaved border, average, SSIM window.
    Those that round to the number come first, the most plausible on top; then near misses.

    Example: srbench explain 31.80 --method bicubic --dataset set5 --scale 2

    Exit codes: 0 fine, 1 no variant gives the number, 2 wrong usage, 3 the method failed, 4 data or weights missing.
    """
    if (method is None) == (images is None):
        raise UsageError("Give either --method NAME or --images DIR.")
    # NumPy's waiting threads use the CPU, and arrays are too small to gain from them
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from srbench.data.catalog import resolve
    from srbench.explain.search import metric_named, read_number

    asked = None if number is None else read_number(number, metric)
    named = asked.metric if asked else metric_named(metric)
    data = resolve(dataset)
    with redirect_stdout(sys.stderr):  # stdout is for results only
        if images is not None:
            label = str(images)
            wanted: tuple[Metric, ...] = (named,) if named else ("psnr", "ssim")
            answers = [_of_images(images, data, scale, each, asked) for each in wanted]
        else:
            registry, choice = _chosen(str(method), data, plugin or [])
            label = choice.label
            answers = [_of_method(registry, choice, data, scale, named or "psnr", asked, device, thorough)]
    _show(answers, f"{label} on {data.name} x{scale}", json, top, everything)
    if asked is not None and not answers[0].within_reach:
        raise typer.Exit(EXIT_REGRESSION)


def _chosen(method: str, data: Dataset, plugins: list[Path]) -> tuple[Registry, Choice]:
    """The method, and the registry with its class."""
    from srbench.plugins.registry import Registry

    if data.supplies_lr:
        its = "its" if data.has_hr else "an"
        raise UsageError(f"'{data.spec}' supplies LR, but explain makes its own; name {its} HR folder alone.")
    registry = Registry(plugins, hosted=False)
    choices = registry.select((method,))
    if len(choices) > 1:
        raise UsageError(f"--method takes one method, and '{method}' means {len(choices)}.")
    if choices[0].card.supplied:
        raise UsageError(f"'{method}' is a folder of SR images; name it by --images.")
    return registry, choices[0]


def _of_method(
    registry: Registry,
    choice: Choice,
    data: Dataset,
    scale: int,
    metric: Metric,
    number: Number | None,
    device: str,
    thorough: bool,
) -> Answer:
    """Recompute a method under every variant."""
    from srbench.explain.catalogue import candidates_for
    from srbench.explain.compute import figures_of_method, makings
    from srbench.explain.images import has_gray, hr_images
    from srbench.explain.search import search
    from srbench.inference import resolve_device
    from srbench.training.loading import load_method

    quick = choice.card.info.family == "interpolation"
    candidates = candidates_for(choice.card.info, metric, thorough=thorough or quick, gray=has_gray(data))
    variants = [candidate.variant for candidate in candidates]
    where = resolve_device(device)
    method = load_method(registry, choice, scale, where)
    with _progress(choice.label, makings(variants) * len(data.items)) as step:
        figures = figures_of_method(method, hr_images(data), scale, variants, where, step)
    method.close()
    return search(candidates, figures, number, metric)


def _of_images(folder: Path, data: Dataset, scale: int, metric: Metric, number: Number | None) -> Answer:
    """Score SR images under every variant."""
    from srbench.data.sr_images import match
    from srbench.explain.catalogue import candidates_for_images
    from srbench.explain.images import figures_of_images, has_gray
    from srbench.explain.search import search

    matched = match(folder, data, scale)
    if matched.note:
        warn(f"{matched.note}")
    candidates = candidates_for_images(metric, gray=has_gray(data))
    variants = [candidate.variant for candidate in candidates]
    with _progress(metric.upper(), len(matched.files)) as step:
        figures = figures_of_images(matched.files, data, scale, variants, step)
    return search(candidates, figures, number, metric)


def _show(answers: list[Answer], subject: str, as_json: bool, top: int, everything: bool) -> None:
    from srbench.report.text.explanation import answer_data, print_answer

    if as_json:
        from json import dumps

        rows = [answer_data(answer, everything=everything) for answer in answers]
        document = {"schema_version": 1, "subject": subject, "answers": rows}
        echo_json(dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
        return
    from srbench.system.console import make_console

    console = make_console(highlight=False)
    for i, answer in enumerate(answers):
        if i:
            console.print()
        print_answer(answer, subject, console, top=top, everything=everything)


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show progress on stderr: a bar on a terminal, otherwise lines. Yields what to call after each step."""
    from srbench.cli.console import stderr

    console = stderr()
    if console.is_terminal:
        from rich.progress import BarColumn, TimeRemainingColumn

        from srbench.system.console import make_bars

        with make_bars(console, BarColumn(), TimeRemainingColumn()) as bars:
            task = bars.add_task(label, total=total)
            yield lambda: bars.advance(task)
        return
    done, spoke = 0, time.monotonic()

    def step() -> None:
        nonlocal done, spoke
        done += 1
        if time.monotonic() - spoke > LINE_EVERY:
            spoke = time.monotonic()
            console.print(f"{label}: {done / total:.0%} of the variants computed", markup=False)

    yield step
