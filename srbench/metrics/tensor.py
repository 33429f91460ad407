"""MSE, PSNR and SSIM of batches of tensors, on their device: the definitions of ``pixel.py`` and ``ssim.py``.

For users' code that scores batches on a GPU, such as training loops. srbench itself uses the NumPy versions, with which
these agree to 1e-6 in float32 and 1e-10 in float64.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from srbench.metrics.ssim import K1, K2, RADIUS, gaussian_window


def mse(sr: Tensor, target: Tensor) -> Tensor:
    """Mean over channels and pixels of (sr - target)^2.

    Args:
        sr: (N, C, H, W) floating point. float16 and bfloat16 are computed with in float32, since they cannot hold the
            squares.
        target: the same shape.

    Returns:
        (N,) on the device of the arguments, float64 or float32.

    Raises:
        ValueError: the shapes differ, are not (N, C, H, W), there is no pixel, or they are not floating point.
    """
    sr, target = _widened(sr, target)
    return (sr - target).square().mean(dim=(1, 2, 3))


def psnr(sr: Tensor, target: Tensor, *, peak: float = 255.0) -> Tensor:
    """10 log10(peak^2 / MSE) in dB, (N,); infinite for equal images. Arguments as for :func:`mse`."""
    return 10.0 * torch.log10(peak**2 / mse(sr, target))


def ssim(sr: Tensor, target: Tensor, *, peak: float = 255.0, window: Literal["valid", "same"] = "valid") -> Tensor:
    """Mean structural similarity (Wang et al. 2004) of each image; channels are averaged.

    Args:
        sr: (N, C, H, W) floating point on the scale 0..peak.
        target: the same shape.
        peak: the largest value that a pixel can have.
        window: ``valid`` for ``ssim_index``, ``same`` for MATLAB's ``ssim()``.

    Returns:
        (N,), as of :func:`mse`.

    Raises:
        ValueError: as by :func:`mse`, or no window fits into the image.
    """
    sr, target = _widened(sr, target)
    if window == "same":
        pad = (RADIUS,) * 4
        sr = torch.nn.functional.pad(sr, pad, mode="replicate")
        target = torch.nn.functional.pad(target, pad, mode="replicate")
    elif min(sr.shape[-2:]) < 2 * RADIUS + 1:
        raise ValueError(f"SSIM needs at least 11x11 pixels, and {sr.shape[-1]}x{sr.shape[-2]} are left to score")
    # the moments as in ssim.py, which says why these four, and why offsets
    total, difference = sr + target, sr - target
    offset_total = total.mean(dim=(2, 3), keepdim=True)
    offset_difference = difference.mean(dim=(2, 3), keepdim=True)
    total, difference = total - offset_total, difference - offset_difference
    mean_total, mean_difference = _smooth(total), _smooth(difference)
    var_total = _smooth(total * total) - mean_total * mean_total
    var_difference = _smooth(difference * difference) - mean_difference * mean_difference
    square_total = (mean_total + offset_total).square()
    square_difference = (mean_difference + offset_difference).square()
    c1, c2 = 2 * (K1 * peak) ** 2, 2 * (K2 * peak) ** 2
    numerator = (square_total - square_difference + c1) * (var_total - var_difference + c2)
    denominator = (square_total + square_difference + c1) * (var_total + var_difference + c2)
    return (numerator / denominator).mean(dim=(1, 2, 3))


def _smooth(x: Tensor) -> Tensor:
    """The Gaussian window at every place where it lies inside the image.

    Sums of slices rather than convolutions, which a GPU would by default compute with 10 bits of mantissa (TF32).
    """
    weights = [float(weight) for weight in gaussian_window()]
    for dim in (-2, -1):
        size = x.shape[dim] - 2 * RADIUS
        out = x.narrow(dim, RADIUS, size) * weights[RADIUS]
        for k in range(RADIUS):
            out += (x.narrow(dim, k, size) + x.narrow(dim, 2 * RADIUS - k, size)) * weights[k]
        x = out
    return x


def _widened(sr: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one type that can be computed with.

    Raises:
        ValueError: they do not fit, or hold no pixel or no floating point.
    """
    if sr.shape != target.shape or sr.ndim != 4:
        raise ValueError(f"SR is {tuple(sr.shape)} and the target {tuple(target.shape)}: both must be one (N, C, H, W)")
    if sr.numel() == 0:
        raise ValueError("no pixel is left to score")
    if not (sr.is_floating_point() and target.is_floating_point()):
        raise ValueError(f"SR is {sr.dtype} and the target {target.dtype}: both must be floating point")
    wide = torch.promote_types(torch.promote_types(sr.dtype, target.dtype), torch.float32)
    return sr.to(wide), target.to(wide)
