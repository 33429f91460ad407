"""Methods that fit themselves: examples from a recipe, the method's own algorithm, and a validation at the end.

An interrupted fit starts again from the beginning.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from srbench.errors import DataError, MethodError, UsageError
from srbench.inference import method_errors, run_method
from srbench.method import FittedMethod
from srbench.recipe import Recipe
from srbench.training.examples import training_images, validation_cases
from srbench.training.progress import Point, Report, TrainingProgress
from srbench.training.validation import Trained, mean_psnr, psnrs, upsampled_psnr

CHECKED = 20
"""Training images whose error is computed after the fit."""


def fit(
    method: FittedMethod,
    recipe: Recipe,
    scale: int,
    device: torch.device,
    report: Report,
    validated: Callable[[Sequence[Point]], None],
) -> Trained:
    """Fit a method by its own algorithm; sets ``method.model``.

    Raises:
        UsageError: the recipe has settings of training in steps, or one that the method does not have.
        DataError: data are missing, belong to a test set, or are too small.
        MethodError: its own code raised, or a weight is not a number.
    """
    name = method.info.name
    if recipe.init_from is not None or recipe.transfer is not None or recipe.scales:
        raise UsageError(f"{name} fits itself to one scale, so its recipe has no init_from, transfer or scales.")
    began = time.monotonic()
    examples = training_images(method.info, recipe, scale)
    cases = validation_cases(recipe, scale)
    with method_errors(name):
        network = method.network(scale).to(device)
    total = 1

    def tell(done: int, of: int) -> None:
        nonlocal total
        total = of
        report(TrainingProgress(step=done, steps=of + 1))  # the validation is still to come

    tell(0, 1)
    with method_errors(name):
        try:
            method.fit(network, examples, recipe, scale, torch.Generator().manual_seed(recipe.seed), tell)
        except ValueError as error:
            raise DataError(f"{name} cannot be fitted: {error}.") from error
    state = {key: value.detach().clone() for key, value in network.state_dict().items()}
    for key, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise MethodError(f"{name} x{scale} fitted '{key}' to values that are not finite; change its settings")
    method.model = network.eval()
    with method_errors(name):
        mse = _error(method, examples[:: -(-len(examples) // CHECKED)], scale, device)
        values = psnrs(method, cases, device)
    best = mean_psnr(values)
    point = Point(
        step=recipe.steps_at(scale),
        rate=0.0,
        train_loss=mse,
        train_psnr=-10 * math.log10(max(mse, 1e-12)),
        validation_psnr=best,
        validation_mse=sum(10 ** (-value / 10) for value in values) / len(values),
        upsampled_psnr=upsampled_psnr(cases),
    )
    validated([point])
    report(TrainingProgress(step=total + 1, steps=total + 1, loss=mse, psnr=best, best=best))
    return Trained(state, best, (point,), time.monotonic() - began)


def _error(method: FittedMethod, examples: Sequence[tuple[Tensor, Tensor]], scale: int, device: torch.device) -> float:
    """The mean squared error over images that were fitted to."""
    squares, count = 0.0, 0
    for x, target in examples:
        sr = torch.from_numpy(run_method(method, x.numpy(), scale, device))
        squares += float(((sr - target) ** 2).sum())
        count += target.numel()
    return squares / count
