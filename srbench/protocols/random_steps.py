"""The random degradations of blind super-resolution, as data: what is drawn for each image, and from where.

Parameters are those that the papers and their authors' option files state. Resizers are MATLAB's, where theirs are
OpenCV's or torch's, so that LR is the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from srbench.errors import UsageError
from srbench.imaging.resize import Kernel
from srbench.protocols.degradations import Blur, Jpeg, Lowpass, Noise, RandomStep, Rescale, Resize, Step, Subsample

Random = np.random.RandomState
T = TypeVar("T")
Range = tuple[float, float]

KERNELS: tuple[Kernel, ...] = ("box", "bilinear", "bicubic")
SHAPES = ("generalised", "generalised", "generalised", "generalised", "plateau", "plateau")
"""Gaussian, generalised Gaussian and plateau; isotropic and anisotropic each."""


def _choice(random: Random, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
    weights = weights or [1.0] * len(options)
    place = random.random_sample() * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        place -= weight
        if place < 0:
            return option
    return options[-1]


def _jpeg(random: Random, quality: tuple[int, int]) -> Jpeg:
    return Jpeg(quality=int(random.randint(quality[0], quality[1] + 1)), subsampling="4:2:0")


@dataclass(frozen=True, slots=True)
class GaussianSet(RandomStep):
    """Isotropic Gaussians of evenly spaced sigmas, each of which makes an LR image of every HR image.

    Attributes:
        size: their side in pixels.
        sigmas: scale, least and greatest sigma of each scale.
    """

    step: ClassVar = "gaussian-set"
    turns: ClassVar = 8
    size: int = 21
    sigmas: tuple[tuple[int, float, float], ...] = ((2, 0.8, 1.6), (3, 1.35, 2.4), (4, 1.8, 3.2))

    def draw(self, random: Random, scale: int, turn: int | None) -> tuple[Step, ...]:
        """The blur of one kernel."""
        found = next((limits for at, *limits in self.sigmas if at == scale), None)
        if found is None:
            raise UsageError(f"The Gaussian kernels of x{scale} are not known.")
        turn = int(random.randint(self.turns)) if turn is None else turn
        sigma = round(found[0] + (found[1] - found[0]) * turn / (self.turns - 1), 6)
        return (Blur(size=self.size, sigma=(sigma, sigma), border="reflect", rounded=False),)

    def words(self) -> str:
        """It, for captions."""
        widths = ", ".join(f"{low:g} to {high:g} at x{scale}" for scale, low, high in self.sigmas)
        return f"blurred by {self.turns} {self.size}x{self.size} Gaussians in turn (sigma {widths})"


@dataclass(frozen=True, slots=True)
class Order(RandomStep):
    """One order of Real-ESRGAN: blur, resize, noise, JPEG.

    Attributes:
        blur: the probability of a blur.
        sinc: that the blur is a sinc.
        sigma: of the other kernels, in pixels.
        kernels: the weights of :data:`SHAPES`, isotropic and anisotropic in turn.
        resize: the weights of making larger, smaller, and neither.
        factors: the least and greatest factor.
        of_lr: factors are of LR's size and not of HR's.
        gaussian: sigmas of Gaussian noise, 0..255; this or shot noise is added, one as often as the other.
        shot: strengths of shot noise.
        gray: the probability that noise is gray.
        jpeg: qualities; none: no JPEG here.
    """

    step: ClassVar = "order"
    blur: float = 1.0
    sinc: float = 0.1
    sigma: Range = (0.2, 3.0)
    kernels: tuple[float, ...] = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
    beta: Range = (0.5, 4.0)
    plateau: Range = (1.0, 2.0)
    resize: tuple[float, float, float] = (0.2, 0.7, 0.1)
    factors: Range = (0.15, 1.5)
    of_lr: bool = False
    gaussian: Range = (1.0, 30.0)
    shot: Range = (0.05, 3.0)
    gray: float = 0.4
    jpeg: tuple[int, ...] = (30, 95)

    def draw(self, random: Random, scale: int, turn: int | None) -> tuple[Step, ...]:
        """The order's steps."""
        steps: list[Step] = [self._kernel(random)] if random.random_sample() < self.blur else []
        least, most = {"up": (1.0, self.factors[1]), "down": (self.factors[0], 1.0), "keep": (1.0, 1.0)}[
            _choice(random, ("up", "down", "keep"), self.resize)
        ]
        factor = random.uniform(least, most) * (1 if self.of_lr else scale)
        steps.append(Rescale(round(factor, 6), _choice(random, KERNELS)))
        kind, limits = (("gaussian", self.gaussian), ("shot", self.shot))[int(random.randint(2))]
        strength, gray = round(random.uniform(*limits), 6), bool(random.random_sample() < self.gray)
        steps.append(Noise(kind=kind, sigma=strength, gray=gray, clipped=True))  # type: ignore[arg-type]  # one of the two
        return (*steps, _jpeg(random, (self.jpeg[0], self.jpeg[1]))) if self.jpeg else tuple(steps)

    def _kernel(self, random: Random) -> Lowpass:
        size = 2 * int(random.randint(3, 11)) + 1
        if random.random_sample() < self.sinc:
            return Lowpass("sinc", size, cutoff=round(random.uniform(math.pi / (3 if size < 13 else 5), math.pi), 6))
        which = _choice(random, range(6), self.kernels)
        first, second, angle = (random.uniform(*limits) for limits in (self.sigma, self.sigma, (-180.0, 180.0)))
        limits = self.plateau if which >= 4 else self.beta
        # below 1 as often as above
        low, high = ((limits[0], 1.0), (1.0, limits[1]))[int(random.random_sample() < 0.5)]
        beta = random.uniform(low, high) if which >= 2 else 1.0
        sigma = (round(first, 6), round(first if which % 2 == 0 else second, 6))
        return Lowpass(SHAPES[which], size, sigma, round(angle, 6), round(beta, 6))  # type: ignore[arg-type]  # its shapes

    def words(self) -> str:
        """It, for captions."""
        jpeg = f", JPEG of quality {self.jpeg[0]} to {self.jpeg[1]}" if self.jpeg else ""
        size = f"{self.factors[0]:g} to {self.factors[1]:g} of {'LR' if self.of_lr else 'HR'}"
        return (
            f"a random blur (sigma {self.sigma[0]:g} to {self.sigma[1]:g}), resize ({size}) and noise "
            f"(to {self.gaussian[1]:g}){jpeg}"
        )


@dataclass(frozen=True, slots=True)
class LastSteps(RandomStep):
    """How Real-ESRGAN ends: a resize to LR and a sinc, and JPEG, in either order.

    Attributes:
        sinc: the probability of the sinc.
        jpeg: qualities.
    """

    step: ClassVar = "last-steps"
    makes_small: ClassVar = True
    sinc: float = 0.8
    jpeg: tuple[int, int] = (30, 95)

    def draw(self, random: Random, scale: int, turn: int | None) -> tuple[Step, ...]:
        """The last steps."""
        small: list[Step] = [Resize(_choice(random, KERNELS))]
        if random.random_sample() < self.sinc:
            size = 2 * int(random.randint(3, 11)) + 1
            small.append(Lowpass("sinc", size, cutoff=round(random.uniform(math.pi / 3, math.pi), 6)))
        jpeg = _jpeg(random, self.jpeg)
        return (*small, jpeg) if random.randint(2) else (jpeg, *small)

    def words(self) -> str:
        """It, for captions."""
        return f"downsampled, a sinc, and JPEG of quality {self.jpeg[0]} to {self.jpeg[1]}, in random order"


@dataclass(frozen=True, slots=True)
class Shuffled(RandomStep):
    """BSRGAN: two blurs, two resizes, noise and JPEG in random order, and JPEG at the end; its camera model left out.

    Attributes:
        halved: the probability that an image is halved first at x4.
        noise: least and greatest sigma, whole numbers on the scale 0..255.
        jpeg: qualities.
        jpeg_often: the probability of the first JPEG.
        subsampled: the probability that the first resize is a blur and a subsampling.
    """

    step: ClassVar = "shuffled"
    makes_small: ClassVar = True
    halved: float = 0.25
    noise: tuple[int, int] = (2, 25)
    jpeg: tuple[int, int] = (30, 95)
    jpeg_often: float = 0.9
    subsampled: float = 0.25

    def draw(self, random: Random, scale: int, turn: int | None) -> tuple[Step, ...]:
        """The steps, in their order."""
        first: tuple[Step, ...] = ()
        if scale == 4 and random.random_sample() < self.halved:
            first, scale = (Rescale(2.0, _choice(random, KERNELS)),), 2
        order = [int(place) for place in random.permutation(6)]
        early, late = sorted((order.index(2), order.index(3)))
        order[early], order[late] = 2, 3  # the resize to LR's size is the last one
        parts: dict[int, Any] = {
            0: self._blur,
            1: self._blur,
            2: self._smaller,
            3: lambda random, scale: (Resize(_choice(random, KERNELS)),),
            4: self._noise,
            5: lambda random, scale: (_jpeg(random, self.jpeg),) if random.random_sample() < self.jpeg_often else (),
        }
        middle = tuple(step for part in order for step in parts[part](random, scale))
        return (*first, *middle, _jpeg(random, self.jpeg))

    def _blur(self, random: Random, scale: int) -> tuple[Step, ...]:
        size = 2 * int(random.randint(2, 12)) + 3
        if random.random_sample() < 0.5:
            variances = [max((4.0 + scale) * random.random_sample(), 0.01) for _ in range(2)]
            sigma = (round(math.sqrt(variances[0]), 6), round(math.sqrt(variances[1]), 6))
            return (Lowpass("generalised", size, sigma, round(180.0 * random.random_sample(), 6)),)
        width = round(max((2.0 + 0.2 * scale) * random.random_sample(), 0.01), 6)
        return (Lowpass("generalised", size, (width, width)),)

    def _smaller(self, random: Random, scale: int) -> tuple[Step, ...]:
        if random.random_sample() >= self.subsampled:
            return (Rescale(round(scale / random.uniform(1, 2 * scale), 6), _choice(random, KERNELS)),)
        width = round(random.uniform(0.1, 0.6 * scale), 6)
        return (Lowpass("generalised", 25, (width, width)), Subsample((scale - 1) // 2))

    def _noise(self, random: Random, scale: int) -> tuple[Step, ...]:
        sigma, kind = float(random.randint(self.noise[0], self.noise[1] + 1)), random.random_sample()
        if not 0.4 <= kind <= 0.6:
            return (Noise(sigma=sigma, gray=bool(kind < 0.4), clipped=True),)
        axes: list[np.ndarray[Any, Any]] = []
        while len(axes) < 3:  # orthonormal, one after the other
            axis = random.standard_normal(3)
            for other in axes:
                axis = axis - (axis * other).sum() * other
            axes.append(axis / math.sqrt((axis * axis).sum()))
        rows = (tuple(map(float, np.round(math.sqrt(random.random_sample()) * axis, 6))) for axis in axes)
        return (Noise(sigma=sigma, mixing=tuple(rows), clipped=True),)

    def words(self) -> str:
        """It, for captions."""
        return (
            f"two random blurs, two resizes, noise of {self.noise[0]} to {self.noise[1]} and JPEG of quality "
            f"{self.jpeg[0]} to {self.jpeg[1]} in random order, and JPEG"
        )


REALESRGAN = (
    Order(),
    Order(
        blur=0.8,
        sigma=(0.2, 1.5),
        resize=(0.3, 0.4, 0.3),
        factors=(0.3, 1.2),
        of_lr=True,
        gaussian=(1.0, 25.0),
        shot=(0.05, 2.5),
        jpeg=(),
    ),
    LastSteps(),
)
