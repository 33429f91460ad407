"""Initialisation, optimiser and learning rates of a recipe."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from srbench.errors import DataError
from srbench.recipe import Recipe
from srbench.training.soap import Soap
from srbench.weights import read_tensors


def initialise(network: nn.Module, recipe: Recipe) -> None:
    """Initialise the weights that the recipe's ``init`` names, in the network's order, from torch's generator."""
    for name, module in network.named_modules():
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if not isinstance(weight, nn.Parameter) or weight.ndim < 2:
            continue
        std = next((std for prefix, std in recipe.init if f"{name}.weight".startswith(prefix)), None)
        if std is None:
            continue
        if std == "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        else:
            nn.init.normal_(weight, std=float(std))
        if isinstance(bias, nn.Parameter):
            nn.init.zeros_(bias)


def start_from(network: nn.Module, path: Path, reset: tuple[str, ...] = ()) -> None:
    """Load from a weights file every tensor that the network has in the same shape.

    Tensors whose name starts with one of ``reset`` stay as they are.

    Raises:
        DataError: no tensor fits, or the file is damaged.
    """
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in read_tensors(path).items()
        if name in own and own[name].shape == tensor.shape and not name.startswith(reset or "\0")
    }
    if not fitting:
        raise DataError(f"The weights {path} do not fit the network that starts from them.")
    network.load_state_dict(fitting, strict=False)


def make_optimizer(network: nn.Module, recipe: Recipe, frozen: tuple[str, ...] = ()) -> torch.optim.Optimizer:
    """The optimiser, with one group of parameters per rate; names that start with one of ``frozen`` are not trained.

    Raises:
        DataError: nothing is left to train.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if name.startswith(frozen or "\0"):
            parameter.requires_grad_(False)
            continue
        factor = next((factor for pattern, factor in recipe.lr_factors if _fits(name, pattern)), 1.0)
        groups.setdefault(factor, []).append(parameter)
    if not groups:
        raise DataError(f"The recipe freezes every parameter ({', '.join(frozen)}); nothing is left to train.")
    options = [{"params": members, "factor": factor} for factor, members in groups.items()]
    decay = recipe.weight_decay
    if recipe.optimizer == "soap":
        return Soap(options, lr=recipe.lr, weight_decay=decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(options, lr=recipe.lr, momentum=recipe.momentum, weight_decay=decay)
    if decay:
        return torch.optim.AdamW(options, lr=recipe.lr, weight_decay=decay, fused=True)
    return torch.optim.Adam(options, lr=recipe.lr, fused=True)


def _fits(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*") else name.startswith(pattern)


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of the batch number ``step`` of ``steps``, counted from 1."""
    value = recipe.lr
    if recipe.schedule == "cosine":
        value *= 0.5 * (1 + math.cos(math.pi * ((step - 1) / steps)))
    elif recipe.schedule == "step":
        value *= recipe.gamma ** sum(step > milestone for milestone in recipe.milestones)
    return value * min(1.0, step / recipe.warmup) if recipe.warmup else value


def set_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set the learning rate, times the factor of each group."""
    for group in optimizer.param_groups:
        group["lr"] = value * group["factor"]
