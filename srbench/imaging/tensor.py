"""MATLAB's ``imresize`` as batched tensor code, on any device, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from srbench.imaging.resize import Border, Kernel, default_antialias, output_geometry, taps


def resize(
    x: Tensor,
    factor: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: Kernel = "bicubic",
    antialias: bool | None = None,
    border: Border = "symmetric",
) -> Tensor:
    """Resize (N, C, h, w) float tensors as :func:`srbench.imaging.resize.imresize` resizes doubles.

    Each output pixel is a short weighted sum, taken in the same order whatever the batch and the size of the image:
    an image gives the same bits alone, in a batch, and as part of a larger image.

    Raises:
        ValueError: neither or both of factor and size are given, or a side would be empty.
    """
    height, width = output_geometry((x.shape[-2], x.shape[-1]), factor, size)
    antialias = default_antialias(kernel) if antialias is None else antialias
    factors = (factor or height / x.shape[-2], factor or width / x.shape[-1])
    for dim in sorted((-2, -1), key=lambda d: factors[d]):
        weights = taps(x.shape[dim], (height, width)[dim], factors[dim], kernel, antialias, border)
        x = _along(x, dim, torch.from_numpy(weights.indices.copy()), torch.from_numpy(weights.weights.copy()))
    return x


def _along(x: Tensor, dim: int, indices: Tensor, weights: Tensor) -> Tensor:
    indices = indices.to(x.device)
    weights = weights.to(x.device, x.dtype)
    shape = [1, 1, 1, 1]
    shape[dim] = -1
    out = x.index_select(dim, indices[:, 0]) * weights[:, 0].view(shape)
    for tap in range(1, indices.shape[1]):
        out = torch.addcmul(out, x.index_select(dim, indices[:, tap]), weights[:, tap].view(shape))
    return out
