"""A convolutional autoencoder with skips, on the enlarged RGB image: one network for all scales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from srbench.method import LearnedMethod, MethodInfo, Recipe

SOURCE = "Mao, Shen, Yang: Image Restoration Using Very Deep Convolutional Encoder-Decoder Networks with Symmetric Skip Connections, NIPS 2016"  # noqa: E501


class AutoencoderNetwork(nn.Module):
    """Two poolings down, two doublings up, the features of each size added on the way (1,110,403 parameters).

    All convolutions are 3x3, padded with zeros, and all but the last are followed by a ReLU. The last is not: the
    harness clips SR to what an image can hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.ModuleList((_convolution(3, 64), _convolution(64, 64)))
        self.down2 = nn.ModuleList((_convolution(64, 128), _convolution(128, 128)))
        self.bottom = _convolution(128, 256)
        self.up2 = nn.ModuleList((_convolution(256, 128), _convolution(128, 128)))
        self.up1 = nn.ModuleList((_convolution(128, 64), _convolution(64, 64)))
        self.last = _convolution(64, 3)
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        """Begin by passing the image through the upper skip, so that training starts at the enlarged image's quality.

        The first layers hand the three channels on untouched, the way through the bottom adds almost nothing to them.
        """
        for channel in range(3):
            for layer in (*self.down1, self.last):
                layer.get_parameter("weight").data[channel] = 0.0
                layer.get_parameter("weight").data[channel, channel, 1, 1] = 1.0
            self.up1[1].get_parameter("weight").data[channel] = 0.0
        self.last.weight.data[:, 3:] *= 0.01

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to the same size; inside, sides are brought to multiples of 4 by replicating the border."""
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % 4, 0, -height % 4), mode="replicate")
        first = _chain(self.down1, x)
        second = _chain(self.down2, F.max_pool2d(first, 2))
        deep = F.relu(self.bottom(F.max_pool2d(second, 2)))
        deep = second + _chain(self.up2, F.interpolate(deep, scale_factor=2))
        deep = first + _chain(self.up1, F.interpolate(deep, scale_factor=2))
        out: Tensor = self.last(deep)
        return out[..., :height, :width]


def _convolution(before: int, after: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, 3, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _chain(layers: nn.ModuleList, x: Tensor) -> Tensor:
    for layer in layers:
        x = F.relu(layer(x))
    return x


PAPER = Recipe(
    train=("t91", "general100"),
    validation=("bsds200",),
    validation_images=20,
    protocol="linear",
    scales=(2,),
    patch=128,
    stride=64,
    flips=False,
    init=(("", "he"),),
    batch=32,
    lr=1e-3,
    schedule="constant",
    steps=10_000,
    validate_every=200,
)


FIRST = Recipe(
    train=("t91", "general100"),
    validation=("bsds200",),
    validation_images=20,
    scales=(2, 3, 4),
    crops="random",
    shrink=(1.0, 0.8, 0.6),
    patch=48,
    margin=4,
    batch=4,
    lr=5e-4,
    steps=12_000,
    warmup=500,
    validate_every=1000,
    clip_gradient=0.5,
    ema=0.999,
)

LONG = FIRST.model_copy(
    update={
        "train": ("t91", "general100", "bsds200"),
        "hold_out": True,
        "optimizer": "soap",
        "precision": "bf16",
        "loss": "psnr",
        "clip_gradient": None,
        "batch": 8,
        "steps": 24_000,
        "validate_every": 1200,
        "init_from": FIRST,
    }
)
"""On from Adam's weights by SOAP, and by a loss in which x2 counts as much as x4, whose errors are larger."""

LONGER = LONG.model_copy(update={"init_from": LONG, "lr": 3e-4, "steps": 5_000, "validate_every": 250})
"""A last part at a lower rate: with it x2 on Set5 is above srcnn-y-955's too."""


class Autoencoder(LearnedMethod):
    """The autoencoder on RGB, trained on all scales together: one file of weights."""

    info = MethodInfo(
        name="autoencoder", family="prediction", channels="rgb", input="upsampled", paper=SOURCE, halo=20, multiple=4
    )
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "standard": LONGER,
        "quick": Recipe(
            scales=(2, 3, 4),
            validation_images=1,
            patch=24,
            stride=24,
            batch=8,
            lr=5e-4,
            steps=100,
            validate_every=100,
            clip_gradient=0.5,
        ),
        "paper": PAPER,
        "t3": PAPER.model_copy(
            update={
                "train": ("./train",),
                "validation": ("./train",),
                "validation_images": 100,
                "stride": 128,
                "steps": 9375,
                "validate_every": 375,
            }
        ),
    }
    """``t3`` is a tutorial's own training: bilinear halving without antialias, whole 128x128 images in class folders
    below ``train`` in the working directory (Linnaeus 5), Adam, MSE, 50 rounds of 6000 images in batches of 32. It is
    validated on some of the images that it trains on, so that its test images are left for the test. Its activity
    penalty of 1e-9 is too small to matter. ``paper`` is the same on data that can be downloaded."""

    def network(self, scale: int) -> nn.Module:
        """The same network at every scale: the image comes enlarged."""
        return AutoencoderNetwork()
