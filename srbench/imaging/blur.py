"""Blur kernels, and images blurred by them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError
from srbench.imaging.files import read_image

Edge = Literal["replicate", "symmetric", "reflect", "circular", "zero"]
Floats: TypeAlias = NDArray[np.float64]

MAX_SIDE = 101
_MODES: dict[Edge, str] = {
    "replicate": "nearest",
    "symmetric": "reflect",
    "reflect": "mirror",
    "circular": "wrap",
    "zero": "constant",
}
"""What SciPy calls each border."""


def gaussian(size: int, sigma: tuple[float, float], angle: float = 0.0) -> Floats:
    """A normalised Gaussian, (size, size).

    Args:
        size: its side in pixels, odd.
        sigma: along its two axes, in pixels; two equal ones are MATLAB's ``fspecial('gaussian', size, sigma)``.
        angle: from the x axis to the first of them, in degrees, counterclockwise.
    """
    half = size // 2
    y, x = np.mgrid[half : -half - 1 : -1, -half : half + 1].astype(np.float64)  # y points up
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    first, second = x * cos + y * sin, y * cos - x * sin
    kernel = np.exp(-0.5 * ((first / sigma[0]) ** 2 + (second / sigma[1]) ** 2))
    normalised: Floats = kernel / kernel.sum()
    return normalised


def shaped(size: int, sigma: tuple[float, float], angle: float, beta: float, *, plateau: bool) -> Floats:
    """A normalised generalised Gaussian exp(-q^beta / 2), or 1 / (1 + q^beta); for q see :func:`gaussian`."""
    half = size // 2
    y, x = np.mgrid[half : -half - 1 : -1, -half : half + 1].astype(np.float64)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    q = ((x * cos + y * sin) / sigma[0]) ** 2 + ((y * cos - x * sin) / sigma[1]) ** 2
    kernel = 1.0 / (1.0 + q**beta) if plateau else np.exp(-0.5 * q**beta)
    normalised: Floats = kernel / kernel.sum()
    return normalised


def sinc(size: int, cutoff: float) -> Floats:
    """A normalised circular low-pass kernel, which rings: frequencies up to ``cutoff`` (radians a pixel) are kept."""
    from scipy.special import j1

    half = size // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    radius = np.hypot(x, y)
    radius[half, half] = 1.0
    kernel = cutoff * j1(cutoff * radius) / (2 * math.pi * radius)
    kernel[half, half] = cutoff**2 / (4 * math.pi)
    normalised: Floats = kernel / kernel.sum()
    return normalised


def blur(image: NDArray[Any], kernel: Floats, border: Edge) -> Floats:
    """Correlate every channel with a kernel, as MATLAB's ``imfilter`` and OpenCV's ``filter2D`` do.

    Args:
        image: (H, W) or (H, W, 3).
        kernel: (h, w) of odd sides.
        border: how the image goes on beyond its edge: ``replicate`` its edge pixel, ``symmetric`` mirrored with it,
            ``reflect`` mirrored without it, ``circular`` from the other side, or ``zero``.

    Returns:
        float64 of the image's shape, neither rounded nor clipped.
    """
    from scipy import ndimage  # here, so that importing this module costs no more than NumPy

    blurred: Floats = image.astype(np.float64)
    parts = _separated(kernel)
    if parts is None:
        blurred = ndimage.correlate(blurred, kernel if image.ndim == 2 else kernel[..., None], mode=_MODES[border])
    else:
        for axis, weights in enumerate(parts):
            blurred = ndimage.correlate1d(blurred, weights, axis, mode=_MODES[border])
    return blurred


def _separated(kernel: Floats) -> tuple[Floats, Floats] | None:
    """What a kernel, (h, w), is the outer product of, if it is, as a Gaussian along the axes: (h,) and (w,).

    MATLAB's ``imfilter`` separates such kernels too. 21 + 21 weights a pixel take a fifteenth of the time of 21x21, and
    give the same but for 1e-12 of 255 gray levels. Singular values would differ in their last bits between machines.
    """
    sizes = np.abs(kernel)
    top, left = np.unravel_index(np.argmax(sizes), sizes.shape)
    if not sizes[top, left]:
        return None
    column, row = kernel[:, left] / kernel[top, left], kernel[top]
    error = float(np.abs(kernel - np.outer(column, row)).max())
    return (column, row) if error <= max(sizes.shape) * np.finfo(np.float64).eps * sizes[top, left] else None


def read_kernel(path: Path) -> Floats:
    """A kernel from a .npy, .mat or .png file, (h, w), normalised.

    Raises:
        DataError: it cannot be read, or is no kernel.
    """
    kernel = _array(path)
    height, width = (*kernel.shape, 0, 0)[:2]
    if kernel.ndim != 2 or height % 2 == 0 or width % 2 == 0 or max(height, width) > MAX_SIDE:
        raise DataError(
            f"{path} holds an array of {'x'.join(map(str, kernel.shape)) or 'no size'}: a kernel needs two odd sides "
            f"of at most {MAX_SIDE} pixels."
        )
    kernel = kernel.astype(np.float64)
    if not np.isfinite(kernel).all() or not kernel.sum() > 0:
        raise DataError(f"{path}: the weights of a kernel must be finite and have a positive sum.")
    normalised: Floats = kernel / kernel.sum()
    return normalised


def _array(path: Path) -> NDArray[Any]:
    kind = path.suffix.lower()
    if kind == ".png":
        pixels = read_image(path)
        return pixels if pixels.ndim == 2 else pixels[..., 0]
    if kind not in (".npy", ".mat"):
        raise DataError(f"{path}: a kernel is a .npy, .mat or .png file.")
    try:
        found = [np.load(path, allow_pickle=False)] if kind == ".npy" else _matlab_arrays(path)
    except Exception as error:  # SciPy and NumPy raise anything on broken files
        raise DataError(f"{path} cannot be read as a kernel: {type(error).__name__}: {error}.") from None
    if len(found) != 1 or not isinstance(found[0], np.ndarray) or found[0].dtype.kind not in "iuf":
        raise DataError(f"{path} must hold one array of real numbers, the kernel.")
    return found[0]


def _matlab_arrays(path: Path) -> list[Any]:
    from scipy.io import loadmat

    return [value for name, value in loadmat(path).items() if not name.startswith("__")]
