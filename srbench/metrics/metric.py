"""Metrics: pure functions with a name, a unit and a direction.

A new metric is a function and a :class:`Metric` that describes it, registered by an entry point of the group
``srbench.metrics`` or by ``--plugin file.py``::

    MAE = Metric("mae", lambda pair: float(abs(pair.sr - pair.target).mean()), higher_is_better=False)

A metric declares its input and requirements (``weights``, ``packages``). Without them it is unavailable, and the run
continues. The harness finds and checks the files, which a metric only opens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from srbench.protocols.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Pair:
    """The input of a metric for one image, on the scale 0..255.

    Attributes:
        sr: for ``input="scored"`` float64 (H, W) luma or (H, W, 3) RGB, rounded and shaved by the protocol; for
            ``input="image"`` the uint8 (H, W) gray or (H, W, 3) RGB image as it is viewed, not shaved.
        target: the same of the HR image; for a no-reference metric it has no rows.
        protocol: the protocol; it also chooses SSIM's window.
        device: torch's name of the device for networks.
        weights: checked files that metrics need, by name.
    """

    sr: NDArray[Any]
    target: NDArray[Any]
    protocol: Protocol
    device: str = "cpu"
    weights: Mapping[str, Path] = field(default_factory=dict)


LEFT_OUT = {
    "pi": "pi is left out, since the random forests of Ma's measure (NRQM) in it could not be had for a check; "
    "niqe-pirm gives its other half: PI = ((10 - Ma) + niqe-pirm) / 2.",
    "nrqm": "nrqm, Ma's measure, is left out, since its random forests could not be had for a check.",
}
"""Metrics that papers print and srbench has not, and why."""


class Blocks(NamedTuple):
    """How many blocks of an image a value rests on, and how many there are if nothing is cut from its border."""

    used: int
    whole: int


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: on the command line and in results.
        function: from a :class:`Pair` to one number; ValueError if the images are too small for it. With ``combine`` to
            an array, which is all that the set's value needs of the pair.
        higher_is_better: the direction.
        unit: for axes and table heads; empty if dimensionless.
        digits: decimals in tables.
        version: raise it if values change.
        pool: from per-image values to the value of pooled pixels, for protocols that pool; by default the mean.
        input: the planes that the protocol scores, or whole images.
        weights: files that it needs, by their names in :mod:`srbench.data.fetch.networks`.
        packages: optional packages that it needs; their versions are part of cells' keys.
        needs_hr: whether it compares with HR. A no-reference metric does not, and takes whole images.
        blocks: of a metric that cuts images into blocks, how many those of a height and width have.
        combine: makes it a metric of a whole set: from the arrays of all images, in their order, to the set's value;
            ValueError if they are too few. An image alone has no value then.
        in_bands: the function takes rows of what it compares and adds them up, so that what is compared need not be an
            array: it may be a :class:`~srbench.imaging.bands.Bands`.
        ask: of a metric of another library, what finds the files that it reads, by name; DataError where it cannot be
            computed.
    """

    name: str
    function: Callable[[Pair], float | NDArray[Any]]
    higher_is_better: bool = True
    unit: str = ""
    digits: int = 4
    version: int = 1
    pool: Callable[[Sequence[float]], float] | None = None
    input: Literal["scored", "image"] = "scored"
    weights: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    needs_hr: bool = True
    blocks: Callable[[int, int], Blocks] | None = None
    combine: Callable[[Sequence[NDArray[Any]]], float] | None = None
    in_bands: bool = False
    ask: Callable[[], Mapping[str, Path]] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be scored."""
        if not self.needs_hr and self.input != "image":
            raise ValueError(f'metric {self.name} is a no-reference one, so it needs input="image"')

    def aggregate(self, values: Sequence[float], how: Literal["mean", "pooled"]) -> float:
        """The value of a data set from its per-image values."""
        if how == "pooled" and self.pool is not None:
            return self.pool(values)
        return fmean(values)
