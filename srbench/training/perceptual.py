"""The perceptual loss: the distance of SR and HR in the features of a VGG network (Johnson et al., ECCV 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.data.fetch.networks import fetch_network, find
from srbench.errors import DataError
from srbench.metrics.networks import Features, read_weights
from srbench.recipe import Perceptual


class FeatureLoss(nn.Module):
    """The weighted sum of the differences of SR's and HR's features, layer by layer.

    Args:
        settings: network, layers, distance and weight.
        state: the network's ``features.*`` weights; by default torchvision's for ImageNet, fetched once.

    Raises:
        DataError: the weights cannot be fetched, or a layer does not exist.
    """

    def __init__(self, settings: Perceptual, state: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        state = vgg_state(settings.network) if state is None else state
        try:
            self.features = Features(settings.network, state, [index for index, _ in settings.layers])
        except ValueError as error:
            raise DataError(f"The perceptual loss cannot be computed: {error}.") from None
        self.settings = settings

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """(N, 1 or 3, H, W) in [0, 1], luma as gray, to the weighted loss."""
        distance = F.l1_loss if self.settings.distance == "l1" else F.mse_loss
        sr, hr = (image.expand(-1, 3, -1, -1) for image in (sr, hr))
        with torch.no_grad():
            wanted = self.features(hr)
        total = sr.new_zeros(())
        for found, target, (_, weight) in zip(self.features(sr), wanted, self.settings.layers, strict=True):
            total = total + weight * distance(found, target)
        return self.settings.weight * total


def vgg_state(network: str) -> Mapping[str, Tensor]:
    """torchvision's ImageNet weights of ``vgg16`` or ``vgg19``, fetched if they are missing.

    Raises:
        DataError: they cannot be fetched, or the file is wrong.
    """
    with suppress(DataError):
        return read_weights(find((network,), network)[network])
    try:
        return read_weights(fetch_network(network)[0])
    except DataError as error:
        raise DataError(f"The perceptual loss needs torchvision's {network}: {error}") from None
