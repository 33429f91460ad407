"""The perceptual loss: how far apart SR and HR are in the features of a VGG network (Johnson et al., ECCV 2016)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.atomic import cache_folder
from srbench.errors import DataError
from srbench.recipe import Perceptual

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB in [0, 1], as torchvision's networks expect it."""


class FeatureLoss(nn.Module):
    """The weighted sum of the differences of SR's and HR's features, layer by layer.

    Args:
        settings: network, layers, distance and weight.
        state: the network's ``features.*`` weights; by default torchvision's for ImageNet, fetched once.

    Raises:
        DataError: the weights cannot be had, or a layer is not there.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, settings: Perceptual, state: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        from torchvision import models

        build = {"vgg16": models.vgg16, "vgg19": models.vgg19}[settings.network]
        last = max(index for index, _ in settings.layers)
        layers: nn.Sequential = build(weights=None).features
        if last >= len(layers):
            raise DataError(f"{settings.network} has feature layers 0 to {len(layers) - 1}, and no {last}.")
        state = vgg_state(settings.network) if state is None else state
        features = {name.removeprefix("features."): t for name, t in state.items() if name.startswith("features.")}
        layers.load_state_dict(features)
        for layer in layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # a layer before it may be asked for
        self.layers = layers[: last + 1].eval().requires_grad_(False)
        self.settings = settings
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1))

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """(N, 1 or 3, H, W) in [0, 1], luma as gray, to the weighted loss."""
        distance = F.l1_loss if self.settings.distance == "l1" else F.mse_loss
        with torch.no_grad():
            wanted = self.features(hr)
        total = sr.new_zeros(())
        for found, target, (_, weight) in zip(self.features(sr), wanted, self.settings.layers, strict=True):
            total = total + weight * distance(found, target)
        return self.settings.weight * total

    def features(self, x: Tensor) -> list[Tensor]:
        """The features of the layers asked for, in the order asked for."""
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.std
        wanted = {index for index, _ in self.settings.layers}
        found: dict[int, Tensor] = {}
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in wanted:
                found[index] = x
        return [found[index] for index, _ in self.settings.layers]


def vgg_state(network: str) -> Mapping[str, Tensor]:
    """torchvision's ImageNet weights of ``vgg16`` or ``vgg19``, from our cache or their public home.

    Raises:
        DataError: they are not here and cannot be fetched, or the file is not the right one.
    """
    from torchvision import models

    weights = {"vgg16": models.VGG16_Weights, "vgg19": models.VGG19_Weights}[network].IMAGENET1K_V1
    path = cache_folder() / "networks" / weights.url.rpartition("/")[2]
    if not path.is_file():
        _fetch(weights.url, path)
    _verify(path)
    state: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _fetch(url: str, path: Path) -> None:
    from srbench.data.download import download

    try:
        download(url, path)
    except DataError as error:
        raise DataError(
            f"The perceptual loss needs torchvision's {path.name}, which cannot be fetched ({error}): "
            f"put the file into {path.parent} yourself."
        ) from None


def _verify(path: Path) -> None:
    """torchvision's file names end with the first digits of their sha256."""
    known = re.search(r"-([0-9a-f]{8,})\.pth$", path.name)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if known is None or not found.startswith(known[1]):
        raise DataError(f"{path} is not the file that its name says (its sha256 begins with {found[:8]}): delete it.")
