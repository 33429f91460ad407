"""A network run strip by strip, so that its maps stay in the processor's cache instead of travelling to memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PIXELS = 65_536
"""Of a strip: its 64 maps then take 16 MB."""


def in_strips(layers: Callable[[Tensor], Tensor], x: Tensor, halo: int) -> Tensor:
    """What ``layers`` makes of (N, C, H, W), from strips of whole rows with ``halo`` more rows at each inner edge.

    Args:
        layers: keeps the size, and looks no further than ``halo`` pixels.
        x: the images.
        halo: rows that strips overlap by, to each side.
    """
    height = x.shape[2]
    rows = max(PIXELS // (len(x) * x.shape[3]), 4 * halo)
    if rows >= height:
        return layers(x)
    strips = []
    for top in range(0, height, rows):
        bottom, first = min(top + rows, height), max(top - halo, 0)
        strips.append(layers(x[:, :, first : bottom + halo])[:, :, top - first : bottom - first])
    return torch.cat(strips, 2)
