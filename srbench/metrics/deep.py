"""LPIPS, DISTS and the feature distance of Johnson et al. as functions of tensors; networks are arguments.

Each takes the features of a batch with SR in the first half and HR in the second, so that one pass of the network is
enough, and returns one value per pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.metrics.metric import Pair
from srbench.metrics.networks import Features, read_weights, score_pair

LPIPS_TAPS: dict[str, tuple[str, tuple[int, ...]]] = {
    "alex": ("alexnet", (1, 4, 7, 9, 11)),
    "vgg": ("vgg16", (3, 8, 15, 22, 29)),
    "squeeze": ("squeezenet1_1", (1, 4, 7, 9, 10, 11, 12)),
}
"""torchvision's name of each network of LPIPS, and the layers that are compared."""
VGG_TAPS = LPIPS_TAPS["vgg"][1]
RELU2_2 = (8,)


def lpips(features: Sequence[Tensor], heads: Sequence[Tensor]) -> Tensor:
    """LPIPS v0.1 (Zhang et al., CVPR 2018, section 3): weighted squared differences of features of unit length.

    Args:
        features: (2N, C, h, w) of each layer.
        heads: (1, C, 1, 1) of each layer.

    Returns:
        (N,): the sum over the layers of the mean over the places; 0 for equal images.
    """
    total = torch.zeros((), device=features[0].device)
    for layer, head in zip(features, heads, strict=True):
        # as by the authors; torchmetrics adds 1e-8 under the root instead, for gradients at 0
        sr, hr = (layer / (layer.square().sum(1, keepdim=True).sqrt() + 1e-10)).chunk(2)
        total = total + ((sr - hr).square() * head).sum(1).mean((1, 2))
    return total


def dists(images: Tensor, features: Sequence[Tensor], weights: Mapping[str, Tensor]) -> Tensor:
    """DISTS (Ding, Ma, Wang, Simoncelli, TPAMI 2022, section 3): structure and texture of VGG16's features.

    At full size, as torchmetrics and the authors' class do; the authors' script, and piq, first shrink images to a
    shorter side of 256 pixels.

    Args:
        images: (2N, 3, H, W) in [0, 1], which count as a layer.
        features: (2N, C, h, w) of relu1_2 to relu5_3, from a network with :func:`l2_pool`.
        weights: ``alpha`` and ``beta``, (1, 1475, 1, 1).

    Returns:
        (N,): 0 for equal images.
    """
    layers = [images, *features]
    channels = [layer.shape[1] for layer in layers]
    alphas, betas = (torch.split(weights[name].flatten(), channels) for name in ("alpha", "beta"))
    scale = weights["alpha"].sum() + weights["beta"].sum()
    total = torch.zeros((), device=images.device)
    for layer, alpha, beta in zip(layers, alphas, betas, strict=True):
        mean = layer.mean((2, 3))
        centred = layer - mean[..., None, None]
        (mean_a, mean_b), (a, b) = mean.chunk(2), centred.chunk(2)
        variance_a, variance_b = centred.square().mean((2, 3)).chunk(2)
        covariance = (a * b).mean((2, 3))
        structure = (2 * mean_a * mean_b + 1e-6) / (mean_a.square() + mean_b.square() + 1e-6)
        texture = (2 * covariance + 1e-6) / (variance_a + variance_b + 1e-6)
        total = total + (alpha * (1 - structure) + beta * (1 - texture)).sum(1)
    return total / scale


def l2_pool(x: Tensor) -> Tensor:
    """DISTS's pooling: the root of squares blurred by a 3x3 Hann window, every second pixel."""
    line = x.new_tensor([0.25, 0.5, 0.25])
    window = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
    return (F.conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def feature_distance(features: Sequence[Tensor]) -> Tensor:
    """The feature reconstruction loss (Johnson, Alahi, Fei-Fei, ECCV 2016, section 3.2): squared L2 / (C H W), (N,)."""
    (layer,) = features
    sr, hr = layer.chunk(2)
    return (sr - hr).square().mean((1, 2, 3))


# of a pair of images; networks are read once a process ---------------------------------------------------------


def lpips_of(pair: Pair, net: str, heads: str) -> float:
    """LPIPS of two images by one of its three networks; ``heads`` names the file of its learned weights."""
    network, taps = LPIPS_TAPS[net]
    features = _features(network, pair.weights[network], taps, pair.device)
    learned = _heads(pair.weights[heads], len(taps), pair.device)
    return score_pair(lambda both: lpips(features(both), learned), pair)


def dists_of(pair: Pair, weights: str) -> float:
    """DISTS of two images; ``weights`` names the file of its alpha and beta."""
    features = _features("vgg16", pair.weights["vgg16"], VGG_TAPS, pair.device, l2_pooled=True)
    learned = {name: tensor.to(pair.device) for name, tensor in _read(pair.weights[weights]).items()}
    return score_pair(lambda both: dists(both, features(both), learned), pair)


def feature_distance_of(pair: Pair) -> float:
    """The feature distance of two images in relu2_2 of VGG16."""
    features = _features("vgg16", pair.weights["vgg16"], RELU2_2, pair.device)
    return score_pair(lambda both: feature_distance(features(both)), pair)


@lru_cache(maxsize=8)
def _features(network: str, path: Path, taps: tuple[int, ...], device: str, l2_pooled: bool = False) -> Features:
    return Features(network, read_weights(path), taps, l2_pool if l2_pooled else None).to(device)


@lru_cache(maxsize=8)
def _heads(path: Path, layers: int, device: str) -> tuple[Tensor, ...]:
    state = read_weights(path)
    return tuple(state[f"lin{layer}.model.1.weight"].to(device) for layer in range(layers))


_read = lru_cache(maxsize=2)(read_weights)
