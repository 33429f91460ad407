"""A method ready to use on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srbench.api.arguments import OneOrMore, files, whole_number
from srbench.api.arrays import ImageLike, as_array, in_unit
from srbench.api.wrapping import MethodLike, as_methods
from srbench.errors import UsageError
from srbench.imaging.color import gray_of, in_colour, luma
from srbench.imaging.resize import round_half_up
from srbench.method import Method, MethodInfo
from srbench.plugins.registry import Registry
from srbench.plugins.selection import FAMILIES
from srbench.protocols.builtin import get_protocol
from srbench.protocols.method_input import MethodInput, ProtocolInput
from srbench.protocols.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd
    import torch


@dataclass(frozen=True, slots=True)
class Model:
    """A method with its weights, at one scale: call it with an LR image.

    Attributes:
        method: the method, its network in ``method.model`` if it is learned.
        scale: the factor.
        protocol: whose resizer upsamples what the method does not: the input of some methods, chroma of luma methods.
        device: where it computes.
    """

    method: Method
    scale: int
    protocol: Protocol
    device: torch.device

    @property
    def info(self) -> MethodInfo:
        """What the method declares about itself."""
        return self.method.info

    def __call__(self, lr: ImageLike) -> NDArray[Any]:
        """Super-resolve an image.

        Args:
            lr: (h, w) gray or luma, or (h, w, 3) RGB; a tensor with its channels first. uint8, uint16, or floats in
                [0, 1]. Under a protocol that reads gray images as RGB (``edsr``) (h, w) is gray, and luma elsewhere.

        Returns:
            (H, W) or (H, W, 3) in LR's type (float32 for bfloat16): integers rounded, floats not, both
            within their range.

        Raises:
            UsageError: LR is no image.
            MethodError: the method broke its contract.
        """
        from srbench.inference import run_method

        array = as_array("LR", lr)
        given = _given_lr(self.protocol, self.scale, array)
        planes = run_method(self.method, given.given(self.info), self.scale, self.device)
        sr = np.clip(given.image(self.info, planes), 0.0, 255.0)
        sr = gray_of(sr) if sr.ndim > array.ndim else sr
        if array.dtype.kind == "f":
            return (sr / 255.0).astype(array.dtype)
        peak = float(np.iinfo(array.dtype).max)
        return round_half_up(sr * (peak / 255.0), peak).astype(array.dtype)


def _given_lr(protocol: Protocol, scale: int, lr: NDArray[Any]) -> MethodInput:
    """LR alone as a protocol gives it to methods."""
    lr = in_colour(lr) if protocol.gray == "rgb" else lr
    planes = lr if lr.dtype == np.uint8 else in_unit(lr) * 255.0
    planes = planes if protocol.lr == "uint8" else planes.astype(np.float64)
    luma_alone = lr.ndim == 2 and protocol.degraded == "y"  # colours there are: they were downsampled as luma was
    size = (lr.shape[0] * scale, lr.shape[1] * scale)
    return ProtocolInput(protocol, size, lr.ndim == 2, lambda: planes, (lambda: luma(planes)) if luma_alone else None)


def load(
    method: MethodLike,
    scale: int,
    *,
    protocol: str | Path = "classic",
    device: str = "auto",
    seed: int = 0,
    plugins: OneOrMore[str | Path] = (),
) -> Model:
    """A method ready to use, with the weights that are here; nothing is trained.

    Examples:
        >>> import skimage.data
        >>> hr = skimage.data.coffee()
        >>> upscale = srbench.load("fsrcnn", scale=2, protocol="edsr")
        >>> sr = upscale(srbench.degrade(hr, 2, "edsr"))
        >>> sr.shape, round(srbench.score(sr, hr, scale=2, protocol="edsr")["psnr"], 1)
        ((400, 600, 3), 33.1)

    Args:
        method: ``name``, which means its first recipe, ``name:recipe``, a class of your own, or a network
            as :func:`srbench.run` takes it.
        scale: the factor.
        protocol: whose resizer is used beside the method.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, …
        seed: of the training that the weights are from.
        plugins: Python files with further methods; they are executed.

    Raises:
        UsageError: there is no such method, several are meant, or it does not work at that scale; a scale or seed that
            is no whole number.
        DataError: it has no weights here, or they are damaged.
    """
    from srbench.inference import resolve_device
    from srbench.training.loading import load_method

    scale, seed = whole_number("scale", scale, 1), whole_number("seed", seed, 0)
    registry = Registry(files("plugins", plugins), hosted=False)
    (method,) = as_methods([method])
    if not isinstance(method, str):
        registry.add(method)
        method = method.info.name
    choices = registry.select([method])
    if len(choices) != 1:
        raise UsageError(f"'{method}' means {', '.join(choice.label for choice in choices)}: name one of them.")
    found = get_protocol(str(protocol))
    where = resolve_device(device)
    return Model(load_method(registry, choices[0], scale, where, seed=seed), scale, found, where)


def list_methods(plugins: OneOrMore[str | Path] = ()) -> pd.DataFrame:
    """The methods that are installed, one row each: name, family, channels, scales, recipes and paper.

    In the order of the literature's families. One that cannot be imported is left out; ``srbench list`` says why.

    Examples:
        >>> print(", ".join(srbench.list_methods()["name"][:3]))
        bicubic, bicubic-ibp, bilinear

    Args:
        plugins: Python files with further methods; they are executed.
    """
    import pandas as pd

    registry = Registry(files("plugins", plugins))
    rows = []
    for name in registry.method_names:
        try:
            card = registry.card(name)
        except UsageError:
            continue
        scales, recipes = tuple(sorted(card.info.scales)), tuple(card.recipes)
        rows.append((name, card.info.family, card.info.channels, scales, recipes, card.info.paper))
    rows.sort(key=lambda row: (FAMILIES.index(row[1]), row[0]))
    return pd.DataFrame(rows, columns=["name", "family", "channels", "scales", "recipes", "paper"])
