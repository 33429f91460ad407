"""The contract between srbench and a super-resolution method: all that a plugin author must read.

A method turns a low-resolution (LR) image into a super-resolved (SR) one at a scale. It never sees the
high-resolution (HR) image, and it does none of the harness's work: enlarging (where ``input`` asks for it), chroma,
rounding, shaving, tiling, timing and scoring are the harness's.

A whole plugin::

    class Nearest(Method):
        info = MethodInfo(name="nearest", family="interpolation", channels="any", input="lr", halo=1)

        def upscale(self, x, scale):
            return x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

Make it known by an entry point of the group ``srbench.methods``, or by ``--plugin file.py``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from srbench.recipe import Perceptual, Recipe, Transfer
from srbench.system.factors import Factor, factor, is_whole
from srbench.system.names import MODEL_KINDS

if TYPE_CHECKING:  # `srbench report` reads method descriptions and must not import torch
    from torch import Generator, Tensor, nn

__all__ = ["FittedMethod", "LearnedMethod", "Method", "MethodInfo", "Perceptual", "Recipe", "Transfer"]

Family = Literal["interpolation", "edge", "patch", "statistical", "prediction"]
INPUTS = ("lr", "upsampled")
NAME = re.compile(rf"[a-z0-9][a-z0-9-]*\+?|({'|'.join(MODEL_KINDS)}):[A-Za-z0-9][A-Za-z0-9._+-]*")
"""Of methods, of models that are files, and of the self-ensembles of both, which have a ``+``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodInfo:
    """What a method declares about itself.

    Attributes:
        name: what it is called on the command line: lower case, digits and hyphens. (The names of models that are
            files, such as ``onnx:espcn_x2``, are made by the harness.)
        family: the family that the literature puts it in.
        channels: what it works on. ``"y"``: luma alone, the harness upsamples Cb and Cr by the protocol's resizer;
            ``"rgb"``: three channels; ``"any"``: each channel alike, so it gets whatever planes the protocol degrades.
        input: ``"lr"``, or ``"upsampled"`` if the protocol's own resizer shall first bring LR to HR size (with the
            border and the clipping of the papers): ``upscale`` then gets and returns the same size.
        scales: the scales it works at: 2, or 1.5 (whole ones as ints).
        version: raise it whenever the numbers change; weights trained for another version are not used.
        paper: the source to cite.
        halo: how many pixels of the input, to each side, can influence an output pixel. It lets the harness work
            tile by tile. ``None``: the whole image matters, never tile.
        multiple: tiles begin at multiples of this many pixels; for networks that pool, so that each tile is pooled as
            the whole image would be.
        fractional: it works at every fractional scale up to the largest of ``scales`` too, as 1.5.
    """

    name: str
    family: Family
    channels: Literal["y", "rgb", "any"]
    input: Literal["lr", "upsampled"]
    scales: frozenset[float] = frozenset({2, 3, 4})
    version: int = 1
    paper: str = ""
    halo: int | None = None
    multiple: int = 1
    files: tuple[str, ...] = ()
    fractional: bool = False

    def __post_init__(self) -> None:
        """Refuse what the harness would misread."""
        if not NAME.fullmatch(self.name) or self.name in MODEL_KINDS:
            raise ValueError(f"a method's name is lower case, digits and hyphens, not {self.name!r}")
        for field, allowed in (("family", get_args(Family)), ("channels", ("y", "rgb", "any")), ("input", INPUTS)):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{self.name}: {field} is one of {', '.join(allowed)}, not {getattr(self, field)!r}")
        if not isinstance(self.scales, frozenset) or not all(map(_is_scale, self.scales)):
            raise ValueError(f"{self.name}: scales is a frozenset of numbers such as 2 or 1.5, not {self.scales!r}")
        if not isinstance(self.files, tuple) or not all(isinstance(name, str) and name for name in self.files):
            raise ValueError(f"{self.name}: files is a tuple of paths, not {self.files!r}")
        if self.halo is not None and not (type(self.halo) is int and self.halo >= 0):
            raise ValueError(f"{self.name}: halo is a number of pixels or None, not {self.halo!r}")

    def works_at(self, scale: Factor) -> bool:
        """Whether it works at a scale."""
        return scale in self.scales or (self.fractional and not is_whole(scale) and scale <= max(self.scales))


def _is_scale(value: object) -> bool:
    """Whether a value is a scale as it shall be written: 2 and not 2.0."""
    try:
        return type(value) is type(factor(value))
    except ValueError:
        return False


class Method(ABC):
    """A super-resolution method."""

    info: ClassVar[MethodInfo]

    @abstractmethod
    def upscale(self, x: Tensor, scale: Any) -> Tensor:
        """Super-resolve a batch.

        Args:
            x: (N, C, h, w) float32 in [0, 1] on any device; C is 1 for luma (studio range: Y/255), 3 for RGB.
                Each image must be treated as if it were alone.
            scale: the factor by which HR is larger than LR; an int, but for methods that declare others.

        Returns:
            (N, C, h*scale, w*scale), sides rounded up; or (N, C, h, w) where ``info.input`` is ``"upsampled"``. Values
            may leave [0, 1]: the protocol clips and rounds.
        """

    def close(self) -> None:  # noqa: B027 - optional hook
        """Free what the method holds. Called once, after its last image."""


class LearnedMethod(Method):
    """A method with weights: a network for each scale, and the recipes that decide its weights.

    The harness trains ``network(scale)`` by a recipe (or loads weights trained before), then hands it to ``prepare``.
    """

    recipes: ClassVar[Mapping[str, Recipe]]
    """By name; the first is the default."""

    model: nn.Module
    """The network with its weights, in eval mode on the device: set by the harness before ``upscale``."""

    @abstractmethod
    def network(self, scale: int) -> nn.Module:
        """A fresh, untrained network: (N, C, h, w) in [0, 1] to the shape that ``upscale`` returns."""

    def upscale(self, x: Tensor, scale: Any) -> Tensor:
        """Run the network."""
        result: Tensor = self.model(x)
        return result


class FittedMethod(LearnedMethod):
    """A learned method that fits itself to examples by an algorithm of its own, in place of steps down a gradient.

    The harness prepares the examples and keeps test images out of them; it validates what comes of the fit, and keeps
    it. The network's buffers are its weights. Of the recipe, ``train``, ``validation``, ``protocol``, ``shrink`` and
    ``seed`` count as ever, images with a side below ``patch`` are left out, and ``fit`` holds the method's own settings
    (``recipe.settings(MySettings)`` gives them as a dataclass of the method's, checked).
    """

    @abstractmethod
    def fit(
        self,
        network: nn.Module,
        examples: Sequence[tuple[Tensor, Tensor]],
        recipe: Recipe,
        scale: int,
        generator: Generator,
        report: Callable[[int, int], None],
    ) -> None:
        """Fit a fresh network, in place.

        Args:
            network: from ``network``, on the device to compute on.
            examples: whole images, on the CPU: (C, h, w) inputs as ``upscale`` gets them, and the (C, H, W) targets.
            recipe: with ``fit``, the settings.
            scale: the scale.
            generator: of all chance, on the CPU: with one seed a CPU gives the same bits.
            report: to be called now and then with how much is done, and of how much. It may raise KeyboardInterrupt.

        Raises:
            ValueError: the examples will not do; says why.
        """
