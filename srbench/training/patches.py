"""Training patches: cut once, kept as tensors on the device, drawn and mirrored there in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


def cut_patches(image: Tensor, side: int, stride: int) -> Tensor:
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
        inputs.append(cut_patches(lr, small, step))
        targets.append(cut_patches(hr, small * factor, step * factor))
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


def random_batches(
    pairs: Iterable[tuple[Tensor, Tensor]],
    side: int,
    size: int,
    generator: torch.Generator,
    device: torch.device,
    *,
    flips: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of patches from anywhere in the images, every place being as likely as every other.

    Whole images are kept on the device, those of whole 8-bit values as bytes.

    Args:
        pairs: as for :func:`cut_pairs`.
        side: side of a target's patch, in target pixels; cut down to the multiple.
        size: patches in a batch.
        generator: on the CPU.
        device: where the images are to lie.
        flips: as for :func:`batches`.

    Raises:
        ValueError: no image is large enough for a patch.
    """
    images: list[tuple[Tensor, Tensor, int]] = []
    places: list[int] = []
    for lr, hr in pairs:
        factor = hr.shape[-1] // lr.shape[-1]
        rows, columns = (length - side // factor + 1 for length in lr.shape[1:])
        if min(rows, columns) > 0:
            images.append((_compact(lr, device), _compact(hr, device), factor))
            places.append(rows * columns)
    if not images:
        raise ValueError(f"no training image is as large as a patch of {side}x{side} pixels")
    return _endless(images, torch.tensor(places).cumsum(0), side, size, generator, flips)


def _endless(
    images: list[tuple[Tensor, Tensor, int]],
    ends: Tensor,
    side: int,
    size: int,
    generator: torch.Generator,
    flips: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        drawn = torch.randint(int(ends[-1]), (size,), generator=generator)
        which = torch.searchsorted(ends, drawn, right=True)
        x, y = [], []
        for place, image in zip(drawn.tolist(), which.tolist(), strict=True):
            lr, hr, factor = images[image]
            small = side // factor
            top, left = divmod(place - (int(ends[image - 1]) if image else 0), lr.shape[2] - small + 1)
            x.append(lr[:, top : top + small, left : left + small])
            top, left, large = top * factor, left * factor, small * factor
            y.append(hr[:, top : top + large, left : left + large])
        turn = int(torch.randint(8, (1,), generator=generator)) if flips else 0
        yield _turned(_stacked(x), turn), _turned(_stacked(y), turn)


def _compact(image: Tensor, device: torch.device) -> Tensor:
    """Values in [0, 1] as bytes, where they are whole 255ths."""
    levels = (image * 255).round().clamp(0, 255).to(torch.uint8)
    return (levels if torch.equal(_expanded(levels), image) else image).to(device)


def _expanded(image: Tensor) -> Tensor:
    return image.to(torch.float32) / 255 if image.dtype == torch.uint8 else image


def _stacked(patches: list[Tensor]) -> Tensor:
    if len({patch.dtype for patch in patches}) > 1:  # an image that happens to be of whole values among others
        patches = [_expanded(patch) for patch in patches]
    return _expanded(torch.stack(patches))


def _turned(x: Tensor, turn: int) -> Tensor:
    x = torch.rot90(x, turn % 4, (2, 3))
    return x.flip(3) if turn >= 4 else x
