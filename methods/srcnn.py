"""SRCNN: three convolutions on the enlarged image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.method import LearnedMethod, MethodInfo, Recipe, Transfer

from ._single import conv2d_to_one
from ._strips import in_strips

SOURCE = "Dong, Loy, He, Tang: Image Super-Resolution Using Deep Convolutional Networks, TPAMI 2016"


class SrcnnNetwork(nn.Module):
    """Patch extraction, non-linear mapping, reconstruction (section 3.1 of the paper).

    Trained without padding, as in the paper, so that no border enters the loss; in eval mode each layer replicates the
    image's border, as the authors' test code does.

    Args:
        channels: 1 for luma, 3 for RGB.
        kernels: sides of the three kernels.
        features: maps after the first and the second layer.
    """

    def __init__(
        self, channels: int, kernels: tuple[int, int, int] = (9, 1, 5), features: tuple[int, int] = (64, 32)
    ) -> None:
        super().__init__()
        first, second = features
        self.extract = nn.Conv2d(channels, first, kernels[0])
        self.map = nn.Conv2d(first, second, kernels[1])
        self.reconstruct = nn.Conv2d(second, channels, kernels[2])
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        """Begin by passing the enlarged image through one path, so that training starts at bicubic's quality.

        The paper starts from Gaussian noise and needs 8e8 backprops, most of them to learn what is known: that SR is
        close to its input. The other filters begin without a mean, since brightness is what all places have in common,
        and larger, since what is left are small differences. Of RGB three quarters of them begin gray: most detail is
        in all channels at once. It trains much faster so.
        """
        layers = (self.extract, self.map, self.reconstruct)
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        filters = self.extract.weight.data
        channels = self.extract.in_channels
        if channels > 1:
            gray = filters[: 3 * len(filters) // 4]
            gray.copy_(gray[:, :1] / math.sqrt(channels))  # as strong, all channels together, as one channel's alone
        filters.sub_(filters.mean(dim=(1, 2, 3), keepdim=True)).mul_(4.0)
        nn.init.normal_(self.reconstruct.weight, std=1e-3)
        for channel in range(channels):
            for layer in layers:
                centre = layer.kernel_size[0] // 2
                layer.weight.data[channel] = 0.0
                layer.weight.data[channel, channel, centre, centre] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same size; in training mode to what the kernels leave of it."""
        if self.training or x.device.type != "cpu" or torch.compiler.is_exporting():
            return self._layers(x)
        return in_strips(self._layers, x, sum(self._margin(layer) for layer in self.children()))

    def _layers(self, x: Tensor) -> Tensor:
        x = F.relu(self.extract(self._bordered(x, self.extract)))
        x = F.relu(self.map(self._bordered(x, self.map)))
        last = self.reconstruct
        return conv2d_to_one(self._bordered(x, last), last.weight, last.get_parameter("bias"))

    @staticmethod
    def _margin(layer: nn.Module) -> int:
        assert isinstance(layer, nn.Conv2d)
        return layer.kernel_size[0] // 2

    def _bordered(self, x: Tensor, layer: nn.Conv2d) -> Tensor:
        margin = self._margin(layer)
        return x if self.training or not margin else F.pad(x, (margin,) * 4, mode="replicate")


QUICK = Recipe(
    patch=36, stride=18, batch=16, lr=1e-3, lr_factors=(("reconstruct", 0.1),), steps=2000, validate_every=500
)
"""Adam from the identity: above bicubic after seconds."""

STANDARD = Recipe(
    train=("t91", "general100"),
    validation=("bsds200",),
    validation_images=20,
    protocol="srcnn",
    crops="random",
    shrink=(1.0, 0.8, 0.6),
    patch=48,
    batch=16,
    lr=3e-3,
    lr_factors=(("reconstruct", 0.1),),
    warmup=500,
    steps=40_000,
    validate_every=2500,
    clip_gradient=1.0,
    ema=0.999,
    transfer=Transfer(scale=3, steps=12_000),
)
"""What reaches the paper's figures in an hour of a CPU instead of its 8e8 backprops. The other scales begin with x3's
network."""

LONG = STANDARD.model_copy(
    update={
        "train": ("t91", "general100", "bsds200"),
        "hold_out": True,
        "optimizer": "soap",
        "precision": "bf16",
        "loss": "psnr",
        "clip_gradient": None,
        "lr": 2e-3,
        "warmup": 200,
        "steps": 20_000,
        "validate_every": 750,
        "transfer": Transfer(scale=3, steps=15_000),
    }
)
"""For the larger networks: 4,000 batches of SOAP come to what takes Adam 20,000 (``benchmarks/recipes``)."""

LONGER = LONG.model_copy(
    update={"init_from": LONG, "transfer": None, "lr": 1.5e-3, "steps": 20_000, "validate_every": 1000}
)
"""As many batches again from there, each scale on its own: the largest of the networks is the last to settle."""

PAPER = Recipe(
    train=("t91",),
    validation=("bsds200",),
    validation_images=20,
    protocol="srcnn",
    patch=33,
    stride=14,
    flips=False,
    batch=128,
    loss="euclidean",
    init=(("", 1e-3),),
    optimizer="sgd",
    lr=1e-4,
    lr_factors=(("*.bias", 0.1), ("reconstruct", 0.1)),
    schedule="constant",
    steps=6_250_000,
    validate_every=50_000,
)
"""The paper's own: 8e8 backprops, by Caffe's loss, from Gaussian noise. Its validation set was Set5, a test set."""


def _recipes(steps: int, transfer_steps: int, lr: float) -> Mapping[str, Recipe]:
    """Of the larger networks, which take longer over a batch: fewer of them; kernels of many inputs learn slower."""
    shorter = {"steps": steps, "transfer": Transfer(scale=3, steps=transfer_steps), "lr": lr}
    return {
        "standard": STANDARD.model_copy(update=shorter),
        "quick": QUICK.model_copy(update={"steps": 200, "validate_every": 100}),
        "paper": PAPER,
    }


class SrcnnY(LearnedMethod):
    """SRCNN 9-1-5 on luma."""

    kernels: ClassVar[tuple[int, int, int]] = (9, 1, 5)
    info = MethodInfo(
        name="srcnn-y", family="prediction", channels="y", input="upsampled", version=2, paper=SOURCE, halo=6
    )
    recipes: ClassVar[Mapping[str, Recipe]] = {"standard": STANDARD, "quick": QUICK, "paper": PAPER}

    def network(self, scale: int) -> nn.Module:
        """The same network at every scale: the image comes enlarged."""
        return SrcnnNetwork(1 if self.info.channels == "y" else 3, self.kernels)


class SrcnnY935(SrcnnY):
    """SRCNN 9-3-5 on luma."""

    kernels = (9, 3, 5)
    info = dataclasses.replace(SrcnnY.info, name="srcnn-y-935", halo=7)
    recipes: ClassVar[Mapping[str, Recipe]] = {**_recipes(20_000, 6_000, 1e-3), "standard": LONG}


class SrcnnY955(SrcnnY):
    """SRCNN 9-5-5 on luma, the one that the paper compares with others."""

    kernels = (9, 5, 5)
    info = dataclasses.replace(SrcnnY.info, name="srcnn-y-955", halo=8)
    recipes: ClassVar[Mapping[str, Recipe]] = {**_recipes(20_000, 6_000, 1e-3), "standard": LONGER}


class SrcnnRgb(SrcnnY):
    """SRCNN 9-1-5 on the three channels together (section 4.4 of the paper)."""

    info = dataclasses.replace(SrcnnY.info, name="srcnn-rgb", channels="rgb", version=3)
    recipes: ClassVar[Mapping[str, Recipe]] = _recipes(60_000, 16_000, 1.5e-3)
