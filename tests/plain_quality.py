"""NIQE's and BRISQUE's steps in plain code, from the papers, and pictures to try them on."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.ndimage import correlate, correlate1d
from scipy.special import gamma

from srbench.data.fetch.networks import find
from srbench.metrics.niqe import PARAMETERS

Floats = NDArray[np.float64]


def photograph(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth noise of many sizes, far from black and white: no window of 7x7 pixels is flat."""
    rng = np.random.default_rng(seed)
    plane = sum(cv2.GaussianBlur(rng.normal(0, 30 * s, (height, width, 3)), (0, 0), s) for s in (1, 2, 4, 8))
    return np.clip(np.round(plane + 128), 0, 255).astype(np.uint8)


def plain_shape(values: Floats) -> tuple[float, float, float]:
    alphas = np.arange(200, 10001) / 1000
    ratios = gamma(2 / alphas) ** 2 / (gamma(1 / alphas) * gamma(3 / alphas))
    left, right = (np.sqrt(np.mean(values[side] ** 2)) for side in (values < 0, values > 0))
    g = left / right
    wanted = np.mean(np.abs(values)) ** 2 / np.mean(values**2) * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    return float(alphas[np.argmin((ratios - wanted) ** 2)]), float(left), float(right)


def plain_coefficients(plane: Floats, mode: str, order: Callable[[Floats, str], Floats] | None = None) -> Floats:
    x = np.arange(-3, 4)
    weights = np.exp(-(x**2) / (2 * (7 / 6) ** 2))
    window = np.outer(weights, weights) / np.outer(weights, weights).sum()
    blur = order or (lambda image, how: correlate(image, window, mode=how))
    mean = blur(plane, mode)
    return (plane - mean) / (np.sqrt(np.abs(blur(plane * plane, mode) - mean**2)) + 1)


def plain_half(plane: Floats) -> Floats:
    taps = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    for axis in (0, 1):  # correlate1d centres eight taps between the fourth and the fifth
        plane = correlate1d(plane, taps, axis=axis, mode="reflect", origin=-1)
        plane = plane[::2] if axis == 0 else plane[:, ::2]
    return plane


def plain_niqe(plane: Floats, order: Callable[[Floats, str], Floats] | None = None) -> float:
    model = loadmat(find((PARAMETERS,), "niqe")[PARAMETERS])
    plane = plane[: plane.shape[0] // 96 * 96, : plane.shape[1] // 96 * 96]
    sets = []
    for image, size in ((plane, 96), (plain_half(plane), 48)):
        coefficients = plain_coefficients(image, "nearest", order)
        rows = []
        for y in range(0, image.shape[0], size):
            for x in range(0, image.shape[1], size):
                block = coefficients[y : y + size, x : x + size]
                row: list[float] = []
                for k, shift in enumerate([None, (0, 1), (1, 0), (1, 1), (1, -1)]):
                    values = block if shift is None else block * np.roll(block, shift, axis=(0, 1))
                    alpha, left, right = plain_shape(values)
                    bl, br = (s * np.sqrt(gamma(1 / alpha) / gamma(3 / alpha)) for s in (left, right))
                    row += [alpha, (bl + br) / 2] if k == 0 else [
                        alpha, (br - bl) * gamma(2 / alpha) / gamma(1 / alpha), bl, br
                    ]  # fmt: skip
                rows.append(row)
        sets.append(np.array(rows))
    found = np.hstack(sets)
    whole = found[~np.isnan(found).any(axis=1)]
    offset = model["mu_prisparam"].ravel() - np.nanmean(found, axis=0)
    return float(np.sqrt(offset @ np.linalg.pinv((model["cov_prisparam"] + np.cov(whole.T)) / 2) @ offset))
