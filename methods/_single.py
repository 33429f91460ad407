"""A convolution with a single map of output, as the last layer of a luma network is, made fast on a CPU.

Libraries spread a convolution's outputs over vector registers, so a single one leaves most of them idle (6 instead of
100 GFLOP/s). Here each tap makes a map of its own, all of them in one matrix product, and the maps are then added up,
each shifted to its place.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def conv2d_to_one(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``conv2d`` without padding: (N, C, h, w) and (K, C, k, k) to (N, K, h - k + 1, w - k + 1), fast where K is 1."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or len(weight) != 1 or torch.compiler.is_exporting():
        return F.conv2d(x, weight, bias)
    out: Tensor = _ToOne.apply(x, weight, bias)
    return out


class _ToOne(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        _, channels, side, _ = weight.shape
        height, width = x.shape[2] - side + 1, x.shape[3] - side + 1
        rows = weight[0].permute(1, 2, 0).reshape(-1, channels)
        # not matmul, which takes a slower way where the weights could want a gradient
        maps = torch.bmm(rows.expand(len(x), -1, -1), _pixels(x).transpose(1, 2)).view(len(x), side, side, *x.shape[2:])
        out = bias.repeat(len(x), height, width)
        for i in range(side):
            for j in range(side):
                out += maps[:, i, j, i : i + height, j : j + width]
        return out.unsqueeze(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        to_x = None
        if ctx.needs_input_grad[0]:
            plain = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, False, False])
            to_x = torch.ops.aten.convolution_backward(gradient.contiguous(), x, weight, None, *plain)[0]
        return to_x, _weight_gradient(x, gradient[:, 0], weight), gradient.sum((0, 2, 3))


def _weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """What each tap saw, times what came of it, over all places: one matrix product."""
    _, channels, side, _ = weight.shape
    height, width = gradient.shape[1:]
    maps = gradient.new_zeros(side, side, len(x), *x.shape[2:])
    for i in range(side):
        for j in range(side):
            maps[i, j, :, i : i + height, j : j + width] = gradient
    product = maps.view(side * side, -1) @ _pixels(x).reshape(-1, channels)
    return product.view(1, side, side, channels).permute(0, 3, 1, 2)


def _pixels(x: Tensor) -> Tensor:
    """(N, C, h, w) as (N, h * w, C), without a copy where the channels lie last."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1, x.shape[1])
