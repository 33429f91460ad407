"""The result of a training, and its quality on the validation images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.metrics.pixel import psnr
from srbench.protocols.case import Case
from srbench.recipe import Recipe
from srbench.training.progress import Point

EXACT = 100.0
"""The upper limit in dB of an image's PSNR in the mean.

A flat image may be restored exactly: its infinite PSNR would make every mean infinite, and the first validation the
best. With a limit, unlike without such images, a better image never lowers the mean.
"""


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a training: the best weights, their PSNR in dB, all validations, and the training time."""

    state: dict[str, Tensor]
    best_psnr: float
    curve: tuple[Point, ...]
    seconds: float


POINTS = 20
"""A curve's, if they cost little; with those at which the recipe validates fewer than 50."""


def points_between(recipe: Recipe, steps: int, pixels: int) -> frozenset[int]:
    """After which batches a training's curve has points beside those at which the recipe validates.

    Evenly between those, where they are fewer than :data:`POINTS`, as long as the curve costs no more than half of what
    the training does, of which a pass forward is a third.

    Args:
        recipe: the recipe.
        steps: batches of the training.
        pixels: of all validation images.
    """
    wanted = min(POINTS, int(0.5 * 3 * steps * recipe.batch * recipe.patch**2 / pixels))
    every = min(recipe.validate_every, steps)
    if steps >= wanted * every:
        return frozenset()
    found: set[int] = set()
    for begin in range(0, steps, every):
        length = min(every, steps - begin)
        parts = min(round(-(-wanted * every // steps) * length / every), length)
        found |= {begin + length * part // parts for part in range(1, parts)}
    return frozenset(found)


def psnrs(method: Method, cases: Sequence[Case], device: torch.device) -> list[float]:
    """The PSNR in dB of each image under the protocol."""
    values = []
    for case in cases:
        sr = case.finish(method.info, run_method(method, case.method_input(method.info), case.scale, device))
        values.append(psnr(*case.pair(sr)))
    return values


def upsampled_psnr(cases: Sequence[Case]) -> float:
    """The mean PSNR in dB of the images as the protocol upsamples them, computed as for validations."""
    info = MethodInfo(name="upsampled", family="interpolation", channels="any", input="upsampled")
    return mean_psnr([psnr(*case.pair(case.finish(info, case.method_input(info)))) for case in cases])


def mean_psnr(values: Sequence[float]) -> float:
    """The mean in dB by which validations are compared; always finite."""
    return sum(min(value, EXACT) for value in values) / len(values)


def validate(method: Method, cases: Sequence[Case], device: torch.device) -> float:
    """Mean PSNR in dB under the protocol."""
    return fmean(psnrs(method, cases, device))
