"""SSIM as scikit-image computes it of images in [0, 1], by the data range that it is told: a plugin of three metrics.

    srbench run --plugin benchmarks/wrong_ssim.py --metrics ssim,ssim-range-1,ssim-range-2,ssim-range-255 ...

The right range of such images is 1. Told nothing, scikit-image took 2 for floating point for years, as from -1 to 1;
255 is what stays in code that was written for bytes. SSIM's two constants grow with the square of the range, and hide
differences that they were not made to hide.
"""

from __future__ import annotations

from functools import partial

from skimage.metrics import structural_similarity

from srbench.metrics.metric import Metric, Pair


def of_unit_images(pair: Pair, data_range: float) -> float:
    """Mean SSIM over 7x7 windows, the default, and over the channels."""
    sr, target = pair.sr / 255.0, pair.target / 255.0
    channel_axis = 2 if sr.ndim == 3 else None
    return float(structural_similarity(sr, target, data_range=data_range, channel_axis=channel_axis))


RIGHT = Metric("ssim-range-1", partial(of_unit_images, data_range=1.0), higher_is_better=True, digits=4)
TWICE = Metric("ssim-range-2", partial(of_unit_images, data_range=2.0), higher_is_better=True, digits=4)
BYTES = Metric("ssim-range-255", partial(of_unit_images, data_range=255.0), higher_is_better=True, digits=6)
