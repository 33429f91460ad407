"""``srbench explain``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Plugins
from srbench.errors import EXIT_REGRESSION, UsageError
from srbench.system.text import echo_json, warn

if TYPE_CHECKING:
    from srbench.data.catalog import Dataset
    from srbench.explain.catalogue import Candidate, Metric
    from srbench.explain.joint import Figure
    from srbench.explain.search import Answer, Number
    from srbench.explain.variant import Variant
    from srbench.plugins.card import Choice
    from srbench.plugins.registry import Registry

LINE_EVERY = 10.0
"""Seconds between lines of progress, without a terminal."""


def explain(
    numbers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NUMBER]...",
            help="A published PSNR or SSIM, or several: 33.66, 33.66/.9299, x3=30.39, set14:x2=30.24. Without one, "
            "values are listed.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="The data set: a name, name:split, or a folder of HR images.")
    ] = None,
    scale: Annotated[int | None, typer.Option(help="The factor by which HR is larger than LR.", min=1)] = None,
    method: Annotated[str | None, typer.Option(help="The method of the numbers.")] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Or a folder of SR images, named like the data set's images; {dataset} and {scale} may stand in it.",
        ),
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
    Of several numbers, those variants come first that give most of them.

    Examples:
      srbench explain 31.80 --method bicubic --dataset set5 --scale 2
      srbench explain x2=34.41 x3=29.63 x4=27.68 --method bicubic --dataset set5

    Exit codes: 0 fine, 1 no variant gives the numbers, 2 wrong usage, 3 the method failed, 4 data or weights missing.
    """
    if (method is None) == (images is None):
        raise UsageError("Give either --method NAME or --images DIR.")
    # NumPy's waiting threads use the CPU, and arrays are too small to gain from them
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from srbench.explain.joint import read_figures
    from srbench.explain.search import metric_named

    figures = read_figures(numbers or (), dataset, scale, metric)
    if len(figures) > 1:
        _explain_all(figures, method, images, plugin or [], device, thorough, json, top)
        return
    asked = figures[0].number if figures else None
    spec, factor = (figures[0].dataset, figures[0].scale) if figures else (dataset, scale)
    if spec is None or factor is None:
        raise UsageError(f"Give {'--dataset' if spec is None else '--scale'} too.")
    named = asked.metric if asked else metric_named(metric)
    data = _data(spec)
    with redirect_stdout(sys.stderr):  # stdout is for results only
        if images is not None:
            wanted: tuple[Metric, ...] = (named,) if named else ("psnr", "ssim")
            folder = _folder(images, data, factor)
            label = str(folder)
            answers = [_of_images(folder, data, factor, each, asked) for each in wanted]
        else:
            registry, choice = _chosen(str(method), [data], plugin or [])
            label = choice.label
            answers = [_of_method(registry, choice, data, factor, named or "psnr", asked, device, thorough)]
    _show(answers, f"{label} on {data.name} x{factor}", json, top, everything)
    if asked is not None and not answers[0].within_reach:
        raise typer.Exit(EXIT_REGRESSION)


def _explain_all(
    figures: Sequence[Figure],
    method: str | None,
    images: Path | None,
    plugins: list[Path],
    device: str,
    thorough: bool,
    as_json: bool,
    top: int,
) -> None:
    """Rank the variants by how many of several figures they give."""
    from srbench.explain.images import has_gray
    from srbench.explain.joint import Measured, search_all

    sets = {figure.dataset: _data(figure.dataset) for figure in figures}
    metrics = tuple(dict.fromkeys(figure.metric for figure in figures))
    with redirect_stdout(sys.stderr):
        gray = any(map(has_gray, sets.values()))
        if images is not None:
            label = str(images)
            tried = {each: _candidates_for_images(each, gray) for each in metrics}
        else:
            registry, choice = _chosen(str(method), list(sets.values()), plugins)
            label = choice.label
            tried = {each: _candidates(choice, each, thorough, gray) for each in metrics}
        values: dict[tuple[str, int, Metric], Mapping[Variant, float]] = {}
        for figure in figures:
            place = (figure.dataset, figure.scale, figure.metric)
            if place in values:
                continue
            data, variants = sets[figure.dataset], [candidate.variant for candidate in tried[figure.metric]]
            if images is not None:
                values[place] = _values_of_images(
                    _folder(images, data, figure.scale), data, figure.scale, figure.metric, variants
                )
            else:
                values[place] = _values_of_method(registry, choice, data, figure.scale, variants, device)
    measured = [
        Measured(
            replace(figure, dataset=sets[figure.dataset].name),
            values[figure.dataset, figure.scale, figure.metric],
        )
        for figure in figures
    ]
    answer = search_all(tried, measured)
    from srbench.report.text.explanation import joint_data, print_joint

    if as_json:
        from json import dumps

        echo_json(dumps({"schema_version": 1, "subject": label, **joint_data(answer, top)}, indent=1))
    else:
        from srbench.system.console import make_console

        print_joint(answer, label, make_console(highlight=False), top=top)
    if not answer.give_all:
        raise typer.Exit(EXIT_REGRESSION)


def _data(spec: str) -> Dataset:
    from srbench.data.catalog import resolve

    return resolve(spec)


def _folder(images: Path, data: Dataset, scale: int) -> Path:
    """The folder of a data set's SR images at a scale."""
    return Path(str(images).replace("{dataset}", data.called or data.name).replace("{scale}", str(scale)))


def _chosen(method: str, sets: Sequence[Dataset], plugins: list[Path]) -> tuple[Registry, Choice]:
    """The method, and the registry with its class."""
    from srbench.plugins.registry import Registry

    for data in sets:
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


def _candidates(choice: Choice, metric: Metric, thorough: bool, gray: bool) -> list[Candidate]:
    from srbench.explain.catalogue import candidates_for

    quick = choice.card.info.family == "interpolation"
    return candidates_for(choice.card.info, metric, thorough=thorough or quick, gray=gray)


def _candidates_for_images(metric: Metric, gray: bool) -> list[Candidate]:
    from srbench.explain.catalogue import candidates_for_images

    return candidates_for_images(metric, gray=gray)


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
    from srbench.explain.images import has_gray
    from srbench.explain.search import search

    candidates = _candidates(choice, metric, thorough, has_gray(data))
    values = _values_of_method(registry, choice, data, scale, [each.variant for each in candidates], device)
    return search(candidates, values, number, metric)


def _values_of_method(
    registry: Registry, choice: Choice, data: Dataset, scale: int, variants: Sequence[Variant], device: str
) -> Mapping[Variant, float]:
    from srbench.explain.compute import figures_of_method, makings
    from srbench.explain.images import hr_images
    from srbench.inference import resolve_device
    from srbench.training.loading import load_method

    where = resolve_device(device)
    method = load_method(registry, choice, scale, where)
    with _progress(choice.label, makings(variants) * len(data.items)) as step:
        values = figures_of_method(method, hr_images(data), scale, variants, where, step)
    method.close()
    return values


def _of_images(folder: Path, data: Dataset, scale: int, metric: Metric, number: Number | None) -> Answer:
    """Score SR images under every variant."""
    from srbench.explain.images import has_gray
    from srbench.explain.search import search

    candidates = _candidates_for_images(metric, has_gray(data))
    variants = [candidate.variant for candidate in candidates]
    return search(candidates, _values_of_images(folder, data, scale, metric, variants), number, metric)


def _values_of_images(
    folder: Path, data: Dataset, scale: int, metric: Metric, variants: Sequence[Variant]
) -> Mapping[Variant, float]:
    from srbench.data.sr_images import match
    from srbench.explain.images import figures_of_images

    matched = match(folder, data, scale)
    if matched.note:
        warn(f"{matched.note}")
    with _progress(metric.upper(), len(matched.files)) as step:
        return figures_of_images(matched.files, data, scale, variants, step)


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
