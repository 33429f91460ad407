"""Directional cubic convolution interpolation: cubic along edges, a blend of directions where there is no edge."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from srbench.method import Method, MethodInfo

THRESHOLD = 1.15
"""T of the paper: by what factor one direction must change more than the other to count as crossing an edge."""

MARGIN = 3
"""Pixels that :func:`double` consumes at each side of its input."""


class Plan(NamedTuple):
    """How one scale is reached.

    Attributes:
        pad: LR pixels added at each side: what the doublings consume and what the last step reaches beyond the image.
        doublings: how many before the last step.
        first: the row and column of the last step's output that is the image's first.
    """

    pad: int
    doublings: int
    first: int


PLANS = {
    2: Plan(pad=4, doublings=1, first=0),
    3: Plan(pad=6, doublings=3, first=0),
    4: Plan(pad=6, doublings=2, first=3),
    8: Plan(pad=6, doublings=3, first=1),
    16: Plan(pad=7, doublings=4, first=13),
}


class Dcci(Method):
    """DCCI (Zhou, Shen and Dong 2012), at the phase of the LR images that tables are made from.

    The paper enlarges every second HR pixel; ``imresize`` puts LR pixel i at HR position (i + 0.5) s - 0.5. So HR
    pixel y lies at ((y + 0.5) / s - 0.5) 2^n of an image doubled n times. At powers of two, where
    2^n = s, that is halfway between two pixels on both axes: just what the first step of one more doubling makes. At x3
    no power of two makes it whole: the image is doubled three times and sampled by the Keys cubic.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="dcci",
        family="edge",
        channels="y",
        input="lr",
        scales=frozenset(PLANS),
        paper="Zhou, Shen and Dong, Image zooming using directional cubic convolution interpolation, "
        "IET Image Processing 2012",
        halo=5,
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, 1, h, w) to (N, 1, h*scale, w*scale), clipped to [0, 1]."""
        plan = PLANS[scale]
        height, width = x.shape[-2] * scale, x.shape[-1] * scale
        fine = pad_symmetric(x * 255.0, plan.pad)  # the rule for edges is in gray levels
        for _ in range(plan.doublings):
            fine = double(fine)
        if scale == 3:
            sr = sample_thirds(sample_thirds(fine, x.shape[-2]).mT, x.shape[-1]).mT
        else:
            sr = diagonal_midpoints(fine)
        sr = sr[..., plan.first : plan.first + height, plan.first : plan.first + width]
        return sr.clamp(0.0, 255.0) / 255.0


def double(x: Tensor) -> Tensor:
    """One doubling.

    Args:
        x: (N, C, h, w) on the scale 0..255, both sides longer than 2 MARGIN.

    Returns:
        (N, C, 2(h - 2 MARGIN), 2(w - 2 MARGIN)), whose pixel (2i, 2j) is pixel (i + MARGIN, j + MARGIN) of ``x``.
    """
    odd = diagonal_midpoints(x)
    below = axial_midpoints(x[..., 2:-1, 2:-2], odd[..., 1:, :])
    right = axial_midpoints(x[..., 2:-2, 2:-1].mT, odd[..., 1:].mT).mT
    kept = x[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    out = x.new_empty(*kept.shape[:-2], 2 * kept.shape[-2], 2 * kept.shape[-1])
    out[..., ::2, ::2] = kept
    out[..., 1::2, 1::2] = odd[..., 2:-1, 2:-1]
    out[..., 1::2, ::2] = below
    out[..., ::2, 1::2] = right
    return out


def diagonal_midpoints(x: Tensor) -> Tensor:
    """The pixels in the middle of four others, from the 4x4 around them: the paper's first step.

    Returns:
        (N, C, h - 3, w - 3), whose pixel (i, j) lies between pixels i + 1 and i + 2, j + 1 and j + 2 of ``x``.
    """
    rising = cubic(x[..., 3:, :-3], x[..., 2:-1, 1:-2], x[..., 1:-2, 2:-1], x[..., :-3, 3:])
    falling = cubic(x[..., :-3, :-3], x[..., 1:-2, 1:-2], x[..., 2:-1, 2:-1], x[..., 3:, 3:])
    change_rising = box3(box3((x[..., 1:, :-1] - x[..., :-1, 1:]).abs()).mT).mT
    change_falling = box3(box3((x[..., :-1, :-1] - x[..., 1:, 1:]).abs()).mT).mT
    return along_edge(rising, change_rising, falling, change_falling)


def axial_midpoints(even: Tensor, odd: Tensor) -> Tensor:
    """The pixels between two others in a column and two midpoints in a row: the paper's second step.

    (Transpose both arguments, and the result, for those between two others in a row.)

    Args:
        even: (N, C, a + 3, b + 2) pixels of the image that is doubled.
        odd: (N, C, a + 2, b + 3) diagonal midpoints; (0, 0) lies half a pixel below and left of ``even``'s (0, 0).

    Returns:
        (N, C, a, b), whose pixel (i, j) lies between pixels (i + 1, j + 1) and (i + 2, j + 1) of ``even``, and between
        (i + 1, j + 1) and (i + 1, j + 2) of ``odd``.
    """
    across = cubic(*(odd[..., 1:-1, k : k + odd.shape[-1] - 3] for k in range(4)))
    down = cubic(*(even[..., k : k + even.shape[-2] - 3, 1:-1] for k in range(4)))
    change_across = box3((odd[..., 2:-1] - odd[..., 1:-2]).abs().mT).mT + box2x2(
        (even[..., 1:-1, 1:] - even[..., 1:-1, :-1]).abs()
    )
    change_down = box3((even[..., 2:-1, :] - even[..., 1:-2, :]).abs()) + box2x2(
        (odd[..., 1:, 1:-1] - odd[..., :-1, 1:-1]).abs()
    )
    return along_edge(across, change_across, down, change_down)


def along_edge(first: Tensor, change_first: Tensor, second: Tensor, change_second: Tensor) -> Tensor:
    """Choose between predictions along two directions by how much the image changes along each.

    A direction that changes more than T times as much as the other (each plus 1) crosses an edge, and the other's
    prediction is taken. Else they are weighed by 1 / (1 + change^5), written here with a single division.
    """
    blend_first, blend_second = 1.0 + fifth_power(change_second), 1.0 + fifth_power(change_first)
    blend = (first * blend_first + second * blend_second) / (blend_first + blend_second)
    chosen = torch.where(1.0 + change_second > THRESHOLD * (1.0 + change_first), first, blend)
    return torch.where(1.0 + change_first > THRESHOLD * (1.0 + change_second), second, chosen)


def fifth_power(x: Tensor) -> Tensor:
    """x^5; float32 holds the largest that can arise, (9 * 255)^5, with ease (float16 does not)."""
    square = x * x
    return square * square * x


def cubic(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """The value in the middle of four equidistant pixels by Keys' cubic: (-1, 9, 9, -1) / 16."""
    return (b + c) * (9.0 / 16.0) - (a + d) * (1.0 / 16.0)


def box3(x: Tensor) -> Tensor:
    """Sums of three neighbours along the last axis, which becomes 2 shorter."""
    return x[..., :-2] + x[..., 1:-1] + x[..., 2:]


def box2x2(x: Tensor) -> Tensor:
    """Sums of 2x2 neighbours; both axes become 1 shorter."""
    rows = x[..., :-1, :] + x[..., 1:, :]
    return rows[..., :-1] + rows[..., 1:]


def sample_thirds(x: Tensor, count: int) -> Tensor:
    """Sample the rows of an image doubled three times where the rows of the x3 image lie.

    HR row y is at 8 (y - 1) / 3 + 6 of ``x``: each third of them on a row, the others a third of a row away from one,
    where Keys' cubic (a = -0.5) weighs the four nearest rows by (-2, 21, 9, -1) / 27.

    Args:
        x: (N, C, h, w), h >= 8 count + 3.
        count: rows of the LR image.

    Returns:
        (N, C, 3 count, w).
    """

    def rows(start: int) -> Tensor:
        return x[..., start : start + 8 * count : 8, :]

    def third(nearest: int, step: int) -> Tensor:
        outer = rows(nearest - step) * 2.0 + rows(nearest + 2 * step)
        return (rows(nearest) * 21.0 + rows(nearest + step) * 9.0 - outer) * (1.0 / 27.0)

    return torch.stack((third(3, 1), rows(6), third(9, -1)), dim=-2).flatten(-3, -2)


def pad_symmetric(x: Tensor, width: int) -> Tensor:
    """Mirror (N, C, h, w) at all four edges, the edge pixels repeated; as often as needed where the image is small."""
    for dim in (-2, -1):
        size = x.shape[dim]
        place = torch.arange(-width, size + width, device=x.device) % (2 * size)
        x = x.index_select(dim, torch.minimum(place, 2 * size - 1 - place))
    return x
