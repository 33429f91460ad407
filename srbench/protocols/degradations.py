"""Degradations: the steps from HR to LR, as data.

Each step takes and returns an image on the scale 0..255, (H, W) or (H, W, 3). An 8-bit image (uint8) is rounded and
saturated after every step, as MATLAB's functions do it; an image in floating point (float64) is not, but by JPEG.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic_core import core_schema

from srbench.errors import DataError, UsageError
from srbench.imaging.blur import MAX_SIDE, Edge, blur, gaussian, shaped, sinc
from srbench.imaging.noise import Draws, Generator
from srbench.imaging.resize import Border, Kernel, Resizer, imresize, round_half_up

Image: TypeAlias = NDArray[Any]
MAX_JPEG_SIDE = 65_500
MAX_FACTOR = 64


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
        elif not (_is_side(self.size) and _are_widths(*self.sigma)):
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
    makes_small: ClassVar = True
    kernel: Kernel = "bicubic"
    antialias: bool = True
    border: Border = "symmetric"

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image, downsampled."""
        return imresize(image, size=size, kernel=self.kernel, antialias=self.antialias, border=self.border)

    def by_bands(self, read: Callable[[slice], Image], shape: tuple[int, ...], size: tuple[int, int]) -> Image:
        """An image in floating point, downsampled: :meth:`run`, to the bit, of an image of which rows can be read."""
        how = Resizer(shape, size=size, kernel=self.kernel, antialias=self.antialias, border=self.border)
        whole = how.whole(lambda rows: read(rows).reshape(-1, shape[1], *shape[2:] or (1,)), math.prod(shape[2:]))
        return whole.reshape(*size, *shape[2:])

    def words(self) -> str:
        """It, for captions."""
        return f"downsampled by {resizer_words(self.kernel, self.antialias, self.border)}"


@dataclass(frozen=True, slots=True)
class Subsample:
    """One pixel of ``scale`` along each axis: those at ``offset``, ``offset + scale`` and so on."""

    step: ClassVar = "subsample"
    makes_small: ClassVar = True
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
        kind: ``gaussian``, added in single precision; ``poisson``; or ``shot``: as poisson, with as many events at 255
            as the image has gray levels, rounded up to a power of two, and the noise times ``sigma``.
        sigma: of Gaussian noise, on the scale 0..255; of shot noise, its strength.
        peak: of Poisson noise: how many events a pixel of 255 counts on average.
        generator: ``numpy``, seeded by the image's content; or ``matlab4``, MATLAB's ``randn('seed', 0)``.
        gray: the same for all channels.
        mixing: of Gaussian noise in RGB, how the channels' noises are made of independent ones, (3, 3).
        clipped: an image in floating point is saturated too.
    """

    step: ClassVar = "noise"
    later: ClassVar = {"gray": False, "mixing": (), "clipped": False}
    kind: Literal["gaussian", "poisson", "shot"] = "gaussian"
    sigma: float = 0.0
    peak: float = 0.0
    generator: Generator = "numpy"
    gray: bool = False
    mixing: tuple[tuple[float, ...], ...] = ()
    clipped: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no noise."""
        wanted, other = (self.peak, self.sigma) if self.kind == "poisson" else (self.sigma, self.peak)
        if not 0 < wanted <= 1e9 or other:
            needed = "peak" if self.kind == "poisson" else "sigma"
            raise UsageError(f"{self.kind.capitalize()} noise needs a positive {needed}, and nothing else.")
        if self.kind != "gaussian" and self.generator == "matlab4":
            raise UsageError("MATLAB's version 4 generator makes Gaussian noise alone: set generator to numpy.")

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image with noise."""
        if self.kind == "poisson":
            rate = np.maximum(image.astype(np.float64), 0.0) * (self.peak / 255.0)
            return self._added(draws.numpy.poisson(rate) * (255.0 / self.peak), image)
        if self.kind == "shot":
            source = round_half_up(image @ _GRAY if self.gray and image.ndim == 3 else image.astype(np.float64))
            events = 2.0 ** math.ceil(math.log2(len(np.unique(source))))
            noise = draws.numpy.poisson(source * (events / 255.0)) * (255.0 / events) - source
            return self._added(image + self.sigma * (noise[..., None] if noise.ndim < image.ndim else noise), image)
        shape = (*image.shape[:2], 1)[: image.ndim] if self.gray else image.shape
        noise = draws.normal(self.generator, shape).astype(np.float32)
        if self.mixing and image.ndim == 3:
            parts = [noise[..., i : i + 1] * np.array(row, np.float32) for i, row in enumerate(self.mixing)]
            noise = parts[0] + parts[1] + parts[2]
        return self._added(image.astype(np.float32) + np.float32(self.sigma) * noise, image)

    def _added(self, noisy: Image, image: Image) -> Image:
        return _as_before(np.clip(noisy, 0.0, 255.0) if self.clipped else noisy, image)

    def words(self) -> str:
        """It, for captions."""
        how = {"numpy": "seeded by the image", "matlab4": "MATLAB's randn('seed', 0) for each image"}[self.generator]
        size = {"poisson": f"{self.peak:g} events at 255", "shot": f"strength {self.sigma:g}"}
        kind = "Gray " + self.kind if self.gray else self.kind.capitalize()
        return f"{kind} noise of {size.get(self.kind, f'sigma {self.sigma:g}')} added ({how})"


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


@dataclass(frozen=True, slots=True)
class Lowpass:
    """Correlation with a kernel of the shapes that blind super-resolution draws from; borders are mirrored.

    Attributes:
        shape: ``generalised``: exp(-q^beta / 2), a Gaussian for beta = 1; ``plateau``: 1 / (1 + q^beta); ``sinc``.
        size: its side in pixels, odd.
        sigma: along its two axes, in pixels; q is 1 there.
        angle: of the first axis, in degrees.
        beta: the exponent.
        cutoff: of a sinc, in radians a pixel.
    """

    step: ClassVar = "lowpass"
    shape: Literal["generalised", "plateau", "sinc"] = "generalised"
    size: int = 21
    sigma: tuple[float, float] = (1.0, 1.0)
    angle: float = 0.0
    beta: float = 1.0
    cutoff: float = math.pi

    def __post_init__(self) -> None:
        """Refuse what is no kernel."""
        if not _is_side(self.size):
            raise UsageError(f"A lowpass needs an odd size of at most {MAX_SIDE} pixels.")
        if self.shape == "sinc" and not 0.001 <= self.cutoff <= round(math.pi, 6):
            raise UsageError("A sinc needs a cutoff from 0.001 to pi radians a pixel.")
        if self.shape != "sinc" and not _are_widths(*self.sigma, self.beta):
            raise UsageError("A lowpass needs a positive sigma and a positive beta.")

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image blurred."""
        if self.shape == "sinc":
            kernel = sinc(self.size, self.cutoff)
        else:
            kernel = shaped(self.size, self.sigma, self.angle, self.beta, plateau=self.shape == "plateau")
        return _as_before(blur(image, kernel, "reflect"), image)

    def words(self) -> str:
        """It, for captions."""
        if self.shape == "sinc":
            return f"a {self.size}x{self.size} sinc of cutoff {self.cutoff:.3f}"
        equal = self.sigma[0] == self.sigma[1]
        sigma = f"{self.sigma[0]:.3f}" + f" and {self.sigma[1]:.3f} at {self.angle:.1f}°" * (not equal)
        if self.shape == "generalised" and self.beta == 1.0:
            return f"a {self.size}x{self.size} Gaussian of sigma {sigma}"
        return f"a {self.size}x{self.size} {self.shape} Gaussian of sigma {sigma}, beta {self.beta:.3f}"


@dataclass(frozen=True, slots=True)
class Rescale:
    """A resize on the way, to ``factor`` times the size of LR, rounded."""

    step: ClassVar = "rescale"
    factor: float = 1.0
    kernel: Kernel = "bicubic"

    def __post_init__(self) -> None:
        """Refuse what is no size."""
        if not 0.0 < self.factor <= MAX_FACTOR:
            raise UsageError(f"A rescale needs a factor above 0, and of at most {MAX_FACTOR}, times the size of LR.")

    def run(self, image: Image, size: tuple[int, int], draws: Draws) -> Image:
        """The image, resized."""
        height, width = (max(1, round(side * self.factor)) for side in size)
        return imresize(image, size=(height, width), kernel=self.kernel)

    def words(self) -> str:
        """It, for captions."""
        return f"{self.kernel} to {self.factor:.3f} x LR"


class RandomStep:
    """A step that is drawn for each image, as steps that are not."""

    step: ClassVar[str]
    makes_small: ClassVar[bool] = False
    turns: ClassVar[int] = 1
    """How many LR images are made of one image, where all that could be drawn are meant."""

    def draw(self, random: np.random.RandomState, scale: int, turn: int | None) -> tuple[Step, ...]:
        """The steps of one image.

        Args:
            random: seeded by the image.
            scale: the factor.
            turn: which of :attr:`turns`; None draws one.
        """
        raise NotImplementedError

    def words(self) -> str:
        """It, for captions."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        """As a part of a protocol's content it is one that is there, never made of plain data."""
        return core_schema.is_instance_schema(cls)


_GRAY = np.array([0.2989, 0.587, 0.114])
Step: TypeAlias = Blur | Resize | Subsample | Noise | Jpeg | Lowpass | Rescale
AnyStep: TypeAlias = Step | RandomStep
STEPS: dict[str, type[Step]] = {kind.step: kind for kind in (Blur, Resize, Subsample, Noise, Jpeg, Lowpass, Rescale)}


def content_of(steps: Iterable[AnyStep]) -> list[dict[str, Any]]:
    """Steps as plain data; a field that came after the first hashes were published is left out while it is off."""
    content = []
    for step in steps:
        later = getattr(step, "later", {})
        fields = dataclasses.asdict(step)  # type: ignore[arg-type]  # random steps are dataclasses too
        content.append({"step": step.step} | {k: v for k, v in fields.items() if k not in later or v != later[k]})
    return content


def check(steps: Iterable[AnyStep]) -> None:
    """Refuse steps that do not end at LR's size.

    Raises:
        UsageError: not exactly one of them makes the image small, or a rescale leads away from LR's size.
    """
    steps = list(steps)
    small = [k for k, step in enumerate(steps) if getattr(step, "makes_small", False)]
    if len(small) != 1:
        raise UsageError("A degradation needs exactly one step that makes the image small: resize or subsample.")
    if any(isinstance(step, Rescale) for step in steps[small[0] :]):
        raise UsageError("A degradation ends at the size of LR: a rescale comes before the resize.")
    if isinstance(steps[small[0]], Subsample) and any(isinstance(step, Rescale) for step in steps):
        raise UsageError("Subsample keeps pixels of HR: after a rescale, it is resize that makes the image small.")


def drawn(
    image: Image, steps: Iterable[AnyStep], size: tuple[int, int], turn: int | None, draws: Draws | None = None
) -> list[Step]:
    """The steps of one image, the random ones drawn; arguments are :func:`degrade`'s."""
    draws = draws or Draws(image)
    found: list[Step] = []
    for step in steps:
        if isinstance(step, RandomStep):
            found += step.draw(draws.numpy, image.shape[0] // size[0], turn)
        else:
            found.append(step)
    return found


def degrade(image: Image, steps: Iterable[AnyStep], size: tuple[int, int], turn: int | None = None) -> Image:
    """Run steps on an image.

    Args:
        image: uint8 or float64 on the scale 0..255, (H, W) or (H, W, 3).
        steps: in their order.
        size: (height, width) of LR.
        turn: which of the LR images, of steps that make several; None draws one.

    Returns:
        LR in the image's type, or float64 after a blur that does not round.
    """
    draws = Draws(image)
    for step in drawn(image, steps, size, turn, draws):
        image = step.run(image, size, draws)
    return image


def resizer_words(kernel: Kernel, antialias: bool, border: Border) -> str:
    """A resizer, for captions."""
    return f"MATLAB {kernel} ({border} border{'' if antialias else ', no antialias'})"


def _as_before(result: Image, image: Image) -> Image:
    """In the image's type."""
    return round_half_up(result).astype(np.uint8) if image.dtype == np.uint8 else result.astype(np.float64)


def _is_side(size: int) -> bool:
    """Whether a kernel can have so many pixels along a side."""
    return size % 2 == 1 and size <= MAX_SIDE


def _are_widths(*values: float) -> bool:
    return all(0.001 <= value < math.inf for value in values)
