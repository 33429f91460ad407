"""Self-ensembles, ``name+``: the mean of a method's eight outputs for an image flipped and turned, before rounding.

As the rows with a "+" in papers: R. Timofte, R. Rothe and L. Van Gool, "Seven ways to improve example-based single
image super resolution", CVPR 2016.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from srbench.errors import UsageError
from srbench.method import Method, MethodInfo
from srbench.models.model import SrImages
from srbench.plugins.card import Card
from srbench.system.hashes import digest
from srbench.system.places import user_path
from srbench.system.source import code_hash

if TYPE_CHECKING:
    from torch import Tensor

SIGN = "+"


def eight(x: Tensor) -> Iterator[tuple[Tensor, Callable[[Tensor], Tensor]]]:
    """The flips and turns of images (N, C, h, w), each with what undoes it."""
    for flips in ((), (2,), (3,), (2, 3)):
        for turns in (False, True):
            turned = x.transpose(2, 3) if turns else x

            def undone(y: Tensor, flips: tuple[int, ...] = flips, turns: bool = turns) -> Tensor:
                y = y.flip(flips)
                return y.transpose(2, 3) if turns else y

            yield turned.flip(flips).contiguous(), undone


def self_ensemble(upscale: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The mean of eight outputs."""
    total: Tensor | None = None
    for image, undone in eight(x):
        out = undone(upscale(image)).float()
        total = out if total is None else total + out
    assert total is not None
    return total / 8


def ensemble_class(base: type[Method]) -> type[Method]:
    """The self-ensemble of a method.

    Raises:
        UsageError: there is nothing to run.
    """
    if issubclass(base, SrImages):
        raise UsageError(f"{base.info.name} is a folder of SR images, and '+' is for what is run: leave it out.")

    def upscale(self: Method, x: Tensor, scale: int) -> Tensor:
        """Run the method on the eight flips and turns."""
        return self_ensemble(lambda image: base.upscale(self, image, scale), x)

    facts = {"info": _info(base.info), "upscale": upscale, "__module__": base.__module__, "__doc__": base.__doc__}
    return type(f"{base.__name__}Ensemble", (base,), facts)


def ensemble_card(card: Card) -> Card:
    """The card of the self-ensemble of a method."""
    source = digest([card.source_hash, code_hash("plugins.ensemble")])
    return dataclasses.replace(card, info=_info(card.info), source_hash=source, base=card.name)


def _info(info: MethodInfo) -> MethodInfo:
    """What a self-ensemble declares. Tiles of a method that pools would be pooled from other edges than the image."""
    paper = f"{info.paper}{', ' if info.paper else ''}mean over eight flips and turns"
    halo = info.halo if info.multiple == 1 else None
    return dataclasses.replace(info, name=f"{info.name}{SIGN}", paper=paper, halo=halo)


def without_sign(pattern: str, known: Callable[[str], object]) -> str:
    """A model as the user wrote it, without the sign of a self-ensemble.

    A sign that ends a label, a model's name, or the name of a file, is theirs.
    """
    if not pattern.endswith(SIGN) or known(pattern) is not None:
        return pattern
    path, _, query = pattern.partition(":")[2].partition("?")
    is_of_name = query.rpartition("&")[2].startswith("label=") if query else user_path(path).exists()
    return pattern if is_of_name else pattern.removesuffix(SIGN)
