"""Losses between SR and HR, by their names in recipes."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.errors import UsageError
from srbench.recipe import Recipe

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(SR, HR) to the loss that is minimised and the mean squared error that is reported."""


FLOOR = 1e-4
"""Added to a patch's mean squared error: 40 dB."""


def charbonnier(sr: Tensor, hr: Tensor) -> Tensor:
    """sqrt(d^2 + 1e-6), averaged (LapSRN): L1 that is smooth at 0."""
    return torch.sqrt((sr - hr) ** 2 + 1e-6).mean()


def euclidean(sr: Tensor, hr: Tensor) -> Tensor:
    """Caffe's EuclideanLoss: half the squared error, summed over an image and averaged over the batch."""
    return F.mse_loss(sr, hr, reduction="sum") / (2 * len(sr))


def log_mse(sr: Tensor, hr: Tensor) -> Tensor:
    """The mean over patches of ln(MSE + 1e-4): up to a factor their mean PSNR, of which none counts beyond 40 dB.

    Benchmarks average the PSNR of images, so an image that is easy counts as much as one that is hard; the mean squared
    error is that of the hard ones.
    """
    return ((sr - hr) ** 2).mean((1, 2, 3)).add(FLOOR).log().mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "charbonnier": charbonnier,
    "euclidean": euclidean,
    "psnr": log_mse,
}


def make_loss(recipe: Recipe, device: torch.device) -> Loss:
    """The loss of a recipe: on pixels, and on features where it says so.

    Raises:
        DataError: the feature network's weights are missing and cannot be fetched.
    """
    pixels = LOSSES[recipe.loss]
    features = None
    if recipe.perceptual is not None:
        from srbench.training.perceptual import FeatureLoss  # torchvision is imported by those who need it

        features = FeatureLoss(recipe.perceptual).to(device)

    def loss(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
        value = pixels(sr, hr)
        error = value if recipe.loss == "mse" else F.mse_loss(sr.detach(), hr)
        return (value if features is None else value + features(sr, hr)), error

    return loss


def centred(sr: Tensor, hr: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    """SR and the middle of HR of SR's size (networks without padding give smaller images), both without a margin.

    Raises:
        UsageError: the margin leaves no pixels.
    """
    if min(sr.shape[2:]) <= 2 * margin:
        raise UsageError(
            f"The recipe's margin of {margin} leaves nothing of an output of {sr.shape[3]}x{sr.shape[2]} pixels: lower "
            "it, or use a larger patch."
        )
    top, left = (hr.shape[2] - sr.shape[2]) // 2, (hr.shape[3] - sr.shape[3]) // 2
    hr = hr[..., top : top + sr.shape[2], left : left + sr.shape[3]]
    if margin:
        sr, hr = (image[..., margin:-margin, margin:-margin] for image in (sr, hr))
    return sr, hr
