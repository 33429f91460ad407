"""What is exported: a method at a scale, with its weights and their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from srbench.errors import UsageError
from srbench.method import Method
from srbench.models.model import ExportedWeights, FileMethod
from srbench.plugins.card import Card, Choice
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe
from srbench.training.job import plan_training
from srbench.training.loading import load_method
from srbench.weights import read_metadata, weights_sha256


@dataclass(frozen=True, slots=True)
class ExportSubject:
    """A method at a scale, loaded on the CPU.

    Attributes:
        choice: the method and its recipe.
        scale: the scale.
        seed: added to the recipe's own.
        method: with its weights.
        weights: their file; None for a method that is not trained.
        licence: of the weights, or of a method without weights; empty if unknown.
        rgb: for a method of luma: its graph takes and returns RGB.
    """

    choice: Choice
    scale: int
    seed: int
    method: Method
    weights: Path | None = None
    licence: str = ""
    rgb: bool = False

    @property
    def card(self) -> Card:
        """The card of the method."""
        return self.choice.card

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of the weights, with the seed."""
        return self.card.recipes[self.choice.recipe].seeded(self.seed) if self.card.learned else None

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the weights file."""
        return read_metadata(self.weights) if self.weights else {}

    @property
    def sha256(self) -> str:
        """Of the weights' tensors; empty for a method that is not trained."""
        return weights_sha256(self.weights) if self.weights else ""

    @property
    def name(self) -> str:
        """The stem of its files without the scale: the method, and recipe and seed if not default."""
        recipe = self.choice.recipe if self.choice.recipe != next(iter(self.card.recipes), "") else ""
        name = self.card.name.rpartition(":")[2]  # of a model without its kind
        return "_".join(part for part in (name, recipe, f"seed{self.seed}" if self.seed else "") if part)

    @property
    def is_network(self) -> bool:
        """Whether it has weights: a learned method, or a model from a file."""
        return self.card.learned or isinstance(self.method, FileMethod | ExportedWeights)

    @property
    def onnx_name(self) -> str:
        """The file name of its graph."""
        return f"{self.name}_x{self.scale}{'_rgb' if self.rgb else ''}.onnx"

    @property
    def weights_name(self) -> str:
        """The file name of its weights, the same for all scales that share them."""
        scales = self.recipe.scales if self.recipe else ()
        return f"{self.name}_x{'-'.join(map(str, scales or (self.scale,)))}.safetensors"

    def __str__(self) -> str:
        return f"{self.choice.label} x{self.scale}"


def make_subjects(
    registry: Registry,
    method: str,
    scales: Sequence[int] = (),
    *,
    seed: int = 0,
    licence: str | None = None,
    rgb: bool = False,
) -> tuple[ExportSubject, ...]:
    """The method at each scale.

    Args:
        registry: the methods.
        method: ``name``, ``name:recipe`` or ``name:FILE.toml``.
        scales: empty for all that it has weights for, or supports if it needs none.
        seed: of the training.
        rgb: graphs of a method of luma take and return RGB.
        licence: of the weights; by default srbench's for its own methods, and unknown for others.

    Raises:
        UsageError: several methods match, or it does not support a scale.
        DataError: its weights are missing.
    """
    chosen = registry.select((method,))
    if len(chosen) > 1:
        raise UsageError(f"One method is exported at a time, and '{method}' is {', '.join(c.label for c in chosen)}.")
    (choice,) = chosen
    if choice.card.base:
        raise UsageError(f"{choice.label} is eight runs of one network: export {choice.card.base}.")
    if choice.card.supplied:
        raise UsageError(f"{choice.label} is a folder of SR images, and no network; name a method.")
    if rgb and choice.card.info.channels != "y":
        raise UsageError(f"{choice.label} is no method of luma: it takes RGB as it is; leave --rgb out.")
    if licence is None:
        licence = "apache-2.0" if choice.card.origin == "srbench" else ""
    return tuple(
        ExportSubject(
            choice,
            scale,
            seed,
            load_method(registry, choice, scale, torch.device("cpu"), seed=seed),
            _weights(choice, scale, seed),
            licence,
            rgb,
        )
        for scale in scales or _all_scales(choice, seed)
    )


def _weights(choice: Choice, scale: int, seed: int) -> Path | None:
    card = choice.card
    return plan_training(card, card.recipes[choice.recipe], scale, seed, choice.label).find() if card.learned else None


def _all_scales(choice: Choice, seed: int) -> list[int]:
    """The scales with weights; all scales if there are none, so that loading reports it."""
    scales = sorted(scale for scale in choice.card.info.scales if isinstance(scale, int))
    return [scale for scale in scales if not choice.card.learned or _weights(choice, scale, seed)] or scales
