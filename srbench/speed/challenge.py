"""The figures and the score of NTIRE's challenges on efficient super-resolution.

B. Ren et al., "The Tenth NTIRE 2025 Efficient Super-Resolution Challenge Report", CVPR Workshops 2025, and 2026's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SCALE, SIDE = 4, 256
"""Of the challenge's networks, and of the square LR that their work is counted for."""
WEIGHTS = (0.8, 0.1, 0.1)
"""Of time, FLOPs and parameters in the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the challenge prints of a network; None where it is unknown.

    Attributes:
        method: its name.
        psnr: in dB, by data set.
        ssim: by data set.
        parameters: their number.
        flops: for an LR of 3x256x256, a multiply-add counted once.
        activations: elements of the convolutions' outputs.
        convolutions: how often one is called.
        memory: bytes at the peak, with weights and input.
        ms: time of an image.
        multi_adds: for an output of 1280x720.
        published: where the row is from; empty for one that was measured.
        error: why there are no figures.
    """

    method: str
    psnr: tuple[float | None, ...] = ()
    ssim: tuple[float | None, ...] = ()
    parameters: float | None = None
    flops: float | None = None
    activations: float | None = None
    convolutions: int | None = None
    memory: float | None = None
    ms: float | None = None
    multi_adds: float | None = None
    published: str = ""
    error: str = ""


def score(row: Figures, baseline: Figures) -> float | None:
    """``.8 exp(2 t/t0) + .1 exp(2 F/F0) + .1 exp(2 P/P0)``: smaller is better, and the baseline has e^2 = 7.389."""
    pairs = ((row.ms, baseline.ms), (row.flops, baseline.flops), (row.parameters, baseline.parameters))
    total = 0.0
    for weight, (own, other) in zip(WEIGHTS, pairs, strict=True):
        if own is None or not other:
            return None
        ratio = 2 * own / other
        total += weight * (math.exp(ratio) if ratio < 700 else math.inf)
    return total


def _published(name: str, m: float, g: float, acts: float, convolutions: int, **more: float) -> Figures:
    return Figures(
        method=name,
        parameters=m * 1e6,
        flops=g * 1e9,
        activations=acts * 1e6,
        convolutions=convolutions,
        published="NTIRE 2026",
        **more,  # type: ignore[arg-type]
    )


PUBLISHED = (
    _published("SPAN", 0.151, 9.83, 41.68, 22, ms=7.74, memory=705 * 2**20),
    _published("PDS", 0.142, 9.25, 39.06, 18),
    _published("ZenoSR", 0.038, 2.68, 153.82, 102),
    _published("RFDN_SPAN", 0.346, 22.60, 84.54, 36),
    _published("HFENet", 0.144, 8.91, 259.92, 157),
    _published("DSCF", 0.126, 8.22, 38.93, 22),
    _published("SPANV2", 0.139, 1.59, 42.99, 18),
)
"""Rows of 2026, the baseline first, whose time is of an RTX A6000. Its PSNR is of another set, so it is not here."""
