"""How fast an SR image is scored: MSE, PSNR and SSIM of two 480x320 luma images, HaarPSI of two RGB ones, and NIQE of
one of 512x384, beside pyiqa's where that is installed.

    python -m benchmarks.scoring

srbench against scikit-image, torchmetrics and piq with the same settings, and against the plain code that SR toolboxes
and collections of metrics carry: SSIM by five filters with a two-dimensional window, by OpenCV, scipy or torch. The
last column says how far each SSIM (HaarPSI) is from srbench's. Needs piq and torchmetrics.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
import piq
import skimage.data
import torch
import torchmetrics.functional.image as torchmetrics
from numpy.typing import NDArray
from scipy.signal import convolve2d
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from benchmarks._timing import Side, arguments, on_one_thread, race, show
from srbench.data.fetch.networks import find
from srbench.imaging.color import luma
from srbench.imaging.resize import imresize, round_half_up
from srbench.metrics import tensor
from srbench.metrics.haarpsi import haarpsi
from srbench.metrics.metric import Metric, Pair
from srbench.metrics.pixel import mse, psnr
from srbench.metrics.pyiqa_library import pyiqa_metric
from srbench.metrics.ssim import ssim
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS

Scores = tuple[float, float, float]
Image = NDArray[Any]


def images() -> tuple[Image, Image]:
    """What bicubic interpolation makes of a photograph of half its size, and the photograph: uint8 RGB."""
    target = skimage.data.astronaut()[:320, :480]
    return imresize(imresize(target, 1 / 2), 2), target


def planes() -> tuple[Image, Image]:
    """The same of the photograph's luma, whole numbers."""
    target = round_half_up(luma(images()[1]))
    return round_half_up(imresize(imresize(target, 1 / 2), 2)), target


def by_srbench(sr: Image, target: Image, exact: bool = False) -> Scores:
    return mse(sr, target), psnr(sr, target), ssim(sr, target, exact=exact)


def by_srbench_tensor(sr: torch.Tensor, target: torch.Tensor) -> Scores:
    return tuple(metric(sr, target).item() for metric in (tensor.mse, tensor.psnr, tensor.ssim))  # type: ignore[return-value]


def by_scikit_image(sr: Image, target: Image) -> Scores:
    similarity = structural_similarity(
        target, sr, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    return mean_squared_error(target, sr), peak_signal_noise_ratio(target, sr, data_range=255), similarity


def by_torchmetrics(sr: torch.Tensor, target: torch.Tensor) -> Scores:
    similarity = torchmetrics.structural_similarity_index_measure(sr, target, data_range=255.0)
    psnr = torchmetrics.peak_signal_noise_ratio(sr, target, data_range=255.0)
    return (sr - target).square().mean().item(), psnr.item(), float(similarity)


def by_piq(sr: torch.Tensor, target: torch.Tensor) -> Scores:
    similarity = piq.ssim(sr, target, data_range=255.0, downsample=False)
    return (sr - target).square().mean().item(), piq.psnr(sr, target, data_range=255.0).item(), float(similarity)


def by_plain_code(sr: Image, target: Image, smooth: Callable[[Image, Image], Image]) -> Scores:
    """The formulas of the paper, one after the other."""
    line = cv2.getGaussianKernel(11, 1.5)
    window = line @ line.T
    mean_a, mean_b = smooth(sr, window), smooth(target, window)
    var_a = smooth(sr**2, window) - mean_a**2
    var_b = smooth(target**2, window) - mean_b**2
    covariance = smooth(sr * target, window) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    error = np.mean((sr - target) ** 2)
    similarity = np.mean(luminance * (2 * covariance + c2) / (var_a + var_b + c2))
    return float(error), float(10 * np.log10(255**2 / error)), float(similarity)


def filter2d(image: Image, window: Image) -> Any:
    return cv2.filter2D(image, -1, window)[5:-5, 5:-5]


def convolution(image: Image, window: Image) -> Any:
    return convolve2d(image, window, mode="valid")


def conv2d(image: Image, window: Image) -> Any:
    x, weight = (torch.from_numpy(array)[None, None] for array in (image, window))
    return torch.nn.functional.conv2d(x, weight)[0, 0].numpy()


def scores_of_planes() -> dict[str, Side]:
    sr, target = planes()
    tensors = [torch.from_numpy(image).float()[None, None] for image in (sr, target)]
    return {
        "srbench": Side(lambda: by_srbench(sr, target)),
        "srbench, exact=True": Side(lambda: by_srbench(sr, target, exact=True)),
        "srbench, tensors": Side(lambda: by_srbench_tensor(*tensors)),
        "scikit-image": Side(lambda: by_scikit_image(sr, target)),
        "torchmetrics": Side(lambda: by_torchmetrics(*tensors)),
        "piq": Side(lambda: by_piq(*tensors)),
        "plain, filter2D": Side(lambda: by_plain_code(sr, target, filter2d)),
        "plain, convolve2d": Side(lambda: by_plain_code(sr, target, convolution)),
        "plain, torch conv2d": Side(lambda: by_plain_code(sr, target, conv2d)),
    }


def haarpsi_of_pictures() -> dict[str, Side]:
    sr, target = images()
    tensors = [torch.from_numpy(image).permute(2, 0, 1).float()[None].contiguous() for image in (sr, target)]
    return {
        "srbench": Side(lambda: haarpsi(sr, target)),
        "piq": Side(lambda: piq.haarpsi(*tensors, data_range=255.0).item()),
    }


def niqe_of_a_picture() -> dict[str, Side]:
    """pyiqa has float32 and a window of its own, so ``niqe-pyiqa`` is what it is compared with."""
    image = skimage.data.coffee()[:384, :512]
    metrics = {name: Registry().metric(name) for name in ("niqe-pyiqa", "niqe")}
    if find_spec("pyiqa"):
        metrics["pyiqa"] = pyiqa_metric("niqe")

    def side(metric: Metric) -> Side:
        pair = Pair(image, image[:0], PROTOCOLS["vdsr"], weights=find(metric.weights, metric.name))
        return Side(lambda: float(metric.function(pair)))

    return {name: side(metric) for name, metric in metrics.items()}


def of_scores(scores: Scores, ours: Scores) -> str:
    return f"{scores[1]:.5f} / {scores[2]:.7f} / {abs(scores[2] - ours[2]):.0e}"


def of_haarpsi(score: float, ours: float) -> str:
    return f"{score:.7f} / {abs(score - ours):.0e}"


def main() -> None:
    options = arguments(__doc__, repeats=40)
    on_one_thread()
    rows = race("MSE, PSNR, SSIM", scores_of_planes(), of_scores, options.repeats)
    rows += race("HaarPSI, RGB", haarpsi_of_pictures(), of_haarpsi, options.repeats)
    rows += race("NIQE, 512x384", niqe_of_a_picture(), of_haarpsi, options.repeats)
    show(rows, "PSNR / SSIM or HaarPSI or NIQE / apart", options.json)


if __name__ == "__main__":
    main()
