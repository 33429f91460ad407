"""ESPCN: convolutions on the small image, whose last maps are shuffled into the pixels of the large one.

Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network,
CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from srbench.method import LearnedMethod, MethodInfo, Recipe
from torch import Tensor, nn


class Network(nn.Module):
    """Three layers on the small image; the maps of the last become the pixels of the large one (section 3.2).

    Args:
        scale: the factor to enlarge by.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(1, 64, 5),
            nn.Tanh(),
            convolution(64, 32, 3),
            nn.Tanh(),
            convolution(32, scale**2, 3),
            nn.PixelShuffle(scale),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, h, w) to (N, 1, h * scale, w * scale)."""
        enlarged: Tensor = self.layers(x)
        return enlarged


def convolution(inputs: int, outputs: int, side: int) -> nn.Conv2d:
    """A layer that keeps the image's size, and takes its border to go on."""
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, padding_mode="replicate")


QUICK = Recipe(patch=48, batch=8, lr=3e-3, steps=1000, validate_every=250)
"""Seconds on a CPU, on photographs that srbench has at hand: enough to pass bicubic."""

STANDARD = Recipe(
    train=("t91", "general100"),
    validation=("bsds200",),
    validation_images=20,
    crops="random",
    shrink=(1.0, 0.8, 0.6),
    patch=72,
    margin=12,
    batch=16,
    lr=3e-3,
    warmup=500,
    steps=100_000,
    validate_every=2500,
    clip_gradient=1.0,
    ema=0.999,
)
"""The usual training images, which srbench fetches; an hour or so of a CPU core. The paper's own has ImageNet."""


class Espcn(LearnedMethod):
    """ESPCN (5-3-3, tanh) on luma."""

    info = MethodInfo(
        name="espcn",
        family="prediction",
        channels="y",
        input="lr",
        paper="Shi et al.: Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel "
        "Convolutional Neural Network, CVPR 2016",
        halo=4,  # pixels of the input, to each side, that an output pixel depends on; None for all
    )
    recipes: ClassVar[Mapping[str, Recipe]] = {"quick": QUICK, "standard": STANDARD}  # the first is the default

    def network(self, scale: int) -> nn.Module:
        """A fresh network."""
        return Network(scale)
