"""Runs a network on images of any size and number, whatever sizes it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from srbench.models.traits import Traits

ModelFunction = Callable[[Tensor], Tensor]


def run_fitted(run: ModelFunction, x: Tensor, traits: Traits) -> Tensor:
    """Run a model on images of any size and number: made larger where it needs that, and cut again.

    Args:
        run: the model.
        x: (N, C, h, w).
        traits: what is known of the model. One for images of one size is run in parts of that size.
    """
    height, width = x.shape[-2:]
    if traits.size is not None:
        margin = traits.halo or 0
        out = torch.cat([in_windows(run, image[None], traits.size, margin, traits.multiple) for image in x])
        return out[..., : height * traits.factor, : width * traits.factor]
    x = padded(x, *(rounded_up(max(side, traits.least), traits.multiple) for side in (height, width)))
    out = run(x) if traits.batched or len(x) == 1 else torch.cat([run(image[None]) for image in x])
    return out[..., : height * traits.factor, : width * traits.factor]


def in_windows(run: ModelFunction, x: Tensor, size: tuple[int, int], margin: int, multiple: int) -> Tensor:
    """Run a network for images of one size on a larger image, in windows that overlap by twice the margin.

    Windows lie at the image's edges too, so that edges are the network's own. Smaller images are padded.

    Args:
        run: (1, C, *size) to (1, C, H, W).
        x: (1, C, h, w).
        size: that the network takes.
        margin: how far a pixel's influence reaches.
        multiple: windows begin at multiples of it.

    Returns:
        (1, C, H, W) of the padded image.
    """
    sides = [own + rounded_up(max(side - own, 0), multiple) for side, own in zip(x.shape[-2:], size, strict=True)]
    x = padded(x, *sides)
    out: Tensor | None = None
    for top, rows in _windows(sides[0], size[0], margin, multiple):
        for left, columns in _windows(sides[1], size[1], margin, multiple):
            part = run(x[..., top : top + size[0], left : left + size[1]].contiguous())
            grown = part.shape[-2] // size[0]
            if out is None:
                out = part.new_empty((*part.shape[:2], sides[0] * grown, sides[1] * grown))
            inner = part[..., _grown(rows, -top, grown), _grown(columns, -left, grown)]
            out[..., _grown(rows, 0, grown), _grown(columns, 0, grown)] = inner
    assert out is not None
    return out


def _windows(side: int, own: int, margin: int, multiple: int) -> Iterator[tuple[int, slice]]:
    """Where windows begin, and the pixels that are taken from each."""
    step = (own - 2 * margin) // multiple * multiple
    begin, done = 0, 0
    while True:
        last = begin + own >= side
        begin = side - own if last else begin
        end = side if last else begin + own - margin
        yield begin, slice(done, end)
        if last:
            return
        begin, done = begin + step, end


def _grown(part: slice, offset: int, factor: int) -> slice:
    return slice((part.start + offset) * factor, (part.stop + offset) * factor)


def padded(x: Tensor, height: int, width: int) -> Tensor:
    """Images made so large at the right and below, by repeating their last pixels."""
    below, right = height - x.shape[-2], width - x.shape[-1]
    return functional.pad(x, (0, right, 0, below), mode="replicate") if below or right else x


def rounded_up(number: int, multiple: int) -> int:
    """The next multiple."""
    return -(-number // multiple) * multiple
