"""Determines properties of a model by running it on noise on the CPU: channels, scale, valid sizes, and halo."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import torch
from torch import Tensor

from srbench.errors import DataError, UsageError
from srbench.models.fitting import ModelFunction, rounded_up
from srbench.models.loaded import LoadedModel
from srbench.models.spec import MEASURED, Channels, ModelOptions
from srbench.models.traits import Traits
from srbench.system.text import first_line

INFLUENCE = 1e-6
"""Relative to white: smaller changes of an output pixel do not count."""
MULTIPLES = (1, 2, 4, 8, 16, 32)
LARGE = 64
"""A side that every model must support, up to multiples."""
SIDES = (64, 128, 256)
"""Sides of the noise images that the halo is measured on."""
PATIENCE = 2.0
"""A noise image four times as large is tried only if a run took at most so many seconds."""


def find_traits(
    opened: LoadedModel,
    options: ModelOptions,
    name: str,
    scale: int = 0,
    before: Callable[[tuple[int, ...]], None] = lambda shape: None,
) -> Traits:
    """Determine the traits of a model.

    Args:
        opened: the model, on the CPU.
        options: of the user.
        name: of the file, for messages.
        scale: in its path, needed for models that take the upsampled image.
        before: called with the input shape before each run; its exceptions count as those of the run.

    Raises:
        DataError: it is not a super-resolution model.
        UsageError: it contradicts the options.
    """
    with torch.inference_mode():
        inspector = _Inspector(opened, options.range, name, before)
        channels, either = inspector.channels(opened.channels, options.channels or opened.told.channels)
        factor = inspector.factor((1, channels, *inspector.shape))
        if factor is None:
            raise DataError(f"{name} is not a model of images ({inspector.trouble}).")
        upsampled = (options.input or opened.told.input) == "upsampled"
        known = _scale_of_upsampled(factor, opened.told.scale or scale, options, name) if upsampled else factor
        if options.scale not in (0, known):
            hint = "; if it takes the upsampled image, add input=upsampled" if factor == 1 and not upsampled else ""
            raise UsageError(f"{name} is a model for x{known}, not x{options.scale}{hint or '; correct the option'}.")
        halo = options.halo
        if opened.size is not None:
            multiple, halo = _windows(inspector.run, channels, factor, opened.size, halo, name)
            least, batched = 1, False
        else:
            multiple = opened.multiple or inspector.multiple(channels, factor)
            least = inspector.least(channels, factor, multiple)
            batched = inspector.is_batched(channels, factor, rounded_up(max(least, 33), multiple))
            if halo == MEASURED:
                halo = _halo(inspector.run, channels, factor, multiple, least) if opened.tiles else None
    return Traits(
        says=opened.says,
        parameters=opened.parameters,
        channels=channels,
        either=either,
        scale=known,
        input="upsampled" if upsampled else "lr",
        multiple=multiple,
        least=least,
        batched=batched,
        halo=halo,
        size=opened.size,
    )


def _scale_of_upsampled(factor: int, told: int, options: ModelOptions, name: str) -> int:
    """The scale of a model that takes the upsampled image, which only the user or the file can tell.

    Raises:
        UsageError: it upsamples its input, or the scale is unknown.
    """
    if factor != 1:
        raise UsageError(f"{name} upsamples x{factor} itself; leave out input=upsampled, or say input=lr.")
    if not (told or options.scale):
        raise UsageError(f"{name} takes the upsampled image; add its scale: '?input=upsampled&scale=2'.")
    return told or options.scale


class _Inspector:
    """Runs a model to determine its properties.

    Args:
        opened: the model.
        white: the value of white.
        name: of the file, for messages.
        before: called before each run.
    """

    def __init__(self, opened: LoadedModel, white: float, name: str, before: Callable[[tuple[int, ...]], None]) -> None:
        self._opened = opened
        self._white = white
        self._name = name
        self._before = before
        self.shape = opened.size or (64, 96)
        """Of images that it must take."""
        self.trouble = ""
        """Why the last run failed."""

    def run(self, x: Tensor) -> Tensor:
        self._before(tuple(x.shape))
        return self._opened.run(x * self._white).float() / self._white

    def factor(self, shape: tuple[int, int, int, int]) -> int | None:
        """The factor by which it upsamples images of a shape; None if it does not take them."""
        try:
            out = tuple(self.run(_noise(*shape)).shape)
        except Exception as error:  # each kind of file has its own errors
            self.trouble = first_line(error).rstrip(".")
            return None
        scale = out[-1] // shape[-1]
        if scale < 1 or out != (*shape[:2], shape[2] * scale, shape[3] * scale):
            self.trouble = f"it turns {shape} into {out}"
            return None
        return scale

    def channels(self, declared: int, said: Channels) -> tuple[int, bool]:
        """The number of input channels, and whether it takes any number.

        Raises:
            DataError: neither 1 nor 3 work.
            UsageError: it contradicts the option.
        """
        if declared not in (0, 1, 3):
            raise DataError(f"{self._name} takes images of {declared} channels; srbench has 1 (luma) or 3 (RGB).")
        asked = {"": (3, 1), "rgb": (3,), "y": (1,), "any": (1,)}[said]
        tried = [n for n in asked if declared in (0, n)]
        takes = [n for n in tried if self.factor((1, n, *self.shape)) is not None]
        if takes:
            return min(takes), len(takes) == 2 or said == "any"
        if not tried:
            raise UsageError(f"{self._name} takes {declared} channels, which channels={said} is not.")
        kinds = " or ".join(map(str, tried))
        raise DataError(
            f"{self._name} takes no image of {kinds} channels, {self.shape[1]}x{self.shape[0]} pixels ({self.trouble})."
        )

    def multiple(self, channels: int, scale: int) -> int:
        """The smallest multiple that works for the sides."""
        return next(m for m in MULTIPLES if self.factor((1, channels, LARGE + m, LARGE + 3 * m)) == scale or m == 32)

    def least(self, channels: int, scale: int, multiple: int) -> int:
        """The smallest side: a power of two times the multiple. From above, since too small sides may crash."""
        sides = [multiple * 2**k for k in range(7) if multiple * 2**k < LARGE]
        takes = itertools.takewhile(lambda side: self.factor((1, channels, side, side)) == scale, reversed(sides))
        return min(takes, default=LARGE)

    def is_batched(self, channels: int, scale: int, side: int) -> bool:
        """Whether a batch of two gives the same as one by one."""
        if not all(self.factor((n, channels, side, side)) == scale for n in (2, 1)):
            return False
        two = _noise(2, channels, side, side)
        alone = torch.cat([self.run(image[None]) for image in two])
        return bool((self.run(two) - alone).abs().max() < INFLUENCE)


def _halo(run: ModelFunction, channels: int, scale: int, multiple: int, least: int) -> int | None:
    """How far the influence of a pixel reaches; None if it is unlimited, or beyond what is tried."""
    for side in SIDES:
        began = time.monotonic()
        try:
            reach = _reach(run, channels, scale, multiple, (side, side))
            if reach is not None:
                halo = rounded_up(reach, multiple)
                return halo if _tiles_fit(run, channels, scale, multiple, halo, least) else None
        except Exception:  # a model that rejects a size is not tiled
            return None
        if (time.monotonic() - began) / 6 > PATIENCE:  # _reach runs it six times at most
            return None
    return None


def _reach(run: ModelFunction, channels: int, scale: int, multiple: int, shape: tuple[int, int]) -> int | None:
    """How far a pixel in the middle changes the output, in input pixels; None if up to the edge."""
    farthest = 0
    for seed in (0, 1):
        x = _noise(1, channels, *shape, seed)
        before = run(x)
        for shift in {0, multiple - 1}:
            middle = torch.tensor([side // 2 + shift for side in shape])
            y = x.clone()
            pixel = y[..., middle[0], middle[1]]
            y[..., middle[0], middle[1]] = (pixel < 0.5).float()  # to black or white, whichever is farther
            changed = ((run(y) - before).abs().amax(dim=(0, 1)) > INFLUENCE).nonzero() // scale
            if not len(changed):
                continue
            if changed.min() == 0 or (changed == torch.tensor(shape) - 1).any():
                return None
            farthest = max(farthest, int((changed - middle).abs().max()))
    return farthest


def _windows(
    run: ModelFunction, channels: int, scale: int, size: tuple[int, int], halo: int | None, name: str
) -> tuple[int, int]:
    """How a network for images of one size can be run on larger ones: the multiple that windows begin at, and the halo.

    Raises:
        DataError: it cannot.
    """
    for multiple in MULTIPLES:
        reach = _reach(run, channels, scale, multiple, size) if halo == MEASURED else halo
        if reach is None or 2 * reach + 2 * multiple > min(size):
            break
        x = _noise(1, channels, size[0] + multiple, size[1] + multiple, seed=2)
        first, second = run(x[..., : size[0], : size[1]]), run(x[..., multiple:, multiple:])
        both = [slice(reach * scale, (side - reach - multiple) * scale) for side in size]  # what both see whole
        moved = [slice(part.start + multiple * scale, part.stop + multiple * scale) for part in both]
        if float((first[..., moved[0], moved[1]] - second[..., both[0], both[1]]).abs().max()) < 10 * INFLUENCE:
            return multiple, reach
    raise DataError(
        f"{name} takes images of {size[1]}x{size[0]} only, and larger ones cannot be put together of such parts, since "
        "a pixel's influence reaches too far in it; export it with a free height and width."
    )


def _tiles_fit(run: ModelFunction, channels: int, scale: int, multiple: int, halo: int, least: int) -> bool:
    """Whether tiles with that margin give the same as the whole image."""
    # odd if possible, so that tiles do not align with windows of the network
    inner = rounded_up(max(9, least - halo) | 1, multiple)
    x = _noise(1, channels, 2 * (halo + inner), 2 * (halo + inner), seed=2)
    whole = run(x)
    first = run(x[..., : inner + halo, : inner + halo])[..., : inner * scale, : inner * scale]
    last = run(x[..., inner:, inner:])[..., halo * scale :, halo * scale :]
    cut = (inner + halo) * scale
    differences = (first - whole[..., : inner * scale, : inner * scale], last - whole[..., cut:, cut:])
    return all(bool(difference.abs().max() < 10 * INFLUENCE) for difference in differences)


def _noise(n: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(seed))
