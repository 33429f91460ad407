"""The features of Inception v3 that FID compares: torch-fidelity's network, of images that clean-fid's way resizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from srbench.metrics.networks import inference, tensors_alone

INPUT = 299
"""The side of the network's input."""
_AT_ONCE = 16
"""Patches in a batch."""


def resized(patch: NDArray[Any]) -> NDArray[np.float32]:
    """A patch as clean-fid resizes it: each channel by PIL's bicubic in float32, cut to 0..255, not rounded.

    Args:
        patch: (H, W) gray or (H, W, 3) RGB, 0..255.

    Returns:
        (3, 299, 299); gray gives three equal channels.
    """
    planes = [patch] if patch.ndim == 2 else [patch[..., channel] for channel in range(3)]
    found = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize((INPUT, INPUT), Image.Resampling.BICUBIC))
        for plane in planes
    ]
    return np.stack(found * (3 // len(found))).clip(0, 255)


def features_of(patches: Sequence[NDArray[Any]], weights: Path, device: str) -> NDArray[np.float32]:
    """The features of patches, (n, 2048), in full float32.

    Args:
        patches: (H, W) gray or (H, W, 3) RGB, 0..255.
        weights: the network's checked file.
        device: torch's name of the device.
    """
    network = _network(weights, device)
    found: list[Tensor] = []
    with inference():
        for start in range(0, len(patches), _AT_ONCE):
            pixels = np.stack([resized(patch) for patch in patches[start : start + _AT_ONCE]])
            found.append(network((torch.from_numpy(pixels).to(device) - 128) / 128).flatten(1).cpu())
    return torch.cat(found).numpy()


@lru_cache(maxsize=2)
def _network(weights: Path, device: str) -> nn.Module:
    return inception(weights).to(device)


def inception(weights: Path) -> nn.Module:
    """torch-fidelity's network up to the mean over the places, for (N, 3, 299, 299) in -1..1; its own takes 8 bits."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with tensors_alone():
        whole = FeatureExtractorInceptionV3("fid", ["2048"], feature_extractor_weights_path=str(weights))
    layers = [layer for name, layer in whole.named_children() if name != "fc"]  # each takes what the one before gives
    return nn.Sequential(*layers).eval()
