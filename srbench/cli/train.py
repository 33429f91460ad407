"""``srbench train``."""

from __future__ import annotations

from typing import Annotated

import typer

from srbench.cli.options import Plugins, numbers


def train(
    method: Annotated[str, typer.Argument(help="name or name:recipe.")],
    scales: Annotated[str, typer.Option(help="Scales.")] = "2,3,4",
    seed: Annotated[int, typer.Option(help="Added to the recipe's seed.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    plugin: Plugins = None,
) -> None:
    """Train a method by a recipe, whether or not its weights are here, and print where they are."""
    from srbench.bench.plan import plan_training
    from srbench.cli.console import RunConsole
    from srbench.errors import UsageError
    from srbench.inference import resolve_device
    from srbench.registry import Registry
    from srbench.training.trainer import train_and_save

    registry = Registry(plugin or [])
    choices = registry.select([method])
    wanted = numbers("scales", scales, 1)
    for choice in choices:
        if not choice.card.learned:
            raise UsageError(f"Method '{choice.card.name}' is not trained.")
        if left := sorted(set(wanted) - choice.card.info.scales):
            raise UsageError(f"Method '{choice.card.name}' does not work at x{left[0]}.")
    with RunConsole(len(choices) * len(wanted)) as console:
        for choice in choices:
            for scale in wanted:
                plan = plan_training(choice.card, choice.card.recipes[choice.recipe], scale, seed)
                report = console.training_of(f"{choice.label} x{scale}")
                path = train_and_save(
                    registry.method(choice.card.name),
                    plan.recipe,
                    scale,
                    resolve_device(device),
                    plan.file_name,
                    report,
                )
                typer.echo(path)
