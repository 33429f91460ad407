"""How fast MATLAB's bicubic is: a 480x320 RGB photograph to a third of its size, and to three times.

    python -m benchmarks.degradation

srbench against the plain code that SR toolboxes carry (weights made anew in every call, then a loop over rows and
columns, or all taps gathered into one array), and, as information, against resizers with other borders or kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import skimage.data
import skimage.transform
import torch
from numpy.typing import NDArray

from benchmarks._timing import Side, arguments, on_one_thread, race, show
from srbench.imaging import resize as srbench_resize
from srbench.imaging.resize import imresize
from srbench.imaging.tensor import resize as resize_tensor

Image = NDArray[Any]


def keys(x: Image) -> Image:
    x = np.abs(x)
    inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0))


def gathered_weights(length: int, factor: float) -> tuple[Image, Image, int]:
    """First taps and weights of every output pixel, and how far the input must be mirrored for them."""
    stretch = min(factor, 1.0)
    reach = 2 / stretch
    centre = (np.arange(int(np.ceil(length * factor - 1e-9))) + 0.5) / factor - 0.5
    first = np.floor(centre - reach).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weights = keys((centre[:, None] - taps) * stretch)
    return first, weights / weights.sum(axis=1, keepdims=True), int(np.ceil(reach)) + 2


def by_loop(image: Image, factor: float, array: Callable[[Image], Any] = np.asarray) -> Image:
    """Rows, then columns; one product of a weight vector and a piece of a channel at a time."""
    first, weights, pad = gathered_weights(image.shape[0], factor)
    padded = array(np.pad(image.astype(np.float64), ((pad, pad), (0, 0), (0, 0)), mode="symmetric"))
    rows, reach, weights = array(np.empty((len(first), *image.shape[1:]))), weights.shape[1], array(weights)
    for row, start in enumerate(first + pad):
        for channel in range(image.shape[2]):
            rows[row, :, channel] = weights[row] @ padded[start : start + reach, :, channel]
    rows = rounded(np.asarray(rows), image)
    first, weights, pad = gathered_weights(image.shape[1], factor)
    padded = array(np.pad(rows, ((0, 0), (pad, pad), (0, 0)), mode="symmetric"))
    out, reach, weights = array(np.empty((len(rows), len(first), image.shape[2]))), weights.shape[1], array(weights)
    for column, start in enumerate(first + pad):
        for channel in range(image.shape[2]):
            out[:, column, channel] = padded[:, start : start + reach, channel] @ weights[column]
    return rounded(np.asarray(out), image).astype(image.dtype)


def by_gathering(image: Image, factor: float) -> Image:
    """Rows, then columns; all taps of all pixels in one array, weighed and summed."""
    out = image.astype(np.float64)
    for _ in range(2):
        first, weights, pad = gathered_weights(len(out), factor)
        padded = np.pad(out, ((pad, pad), (0, 0), (0, 0)), mode="symmetric")
        pieces = padded[(first + pad)[:, None] + np.arange(weights.shape[1])]
        out = rounded((pieces * weights[:, :, None, None]).sum(axis=1), image).transpose(1, 0, 2)
    return np.ascontiguousarray(out).astype(image.dtype)


def rounded(result: Image, image: Image) -> Image:
    return np.clip(np.floor(result + 0.5), 0, 255) if image.dtype == np.uint8 else result


def by_scikit_image(image: Image, size: tuple[int, int]) -> Image:
    out = skimage.transform.resize(
        image, size, order=3, mode="symmetric", anti_aliasing=size[0] < len(image), preserve_range=True
    )
    return rounded(out, image)


def by_interpolate(image: torch.Tensor, size: tuple[int, int]) -> Image:
    out = torch.nn.functional.interpolate(image, size=size, mode="bicubic", antialias=True)
    return out[0].permute(1, 2, 0).numpy()


def forget_weights() -> None:
    srbench_resize.taps.cache_clear()
    srbench_resize._matrix.cache_clear()


def sides(image: Image, factor: float, size: tuple[int, int]) -> dict[str, Side]:
    x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None].contiguous()
    tensor: Callable[[], Any] = lambda: resize_tensor(x, factor)[0].permute(1, 2, 0).numpy()  # noqa: E731
    return {
        "srbench": Side(lambda: imresize(image, factor)),
        "srbench, first of its size": Side(lambda: imresize(image, factor), before=forget_weights),
        "srbench, float32 tensor": Side(tensor),
        "plain, NumPy loop": Side(lambda: by_loop(image, factor)),
        "plain, torch loop": Side(lambda: by_loop(image, factor, torch.from_numpy)),
        "plain, NumPy gathered": Side(lambda: by_gathering(image, factor)),
        "scikit-image, order 3": Side(lambda: by_scikit_image(image, size)),
        "torch, float32 antialias": Side(lambda: by_interpolate(x, size)),
    }


def largest_difference(result: Image, ours: Image) -> str:
    return f"{np.abs(result.astype(np.float64) - ours).max():.2g}"


def main() -> None:
    options = arguments(__doc__, repeats=30)
    on_one_thread()
    photograph = skimage.data.astronaut()[:320, :480]
    rows = []
    for image in (photograph, photograph.astype(np.float64)):
        for task, factor, size in (("x1/3", 1 / 3, (107, 160)), ("x3", 3.0, (960, 1440))):
            rows += race(f"{task} {image.dtype}", sides(image, factor, size), largest_difference, options.repeats)
    show(rows, "largest difference", options.json)


if __name__ == "__main__":
    main()
