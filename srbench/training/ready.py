"""A method ready to run: made, and with its weights where it has any."""

from __future__ import annotations

from pathlib import Path

import torch

from srbench.card import Choice
from srbench.errors import DataError, UsageError
from srbench.method import LearnedMethod, Method
from srbench.registry import Registry
from srbench.training.job import plan_training
from srbench.weights import load_weights


def ready_method(registry: Registry, choice: Choice, scale: int, device: torch.device, *, seed: int = 0) -> Method:
    """A chosen method with the weights that are here; nothing is trained.

    Raises:
        UsageError: it does not work at that scale.
        DataError: it has no weights here, or they are damaged.
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
            raise DataError(
                f"There are no weights of {training}; `srbench train {choice.label} --scales {scale}` makes them."
            )
    return make_method(registry.method(card.name), scale, weights, device)


def make_method(method_class: type[Method], scale: int, weights: Path | None, device: torch.device) -> Method:
    """An instance, with its weights on the device.

    Raises:
        DataError: the weights are damaged, or another network's.
    """
    method = method_class()
    if isinstance(method, LearnedMethod) and weights is not None:
        network = method.network(scale)
        load_weights(weights, network)
        # on a CPU the faster layout; on a GPU that depends on the precision, and figures are taken in float32
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        method.model = network.to(device).to(memory_format=layout).eval()
    return method
