"""A method's figure under every variant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from srbench.errors import MethodError
from srbench.explain.making import MadeInput, readings
from srbench.explain.scoring import Scores
from srbench.explain.variant import Making, Variant
from srbench.protocols.planes import Plane

if TYPE_CHECKING:
    import torch

    from srbench.method import Method

Images = Iterable[tuple[str, NDArray[np.uint8]]]
"""Names and HR images, uint8."""


def figures_of_method(
    method: Method,
    images: Images,
    scale: int,
    variants: Sequence[Variant],
    device: torch.device,
    step: Callable[[], None] = lambda: None,
) -> dict[Variant, float]:
    """Run a method on images made ready in every way that the variants need, and score what it returns.

    Args:
        method: ready to use.
        images: the data set.
        scale: the factor.
        variants: with a making.
        device: where the method runs.
        step: called after each run of the method: as often as there are images, times :func:`makings`.

    Raises:
        MethodError: the method raised or broke its contract.
        DataError: an image is missing, corrupt or too small.
    """
    from srbench.inference import run_method

    groups = _by_making(variants)
    scores = Scores()
    for name, hr in images:
        read = readings(name, hr, scale)
        for (making, luma), group in groups.items():
            for original, grays in read:
                chosen = [variant for variant in group if variant.gray in grays]
                if not chosen:
                    continue
                made = MadeInput(original, making, luma)
                try:
                    output = run_method(method, made.given(method.info), scale, device)
                except MethodError:
                    raise
                except Exception as error:
                    what = str(error).partition("\n")[0] or "no message"
                    raise MethodError(f"{method.info.name} raised {type(error).__name__} on {name}: {what}") from error
                scores.add(original, np.clip(made.image(method.info, output), 0.0, 255.0), chosen)
            step()
    return {variant: scores.figure(variant) for variant in variants}


def makings(variants: Iterable[Variant]) -> int:
    """In how many ways the variants make LR and upsample it."""
    return len(_by_making(variants))


def _by_making(variants: Iterable[Variant]) -> dict[tuple[Making, Plane | None], list[Variant]]:
    groups: dict[tuple[Making, Plane | None], list[Variant]] = {}
    for variant in variants:
        assert variant.making is not None
        groups.setdefault((variant.making, variant.degraded_luma), []).append(variant)
    return groups
