"""Loads a chosen method with its weights."""

from __future__ import annotations

import torch

from srbench.errors import DataError, UsageError
from srbench.method import Method
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.training.job import plan_training, training_command
from srbench.weights import make_method


def load_method(registry: Registry, choice: Choice, scale: int, device: torch.device, *, seed: int = 0) -> Method:
    """Load a chosen method with existing weights; nothing is trained.

    Raises:
        UsageError: it does not work at that scale.
        DataError: its weights are missing or damaged.
    """
    card = choice.card
    if scale not in card.info.scales:
        known = ", ".join(f"x{known}" for known in sorted(card.info.scales))
        raise UsageError(f"{choice.label} does not work at x{scale}; it does at {known}.")
    weights = None
    if card.learned:
        training = plan_training(card, card.recipes[choice.recipe], scale, seed, choice.label)
        weights = training.find()
        if weights is None:
            command = training_command(choice.label, scale, seed)
            raise DataError(f"There are no weights of {training}; `{command}` makes them.")
    return make_method(registry.method(card.name), scale, weights, device)
