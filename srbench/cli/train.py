"""``srbench train``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Plugins, numbers, split
from srbench.errors import EXIT_INTERRUPTED, MethodError, UsageError
from srbench.system.text import warn

if TYPE_CHECKING:
    import torch

    from srbench.cli.console import RunConsole
    from srbench.plugins.card import Choice
    from srbench.plugins.registry import Registry
    from srbench.training.job import Training
    from srbench.training.overrides import OwnData
    from srbench.training.progress import Report


def train(
    methods: Annotated[
        list[str] | None, typer.Argument(help="name, name:recipe, name:FILE.toml or globs.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every learned method.")] = False,
    recipe: Annotated[str, typer.Option(help="The recipe of methods named without one.")] = "",
    steps: Annotated[
        int | None,
        typer.Option(help="Batches, in place of the recipe's.", min=1, show_default="the recipe's"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DIR[,DIR]",
            help="Train on these in place of the recipe's data: names, folders, or folders of HR and LR. A tenth is "
            "held out for validation.",
            show_default="the recipe's",
        ),
    ] = None,
    scales: Annotated[str | None, typer.Option(help="Scales.", show_default="2,3,4; that of pairs")] = None,
    seeds: Annotated[str, typer.Option(help="Each is added to the recipe's own.")] = "0",
    force: Annotated[bool, typer.Option("--force", help="Train even if the weights exist.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of torch; 0 for torch's default.", min=0)] = 0,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write the progress for TensorBoard.")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Train methods and print the paths of their weights.

    Existing weights are not trained again. After an interruption the same command resumes; only methods that fit
    themselves start again. The training's curve is beside the weights (.csv, .png, .svg).
    With --steps or --data it is another recipe, with weights of its own; how to run it is said at the end.

    Examples:
      srbench train fsrcnn --scales 2
      srbench train srcnn-y:quick --steps 500 --data photos/ --scales 2

    Exit codes: 0 fine, 2 wrong usage, 3 a training failed and the rest completed, 4 data missing or corrupt,
    130 interrupted.
    """
    from srbench.cli.console import RunConsole, stderr
    from srbench.plugins.registry import Registry
    from srbench.recipe import MOST_SEED

    registry = Registry(plugin or [])
    choices = _choices(registry, methods or [], every, recipe)
    asked = numbers("scales", scales, 1) if scales is not None else ()
    own = _own_data(data, asked) if data is not None else None
    changed = own is not None or steps is not None
    if changed:
        from srbench.training.overrides import overridden

        choices = [overridden(choice, steps, own) for choice in choices]
    asked = asked or ((own.scale,) if own is not None and own.scale else (2, 3, 4))
    trainings = _trainings(choices, asked, numbers("seeds", seeds, 0, MOST_SEED), bool(methods))
    from srbench.inference import resolve_device

    where = resolve_device(device, threads)
    done: set[str] = set()
    failed: dict[str, MethodError] = {}
    failures: list[MethodError] = []
    with RunConsole(len(trainings), "trainings") as console:
        watch: Callable[[Training], Report] = console.training
        if tensorboard is not None:
            from srbench.api.tracking import TensorBoard

            watch = TensorBoard(tensorboard, console.training).training
        for training in trainings:
            found = training.find()
            if found is not None and (not force or training.file_name in done):
                console.say(f"{training} is trained already", markup=False)
            try:
                with redirect_stdout(sys.stderr):  # stdout is for results only
                    path = _obtain(registry, training, where, threads, console, watch, force, done, failed)
            except KeyboardInterrupt:
                fitted = registry.card(training.method).fitted
                rest = f"fits {training.label} again" if fitted else "resumes it"
                stderr().print(f"\ninterrupted; the same command {rest}", markup=False)
                raise typer.Exit(EXIT_INTERRUPTED) from None
            except MethodError as error:  # the others continue; it is reported at the end
                console.training_failed(training)
                failures.append(MethodError(f"{training}: {error}"))
                failures[-1].__cause__ = error
            else:
                console.result(path)
                if (curve := path.with_suffix(".png")).is_file():
                    console.say(f"curve: {curve}", markup=False)
            console.advance()
    if changed and not failures:
        _say_how_to_run(choices, own, asked, plugin or [])
    if failures:
        for failure in failures[:-1]:
            warn(str(failure))
        raise failures[-1]


def _own_data(given: str, scales: tuple[int, ...]) -> OwnData:
    """The data of --data, which is told.

    Raises:
        UsageError: there is none, or pairs are of another scale than those that are asked for.
    """
    from srbench.training.overrides import own_data

    if not (names := split(given)):
        raise UsageError("--data needs at least one data set or folder.")
    own = own_data(names, scales[0] if len(scales) == 1 else None)
    if own.scale and scales and scales != (own.scale,):
        raise UsageError(f"The pairs of {given} are for x{own.scale}: give --scales {own.scale}.")
    for note in own.notes:
        warn(f"note: {note}")
    return own


def _say_how_to_run(choices: list[Choice], own: OwnData | None, scales: tuple[int, ...], plugins: list[Path]) -> None:
    """The recipe of each method as a file, and the command that has it as a row."""
    import shlex

    from srbench.cli.console import stderr
    from srbench.system.names import join_names
    from srbench.training.overrides import keep_recipe

    rows = join_names(["bicubic", *(f"{choice.card.name}:{keep_recipe(choice)}" for choice in choices)])
    words = ["srbench", "run", "--methods", rows, "--scales", ",".join(map(str, scales))]
    if own is not None and own.scale:
        words += ["--protocol", "paired", "--datasets", "hr=DIR,lr=DIR"]
    words += [word for path in plugins for word in ("--plugin", str(path))]
    where = " on pairs that it was not trained on" if own is not None and own.scale else ""
    stderr().print(f"run it{where}: {shlex.join(words)}", markup=False, soft_wrap=True)


def _obtain(
    registry: Registry,
    training: Training,
    device: torch.device,
    threads: int,
    console: RunConsole,
    watch: Callable[[Training], Report],
    force: bool,
    done: set[str],
    failed: dict[str, MethodError],
) -> Path:
    """Find or train weights; third-party methods are trained in their own process."""
    from srbench.training.hosted import obtain_hosted
    from srbench.training.trainer import obtain

    origin = registry.host_origin(training.method)
    if origin is None:
        return obtain(
            training,
            registry.method(training.method),
            device,
            watch,
            again=force,
            done=done,
            failed=failed,
            waiting=lambda other: console.waiting(f"training {other}"),
        )
    found = training.find()
    if found is not None and not (force and training.file_name not in done):
        return found
    if training.file_name in failed:
        raise failed[training.file_name]
    if training.after is not None:  # first, so that it is tried once
        _obtain(registry, training.after, device, threads, console, watch, force, done, failed)
    host = registry.hosts.of(origin)
    try:
        path = obtain_hosted(host, training, str(device), threads, watch, force, done, console.waiting)
    except MethodError as error:
        failed[training.file_name] = error
        raise
    done.add(training.file_name)
    return path


def _choices(registry: Registry, methods: list[str], every: bool, recipe: str) -> list[Choice]:
    """The methods and recipes to train.

    Raises:
        UsageError: none is named, one is unknown, or one is not learned.
    """
    if every == bool(methods):
        raise UsageError("Name methods to train, or pass --all.")
    patterns = methods or ["*"]
    if recipe:
        patterns = [pattern if ":" in pattern else f"{pattern}:{recipe}" for pattern in patterns]
    chosen = registry.select(patterns)
    if not every and (wrong := [choice for choice in chosen if not choice.card.learned and not choice.by_glob]):
        raise UsageError(f"Method '{wrong[0].card.name}' is not trained.")
    learned = [choice for choice in chosen if choice.card.learned]
    if not learned:
        raise UsageError(f"No learned method has a recipe '{recipe}'." if recipe else "No learned method matches.")
    return learned


def _trainings(choices: list[Choice], scales: tuple[int, ...], seeds: tuple[int, ...], strict: bool) -> list[Training]:
    """One training per weights file, in order.

    Raises:
        UsageError: a named method does not support a scale.
    """
    from srbench.training.job import plan_training

    trainings: dict[str, Training] = {}
    for choice in choices:
        left = sorted(set(scales) - choice.card.info.scales)
        if left and strict:
            raise UsageError(f"Method '{choice.card.name}' does not work at x{left[0]}.")
        for scale in (scale for scale in scales if scale not in left):
            for seed in dict.fromkeys(seeds):
                recipe = choice.card.recipes[choice.recipe]
                training = plan_training(choice.card, recipe, scale, seed, choice.label)
                trainings.setdefault(training.file_name, training)
    return list(trainings.values())
