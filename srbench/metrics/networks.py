"""Features of torchvision's networks for perceptual metrics and losses. Their input is RGB in [0, 1].

The networks are trained on ImageNet with its mean and standard deviation, which is LPIPS's "scaling layer" too:
(2x - 1 - shift) / scale with shift (-.030, -.088, -.188) and scale (.458, .448, .450) is (x - MEAN) / STD.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srbench.errors import DataError
from srbench.metrics.metric import Pair

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB in [0, 1], as torchvision's networks expect it."""


class Features(nn.Module):
    """The features of some layers of a network.

    Args:
        network: torchvision's name: ``alexnet``, ``vgg16``, ``vgg19`` or ``squeezenet1_1``.
        state: its weights; only ``features.*`` are used.
        taps: indices of the layers, in the order of the outputs.
        pool: replaces max pooling.

    Raises:
        ValueError: a layer does not exist.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: str,
        state: Mapping[str, Tensor],
        taps: Sequence[int],
        pool: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        from torchvision import models

        with torch.device("meta"):  # no initialisation of weights that are replaced
            layers: nn.Sequential = getattr(models, network)(weights=None).features
        if max(taps) >= len(layers):
            raise ValueError(f"{network} has feature layers 0 to {len(layers) - 1}, and no {max(taps)}")
        own = {name.removeprefix("features."): t for name, t in state.items() if name.startswith("features.")}
        layers.load_state_dict(own, assign=True)
        for layer in layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # outputs of earlier layers must not change
        self.layers = layers[: max(taps) + 1].eval().requires_grad_(False)
        self.taps = tuple(taps)
        self.pool = pool
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] to one (N, C, h, w) for each tap."""
        x = (x - self.mean) / self.std
        found: dict[int, Tensor] = {}
        for index, layer in enumerate(self.layers):
            x = self.pool(x) if self.pool is not None and isinstance(layer, nn.MaxPool2d) else layer(x)
            if index in self.taps:
                found[index] = x
        return [found[index] for index in self.taps]


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """Load a file of tensors on the CPU; pickles with anything else are rejected.

    Raises:
        DataError: it is damaged, or contains anything else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises various errors for invalid files
        raise DataError(
            f"The weights {path} cannot be loaded ({error}): delete the file and fetch it again."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise DataError(f"The weights {path} are not a table of tensors: delete the file and fetch it again.")
    return state


@contextmanager
def tensors_alone() -> Iterator[None]:
    """torch.load reads tensors and no other objects, whatever it is told."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def image_batch(images: Sequence[NDArray[Any]], device: str) -> Tensor:
    """Images of one size, 0..255, as (N, 3, H, W) float32 in [0, 1]; gray becomes three equal channels."""
    pixels = torch.from_numpy(np.stack(images)).to(device)
    pixels = pixels[:, None].expand(-1, 3, -1, -1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format) / 255.0


def batch(pair: Pair) -> Tensor:
    """SR and HR as one (2, 3, H, W) float32 in [0, 1] on the pair's device."""
    return image_batch([pair.sr, pair.target], pair.device)


@contextmanager
def inference() -> Iterator[None]:
    """No gradients; convolutions in full float32, also on a GPU."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def score_pair(metric: Callable[[Tensor], Tensor], pair: Pair) -> float:
    """The value of a metric for a pair."""
    with inference():
        return float(metric(batch(pair)))
