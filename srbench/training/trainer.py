"""Trains a learned method by a recipe and keeps the weights that validate best.

Images are prepared once by the protocol, cut into patches that stay on the device, and drawn there in batches. The
test sets are out of bounds: refused by name, and by the hash of their pixels under whatever name they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from srbench.data.catalog import resolve
from srbench.data.patches import batches, cut_pairs
from srbench.errors import DataError, MethodError
from srbench.imaging.files import to_uint8
from srbench.imaging.resize import imresize
from srbench.inference import run_method
from srbench.method import LearnedMethod, Method
from srbench.metrics.pixel import psnr
from srbench.protocol import Case, get_protocol
from srbench.recipe import Recipe
from srbench.training.guard import refuse_test_images
from srbench.training.losses import LOSSES
from srbench.weights import save_weights, trained_folder

Report = Callable[[int, int, float | None], None]
"""Called with the step, the number of steps and the validation PSNR, if one has been taken since the last call."""
REPORT_EVERY = 20


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training leaves: the best weights and the curve of (step, training loss, validation PSNR in dB)."""

    state: dict[str, Tensor]
    best_psnr: float
    curve: tuple[tuple[int, float, float], ...]


def train_and_save(
    method_class: type[Method], recipe: Recipe, scale: int, device: torch.device, file_name: str, report: Report
) -> Path:
    """Train, and keep the weights under ``file_name`` among the user's own; returns the file.

    Raises:
        DataError: training or validation data are missing, or belong to a test set.
        MethodError: the loss became NaN or infinite.
    """
    method = method_class()
    if not isinstance(method, LearnedMethod):
        raise MethodError(f"{method.info.name} is not a learned method")
    trained = train(method, recipe, scale, device, report)
    path = trained_folder() / file_name
    metadata = {
        "method": method.info.name,
        "version": method.info.version,
        "scale": scale,
        "recipe": recipe.model_dump(mode="json"),
        "recipe_hash": recipe.hash,
        "validation_psnr": trained.best_psnr,
        "curve": trained.curve,
    }
    try:
        save_weights(path, trained.state, metadata)
    except OSError as error:
        raise DataError(f"Weights cannot be written to {path}: {error.strerror}; set SRBENCH_CACHE.") from None
    return path


def train(method: LearnedMethod, recipe: Recipe, scale: int, device: torch.device, report: Report) -> Trained:
    """Train a fresh network of a method at a scale; leaves the best weights in ``method.model``."""
    inputs, targets = _patches(method, recipe, scale, device)
    validation = list(_cases(recipe.validation, recipe, scale))
    with torch.random.fork_rng(devices=[]):  # initialisation draws from the global generator
        torch.manual_seed(recipe.seed)
        network = method.network(scale).to(device)
    network = network.to(memory_format=torch.channels_last)
    method.model = network
    optimizer = _optimizer(network, recipe)
    loss_of = LOSSES[recipe.loss]
    stream = batches(inputs, targets, recipe.batch, torch.Generator().manual_seed(recipe.seed), flips=recipe.flips)
    best, best_psnr = _state(network), -math.inf
    curve: list[tuple[int, float, float]] = []
    losses: list[Tensor] = []
    for step in range(1, recipe.steps + 1):
        network.train()
        _set_rate(optimizer, recipe, step)
        x, y = next(stream)
        sr = network(x.contiguous(memory_format=torch.channels_last))
        loss = loss_of(sr, _centre(y, sr))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if recipe.clip_gradient is not None:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_gradient)
        optimizer.step()
        losses.append(loss.detach())
        if step % recipe.validate_every == 0 or step == recipe.steps:
            mean_loss = float(torch.stack(losses).mean())
            losses.clear()
            if not math.isfinite(mean_loss):
                raise MethodError(f"training {method.info.name} x{scale} diverged before step {step}: lower its rate")
            network.eval()
            value = validate(method, validation, device)
            curve.append((step, mean_loss, value))
            if value > best_psnr:
                best, best_psnr = _state(network), value
            report(step, recipe.steps, value)
        elif step % REPORT_EVERY == 0:
            report(step, recipe.steps, None)
    network.load_state_dict(best)
    network.eval()
    return Trained(best, best_psnr, tuple(curve))


def validate(method: Method, cases: list[Case], device: torch.device) -> float:
    """Mean PSNR in dB under the protocol."""
    values = []
    for case in cases:
        sr = case.finish(method.info, run_method(method, case.method_input(method.info), case.scale, device))
        values.append(psnr(*case.pair(sr)))
    return fmean(values)


def _patches(method: LearnedMethod, recipe: Recipe, scale: int, device: torch.device) -> tuple[Tensor, Tensor]:
    pairs = (
        (torch.from_numpy(case.method_input(method.info)), torch.from_numpy(case.method_target(method.info)))
        for case in _cases(recipe.train, recipe, scale, shrink=recipe.shrink)
    )
    try:
        return cut_pairs(pairs, recipe.patch - recipe.patch % scale, recipe.stride, device)
    except ValueError as error:
        raise DataError(f"The recipe cannot be trained: {error}.") from None


def _cases(specs: tuple[str, ...], recipe: Recipe, scale: int, shrink: tuple[float, ...] = (1.0,)) -> Iterator[Case]:
    """The images of data sets, each at every size asked for, as the recipe's protocol prepares them."""
    protocol = get_protocol(recipe.protocol)
    for spec in specs:
        dataset = resolve(spec)
        refuse_test_images(dataset)
        for sample in dataset.samples():
            hr = to_uint8(sample.hr)
            lr = None if sample.lr is None else to_uint8(sample.lr)
            for size in shrink:
                image = hr if size == 1.0 else imresize(hr, size)
                if min(image.shape[:2]) >= recipe.patch:
                    yield protocol.prepare(sample.name, image, scale, lr)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """One group a rate: the first prefix that fits a parameter's name sets its factor."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        factor = next((factor for prefix, factor in recipe.lr_factors if name.startswith(prefix)), 1.0)
        groups.setdefault(factor, []).append(parameter)
    options = [{"params": members, "factor": factor} for factor, members in groups.items()]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(options, lr=recipe.lr, momentum=recipe.momentum)
    return torch.optim.Adam(options, lr=recipe.lr, fused=True)


def _set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    part = (step - 1) / recipe.steps
    rate = recipe.lr * (0.5 * (1 + math.cos(math.pi * part)) if recipe.schedule == "cosine" else 1.0)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def _centre(target: Tensor, sr: Tensor) -> Tensor:
    """The middle of a target, of SR's size: networks without padding give smaller images."""
    top, left = (target.shape[2] - sr.shape[2]) // 2, (target.shape[3] - sr.shape[3]) // 2
    return target[..., top : top + sr.shape[2], left : left + sr.shape[3]]


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
