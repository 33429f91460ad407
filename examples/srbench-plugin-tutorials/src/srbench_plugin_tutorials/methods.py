"""SRCNN and FSRCNN as widely read tutorials wrote them, so that their figures can stand beside comparable ones.

They differ from the papers' networks: zeros beyond the border in training and in use, PyTorch's own initial weights,
Adam, RGB in and out (T1, T2), and ImageNet's mean and standard deviation around the network.

T1 and T2 take their loss between normalised pixels. That is ours with a factor for each channel, 1/std^2 of 19.1, 19.9
and 19.8: alike to 5 %, and Adam does not notice a common factor. So the loss here is on plain pixels, and the weight
of the perceptual loss beside it is theirs divided by the mean factor.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import torch
from srbench.method import LearnedMethod, MethodInfo, Perceptual, Recipe
from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB in [0, 1]."""


class Normalised(nn.Module):
    """A network between normalised images, as one between images in [0, 1].

    Args:
        body: works on (N, 3, h, w) with ImageNet's mean taken off and divided by its standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] to what the network makes of it, in [0, 1] too."""
        out: Tensor = self.body((x - self.mean) / self.std)
        return out * self.std + self.mean


def srcnn(channels: int) -> nn.Sequential:
    """SRCNN 9-1-5 with zeros beyond the border: (N, channels, H, W) to the same size."""
    return nn.Sequential(
        nn.Conv2d(channels, 64, 9, padding=4),
        nn.ReLU(),
        nn.Conv2d(64, 32, 1),
        nn.ReLU(),
        nn.Conv2d(32, channels, 5, padding=2),
    )


def fsrcnn(channels: int, scale: int, features: int = 56, shrunk: int = 12, layers: int = 4) -> nn.Sequential:
    """FSRCNN with zeros beyond the border: (N, channels, h, w) to (N, channels, h * scale, w * scale)."""
    shapes = [(channels, features, 5), (features, shrunk, 1), *[(shrunk, shrunk, 3)] * layers, (shrunk, features, 1)]
    body: list[nn.Module] = []
    for before, after, side in shapes:
        body += [nn.Conv2d(before, after, side, padding=side // 2), nn.PReLU(after)]
    last = nn.ConvTranspose2d(features, channels, 9, stride=scale, padding=4, output_padding=scale - 1)
    return nn.Sequential(*body, last)


def _without_features(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"perceptual": None})


FACTOR = sum(1 / std**2 for std in STD) / 3
"""How many times the squared error of normalised pixels is that of pixels in [0, 1], on average over the channels."""

T1 = Recipe(
    train=("bsd100-224.toml:train",),
    validation=("bsd100-224.toml:validation",),
    on_test_images=True,
    protocol="paired-rgb",
    scales=(1,),
    patch=224,
    stride=224,
    flips=False,
    batch=1,
    perceptual=Perceptual(weight=round(0.1 / FACTOR, 6)),
    schedule="constant",
    steps=2000,
    validate_every=500,
)
"""20 rounds of the 100 pairs of x2, one at a time; validated on the same photographs at x3. ``bsd100-224.toml`` is what
``squash.py`` makes of them, in the working directory: LR and HR both have 224x224 pixels, so the scale is 1."""

T2 = T1.model_copy(
    update={
        "train": ("bsd100-pairs:train",),
        "validation": ("bsd100-pairs:validation",),
        "scales": (2,),
        "crops": "random",
        "patch": 320,
        "perceptual": Perceptual(layers=((15, 1.0),), distance="mse", weight=round(0.1 / FACTOR, 6)),
    }
)
"""The same pairs as they are, by the largest square that fits into every photograph, so that no image is squashed."""

T2_FSRCNN = T2.model_copy(
    update={
        "train": ("bsd100",),
        "validation": ("bsd100",),
        "validation_images": 20,
        "protocol": "selfexsr",
        "scales": (),
    }
)
"""A deconvolution has one factor, so each scale trains on pairs of its own: protocol ``selfexsr`` makes of BSD100 the
LR of SelfExSR's pairs, bit for bit."""

T4 = Recipe(
    train=("hr=./train/high_res,lr=./train/low_res",),
    validation=("hr=./val/high_res,lr=./val/low_res",),
    protocol="paired",
    scales=(1,),
    patch=256,
    stride=256,
    flips=False,
    batch=1,
    schedule="constant",
    steps=13_700,
    validate_every=685,
)
"""Folders of pairs of 256x256 pixels whose LR has HR's size already, below the working directory: 20 rounds of about
685 pairs, validated after each. It does not say how many at a time: as in T1, one."""


class TutorialSrcnnRgb(LearnedMethod):
    """T1's and T2's SRCNN: one network, trained on pairs of x2, for every scale."""

    info = MethodInfo(
        name="tutorial-srcnn-rgb",
        family="prediction",
        channels="rgb",
        input="upsampled",
        scales=frozenset({1, 2, 3, 4}),
        paper="A tutorial after Dong et al., TPAMI 2016",
        halo=6,
    )
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "t1": T1,
        "t1-mse": _without_features(T1),
        "t2": T2,
        "t2-mse": _without_features(T2),
    }
    """``-mse``: without the perceptual loss, whose network is 528 MB to download."""

    def network(self, scale: int) -> nn.Module:
        """The same network at every scale: LR comes upsampled."""
        return Normalised(srcnn(3))


class TutorialFsrcnnRgb(LearnedMethod):
    """T2's FSRCNN (56, 12, 4): a network for each scale."""

    info = MethodInfo(
        name="tutorial-fsrcnn-rgb",
        family="prediction",
        channels="rgb",
        input="lr",
        paper="A tutorial after Dong et al., ECCV 2016",
        halo=8,
    )
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "t2": T2_FSRCNN,
        "t2-mse": _without_features(T2_FSRCNN),
    }

    def network(self, scale: int) -> nn.Module:
        """The network whose deconvolution upsamples by ``scale``."""
        return Normalised(fsrcnn(3, scale))


class TutorialSrcnnY(LearnedMethod):
    """T4's SRCNN on luma: for LR that has HR's size already, by whatever factor."""

    info = dataclasses.replace(TutorialSrcnnRgb.info, name="tutorial-srcnn-y", channels="y")
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "t4": T4,
    }

    def network(self, scale: int) -> nn.Module:
        """The same network at every scale: LR comes upsampled."""
        return srcnn(1)
