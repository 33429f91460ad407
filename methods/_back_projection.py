"""Iterative back-projection: make an SR image agree with the LR image that it was made from."""

from __future__ import annotations

from torch import Tensor

from srbench.imaging.tensor import resize

ITERATIONS = 10

HALO_PER_ITERATION = 4
"""LR pixels by which one iteration widens the reach of a pixel: the bicubic kernel's 2 on the way down, and 2 up."""


def back_project(sr: Tensor, lr: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Add to SR, again and again, the enlarged difference between LR and SR made small.

    Irani and Peleg, Improving resolution by image registration, CVGIP 1991, for a single image: both the degradation
    and the back-projection kernel are MATLAB's bicubic, which is how the protocols' LR images were made.

    Args:
        sr: (N, C, h*s, w*s) in [0, 1], the first estimate.
        lr: (N, C, h, w) in [0, 1].
        iterations: how often; PSNR has settled after about 10.

    Returns:
        (N, C, h*s, w*s), whose bicubic reduction is nearly ``lr``. Not clipped.
    """
    low, high = (lr.shape[-2], lr.shape[-1]), (sr.shape[-2], sr.shape[-1])
    for _ in range(iterations):
        sr = sr + resize(lr - resize(sr, size=low), size=high)
    return sr
