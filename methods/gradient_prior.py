"""Reconstruction under a gradient prior: of the images that shrink to LR, the one whose gradients are likeliest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from srbench.imaging.resize import taps
from srbench.imaging.tensor import resize
from srbench.method import Method, MethodInfo

from ._back_projection import back_project


class Prior(NamedTuple):
    """The prior of one scale, in gray levels 0..255.

    Attributes:
        weight: lambda.
        exponent: p of ``rho(d) = (d^2 + 1)^(p/2)``: about |d|^p, smooth at 0.
        steps: of Adam.
    """

    weight: float
    exponent: float
    steps: int


PRIORS = {2: Prior(0.02, 1.4, 60), 3: Prior(0.04, 1.2, 60), 4: Prior(0.02, 1.2, 60)}
"""Chosen on T91 and BSDS200, training images."""

RATE = 0.3
MEAN_DECAY, SQUARE_DECAY = 0.9, 0.999
FLOOR = 1e-3
"""Adam's epsilon, in gray levels: gradients far below it are rounding noise and must not become whole steps."""


class GradientPrior(Method):
    """Minimises ``|imresize(X, 1/s) - LR|^2 + lambda sum rho(grad X)`` by Adam, from 10 back-projections on.

    The sum is over both differences of every pixel, to the right and down. The degradation is the very operator that
    made LR, and its gradient is that operator's transpose, so nothing is differentiated automatically.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="gradient-prior",
        family="statistical",
        channels="any",
        input="lr",
        paper="after Sun, Xu, Shum, Image super-resolution using gradient profile prior, CVPR 2008, and Krishnan, "
        "Fergus, Fast image deconvolution using hyper-Laplacian priors, NIPS 2009",
    )

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        """(N, C, h, w) to (N, C, h*scale, w*scale)."""
        prior = PRIORS[scale]
        lr, sr = x * 255.0, back_project(resize(x, scale), x) * 255.0
        mean, square = torch.zeros_like(sr), torch.zeros_like(sr)
        for step in range(1, prior.steps + 1):
            gradient = enlarge_transposed(shrink(sr, scale) - lr, scale).mul_(2.0)
            add_prior_gradient(gradient, sr, prior)
            mean.lerp_(gradient, 1 - MEAN_DECAY)
            square.mul_(SQUARE_DECAY).addcmul_(gradient, gradient, value=1 - SQUARE_DECAY)
            size = (square / (1 - SQUARE_DECAY**step)).sqrt_().add_(FLOOR)
            sr.addcdiv_(mean, size, value=-RATE / (1 - MEAN_DECAY**step))
        return sr / 255.0


def add_prior_gradient(gradient: Tensor, sr: Tensor, prior: Prior) -> None:
    """Add the gradient of ``lambda sum rho(grad X)`` to ``gradient``; beyond the image's edge it goes on unchanged."""
    for dim in (-2, -1):
        size = sr.shape[dim] - 1
        if not size:
            continue
        step = sr.narrow(dim, 1, size) - sr.narrow(dim, 0, size)
        slope = (step * step + 1.0).pow_(prior.exponent / 2 - 1).mul_(step).mul_(prior.weight * prior.exponent)
        gradient.narrow(dim, 1, size).add_(slope)
        gradient.narrow(dim, 0, size).sub_(slope)


# imresize to 1/s and its transpose ------------------------------------------------------------------------------------


class Kernel(NamedTuple):
    """The taps of ``imresize`` to 1/s along one axis, the same for every output pixel.

    Attributes:
        weights: of each tap.
        places: of the taps, counted from the first pixel that any of them needs.
        before: how far that pixel lies before the input pixel ``i * s`` of output pixel i.
        after: how far the last one lies after the pixel ``i * s + s - 1``.
    """

    weights: tuple[float, ...]
    places: tuple[int, ...]
    before: int
    after: int

    def rows(self, scale: int, count: int) -> Iterator[tuple[float, slice]]:
        """Each weight, and the pixels of the padded axis that it belongs to."""
        for weight, place in zip(self.weights, self.places, strict=True):
            yield weight, slice(place, place + (count - 1) * scale + 1, scale)


@lru_cache
def kernel(scale: int) -> Kernel:
    """The taps of ``imresize`` to 1/scale."""
    middle = 8
    indices, weights = taps(2 * middle * scale, 2 * middle, 1 / scale, "bicubic", True, "symmetric")
    offsets = [int(index) - middle * scale for index in indices[middle]]
    first, last = min(offsets), max(offsets)
    places = tuple(offset - first for offset in offsets)
    return Kernel(tuple(weights[middle].tolist()), places, -first, last - scale + 1)


def shrink(x: Tensor, scale: int) -> Tensor:
    """``imresize`` of (N, C, h*scale, w*scale) to 1/scale, symmetric at the border: as strided sums of the image."""
    weights = kernel(scale)
    for dim in (-2, -1):
        count = x.shape[dim] // scale
        padded = x.index_select(dim, _mirrored(x, dim, scale))
        out: Tensor | None = None
        for weight, place in weights.rows(scale, count):
            part = padded[..., place, :] if dim == -2 else padded[..., place]
            out = part * weight if out is None else out.add_(part, alpha=weight)
        assert out is not None
        x = out
    return x


def enlarge_transposed(y: Tensor, scale: int) -> Tensor:
    """The transpose of :func:`shrink`: (N, C, h, w) to (N, C, h*scale, w*scale)."""
    weights = kernel(scale)
    for dim in (-1, -2):
        count, shape = y.shape[dim], list(y.shape)
        size = shape[dim] = count * scale
        place = _mirrored(y.new_empty(shape), dim, scale)
        shape[dim] = len(place)
        padded = y.new_zeros(shape)
        for weight, where in weights.rows(scale, count):
            part = padded[..., where, :] if dim == -2 else padded[..., where]
            part.add_(y, alpha=weight)
        y = padded.narrow(dim, weights.before, size).clone()
        for start, length in ((0, weights.before), (weights.before + size, weights.after)):
            y.index_add_(dim, place[start : start + length], padded.narrow(dim, start, length))
    return y


def _mirrored(x: Tensor, dim: int, scale: int) -> Tensor:
    """Which pixels of an axis lie where the taps reach, mirrored with the edge pixel repeated."""
    weights, size = kernel(scale), x.shape[dim]
    place = torch.arange(-weights.before, size + weights.after, device=x.device) % (2 * size)
    return torch.minimum(place, 2 * size - 1 - place)
