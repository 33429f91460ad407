"""Gradient-prior reconstruction: its figures on Set5, its operator and its gradient by their definitions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from srbench.methods.gradient_prior import (
    PRIORS,
    GradientPrior,
    Prior,
    add_prior_gradient,
    enlarge_transposed,
    shrink,
)

from srbench.imaging.files import read_image, to_uint8
from srbench.imaging.tensor import resize
from srbench.metrics.pixel import psnr
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare

SET5 = Path(os.environ.get("SRBENCH_MIRROR", "nowhere")) / "set5"
LEAST = {2: 35.1, 3: 31.25, 4: 29.21}  # beyond x2: bicubic with 10 back-projections
SIZES = ((1, 1), (1, 4), (3, 5), (16, 11))


@pytest.mark.skipif(not SET5.is_dir(), reason="SRBENCH_MIRROR is not set to a folder that has set5")
@pytest.mark.parametrize("scale", LEAST)
def test_set5(scale: int) -> None:
    method, values = GradientPrior(), []
    for path in sorted(SET5.glob("*.png")):
        case = prepare(PROTOCOLS["vdsr"], path.name, to_uint8(read_image(path)), scale)
        x = torch.from_numpy(case.method_input(method.info))[None]
        values.append(psnr(*case.pair(case.finish(method.info, method.upscale(x, scale)[0].numpy()))))
    assert np.mean(values) > LEAST[scale]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", PRIORS)
def test_its_operator_is_imresize(scale: int, size: tuple[int, int]) -> None:
    height, width = size
    x = torch.rand(2, 3, height * scale, width * scale, dtype=torch.float64)
    torch.testing.assert_close(shrink(x, scale), resize(x, size=size), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", PRIORS)
def test_its_transpose_is_one(scale: int, size: tuple[int, int]) -> None:
    """<A x, y> = <x, A' y>."""
    height, width = size
    x = torch.rand(2, 3, height * scale, width * scale, dtype=torch.float64)
    y = torch.rand(2, 3, height, width, dtype=torch.float64)
    there, back = (shrink(x, scale) * y).sum(), (x * enlarge_transposed(y, scale)).sum()
    torch.testing.assert_close(there, back, rtol=1e-12, atol=0)


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.4])
def test_the_priors_gradient(exponent: float) -> None:
    prior = Prior(0.3, exponent, 1)
    x = (torch.rand(2, 1, 6, 7, dtype=torch.float64) * 9).requires_grad_()
    loss = sum((prior.weight * (x.diff(dim=dim) ** 2 + 1) ** (exponent / 2)).sum() for dim in (-2, -1))
    (expected,) = torch.autograd.grad(loss, x)
    ours = torch.zeros_like(x)
    add_prior_gradient(ours, x.detach(), prior)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("scale", PRIORS)
def test_it_agrees_with_lr_and_leaves_flat_images_flat(scale: int) -> None:
    flat = torch.full((1, 1, 9, 8), 0.4)
    sr = GradientPrior().upscale(flat, scale)
    torch.testing.assert_close(sr, torch.full_like(sr, 0.4), rtol=0, atol=1e-4)
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(20.0), indexing="ij")
    lr = (0.5 + 0.3 * torch.sign(torch.sin(0.4 * x + 0.25 * y)))[None, None]
    sr = GradientPrior().upscale(lr, scale)
    assert float((resize(sr, 1 / scale) - lr).abs().mean()) < 0.01
