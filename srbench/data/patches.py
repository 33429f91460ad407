"""Training patches: cut once, kept as tensors on the device, drawn and mirrored there in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


def cut(image: Tensor, side: int, stride: int) -> Tensor:
    """All (side, side) patches of (C, H, W) at a stride, in row order: (n, C, side, side); none if it is too small."""
    if min(image.shape[1:]) < side:
        return image.new_empty((0, image.shape[0], side, side))
    grid = image.unfold(1, side, stride).unfold(2, side, stride)
    return grid.permute(1, 2, 0, 3, 4).reshape(-1, image.shape[0], side, side)


def cut_pairs(
    pairs: Iterable[tuple[Tensor, Tensor]], side: int, stride: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Matching patches of inputs and targets.

    Args:
        pairs: (C, h, w) inputs and (C, H, W) targets, H being a whole multiple of h.
        side: side of a target's patch, in target pixels; cut down to the multiple.
        stride: distance between patches, in target pixels; cut down to the multiple.
        device: where the patches are to lie.

    Raises:
        ValueError: no image is large enough for a patch.
    """
    inputs: list[Tensor] = []
    targets: list[Tensor] = []
    for lr, hr in pairs:
        factor = hr.shape[-1] // lr.shape[-1]
        small, step = side // factor, max(stride // factor, 1)
        inputs.append(cut(lr, small, step))
        targets.append(cut(hr, small * factor, step * factor))
    if not sum(map(len, inputs)):
        raise ValueError(f"no training image is as large as a patch of {side}x{side} pixels")
    return torch.cat(inputs).to(device), torch.cat(targets).to(device)


def batches(
    inputs: Tensor, targets: Tensor, size: int, generator: torch.Generator, *, flips: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless random batches; with ``flips`` each under one of the eight symmetries of the square.

    ``generator`` lies on the CPU, so that a seed draws the same patches whatever the device.
    """
    while True:
        chosen = torch.randint(len(inputs), (size,), generator=generator).to(inputs.device)
        x, y = inputs[chosen], targets[chosen]
        if flips:
            turn = int(torch.randint(8, (1,), generator=generator))
            x, y = _turned(x, turn), _turned(y, turn)
        yield x, y


def _turned(x: Tensor, turn: int) -> Tensor:
    x = torch.rot90(x, turn % 4, (2, 3))
    return x.flip(3) if turn >= 4 else x
