"""Degradations: the steps from HR to LR, as data.

Each step takes and returns an image on the scale 0..255, (H, W) or (H, W, 3). An 8-bit image (uint8) is rounded and
saturated after every step, as MATLAB's functions do it; an image in floating point (float64) is not, but by JPEG.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError, UsageError
from srbench.imaging.blur import MAX_SIDE, Edge, blur, gaussian
from srbench.imaging.noise import Draws, Generator
from srbench.imaging.resize import Border, Kernel, imresize, round_half_up

Image: TypeAlias = NDArray[Any]
MAX_JPEG_SIDE = 65_500


@dataclass(frozen=True, slots=True)
class Blur:
    """Correlation with a kernel.

    Attributes:
        size: side of a Gaussian in pixels, odd.
        sigma: its standard deviations along its two axes, in pixels.
        angle: of the first axis, in degrees from the x axis, counterclockwise.
        kernel: rows of weights, in place of a Gaussian.
        border: how the image goes on beyond its edge.
        rounded: whether an 8-bit image stays one; else it is not rounded from here on.
    """

    step: ClassVar = "blur"
    size: int = 0
    sigma: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    kernel: tuple[tuple[float, ...], ...] = ()
    border: Edge = "replicate"
    rounded: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no kernel."""
        if self.kernel:
            if self.size or any(self.sigma) or self.angle:
                raise UsageError("A blur has either a kernel or a Gaussian's size and sigma.")
        elif not (self.size % 2 == 1 and self.size <= MAX_SIDE and all(0.001 <= s < math.inf for s in self.sigma)):
            raise UsageError(
                f"A blur needs an odd size of at most {MAX_SIDE} pixels and a positive sigma, or a kernel."
            )

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image blurred."""
        kernel = np.array(self.kernel) if self.kernel else gaussian(self.size, self.sigma, self.angle)
        blurred = blur(image, kernel, self.border)
        return _as_before(blurred, image) if self.rounded else blurred

    def words(self) -> str:
        """It, for captions."""
        if self.kernel:
            what = f"a kernel of {len(self.kernel[0])}x{len(self.kernel)}"
        else:
            equal = self.sigma[0] == self.sigma[1]
            sigma = f"{self.sigma[0]:g}" if equal else f"{self.sigma[0]:g} and {self.sigma[1]:g} at {self.angle:g}°"
            what = f"a {self.size}x{self.size} Gaussian of sigma {sigma}"
        return f"blurred by {what} ({self.border} border{'' if self.rounded else ', not rounded'})"


@dataclass(frozen=True, slots=True)
class Resize:
    """MATLAB's ``imresize`` to the size of LR; attributes as :class:`~srbench.protocols.protocol.Protocol` has them."""

    step: ClassVar = "resize"
    kernel: Kernel = "bicubic"
    antialias: bool = True
    border: Border = "symmetric"

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image, downsampled."""
        return imresize(image, size=size, kernel=self.kernel, antialias=self.antialias, border=self.border)

    def words(self) -> str:
        """It, for captions."""
        return f"downsampled by {resizer_words(self.kernel, self.antialias, self.border)}"


@dataclass(frozen=True, slots=True)
class Subsample:
    """One pixel of ``scale`` along each axis: those at ``offset``, ``offset + scale`` and so on."""

    step: ClassVar = "subsample"
    offset: int = 0

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image, downsampled."""
        rows, columns = (image.shape[axis] // size[axis] for axis in (0, 1))
        return np.ascontiguousarray(image[self.offset :: rows, self.offset :: columns])

    def words(self) -> str:
        """It, for captions."""
        return f"one pixel of scale kept, from pixel {self.offset} on"


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise, drawn anew for each image.

    Attributes:
        kind: ``gaussian``, added in single precision; or ``poisson``.
        sigma: of Gaussian noise, on the scale 0..255.
        peak: of Poisson noise: how many events a pixel of 255 counts on average.
        generator: ``numpy``, seeded by the image's content; or ``matlab4``, MATLAB's ``randn('seed', 0)``.
    """

    step: ClassVar = "noise"
    kind: Literal["gaussian", "poisson"] = "gaussian"
    sigma: float = 0.0
    peak: float = 0.0
    generator: Generator = "numpy"

    def __post_init__(self) -> None:
        """Refuse what is no noise."""
        wanted, other = (self.sigma, self.peak) if self.kind == "gaussian" else (self.peak, self.sigma)
        if not 0 < wanted <= 1e9 or other:
            needed = "sigma" if self.kind == "gaussian" else "peak"
            raise UsageError(f"{self.kind.capitalize()} noise needs a positive {needed}, and nothing else.")
        if self.kind == "poisson" and self.generator == "matlab4":
            raise UsageError("MATLAB's version 4 generator makes Gaussian noise alone: set generator to numpy.")

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image with noise."""
        if self.kind == "poisson":
            rate = np.maximum(image.astype(np.float64), 0.0) * (self.peak / 255.0)
            return _as_before(draws.numpy.poisson(rate) * (255.0 / self.peak), image)
        noise = draws.normal(self.generator, image.shape).astype(np.float32)
        return _as_before(image.astype(np.float32) + np.float32(self.sigma) * noise, image)

    def words(self) -> str:
        """It, for captions."""
        how = {"numpy": "seeded by the image", "matlab4": "MATLAB's randn('seed', 0) for each image"}[self.generator]
        size = f"sigma {self.sigma:g}" if self.kind == "gaussian" else f"{self.peak:g} events at 255"
        return f"{self.kind.capitalize()} noise of {size} added ({how})"


@dataclass(frozen=True, slots=True)
class Jpeg:
    """JPEG by Pillow's encoder.

    Attributes:
        quality: 1 to 100.
        subsampling: of chroma.
    """

    step: ClassVar = "jpeg"
    quality: int = 75
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:2:0"

    def __post_init__(self) -> None:
        """Refuse what Pillow would bring into its range."""
        if not 1 <= self.quality <= 100:
            raise UsageError(f"The quality of a JPEG is from 1 to 100, not {self.quality}.")

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """What is read back."""
        from PIL import Image as Pillow

        if max(image.shape[:2]) > MAX_JPEG_SIDE:
            raise DataError(f"JPEG holds at most {MAX_JPEG_SIDE} pixels a side, not {max(image.shape[:2])}.")
        file = io.BytesIO()
        pixels = round_half_up(image).astype(np.uint8)
        Pillow.fromarray(pixels).save(file, "JPEG", quality=self.quality, subsampling=self.subsampling)
        return np.asarray(Pillow.open(file)).astype(image.dtype)

    def words(self) -> str:
        """It, for captions."""
        return f"JPEG of quality {self.quality} ({self.subsampling})"


Step: TypeAlias = Blur | Resize | Subsample | Noise | Jpeg
STEPS: dict[str, type[Step]] = {kind.step: kind for kind in (Blur, Resize, Subsample, Noise, Jpeg)}


def content_of(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Steps as plain data."""
    return [{"step": step.step, **dataclasses.asdict(step)} for step in steps]


def check(steps: Iterable[Step]) -> None:
    """Refuse steps that do not end at LR's size.

    Raises:
        UsageError: not exactly one of them makes the image small.
    """
    if sum(isinstance(step, Resize | Subsample) for step in steps) != 1:
        raise UsageError("A degradation needs exactly one step that makes the image small: resize or subsample.")


def degrade(image: Image, steps: Iterable[Step], size: tuple[int, int]) -> Image:
    """Run steps on an image.

    Args:
        image: uint8 or float64 on the scale 0..255, (H, W) or (H, W, 3).
        steps: in their order.
        size: (height, width) of LR.

    Returns:
        LR in the image's type, or float64 after a blur that does not round.
    """
    draws = Draws(image)
    for step in steps:
        image = step.run(image, size, draws)
    return image


def resizer_words(kernel: Kernel, antialias: bool, border: Border) -> str:
    """A resizer, for captions."""
    return f"MATLAB {kernel} ({border} border{'' if antialias else ', no antialias'})"


def _as_before(result: Image, image: Image) -> Image:
    """In the image's type."""
    return round_half_up(result).astype(np.uint8) if image.dtype == np.uint8 else result.astype(np.float64)
