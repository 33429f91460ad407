"""One image as a protocol degrades it, and one pair of images as a protocol scores it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.api.arguments import OneOrMore, files, several, whole_number
from srbench.api.arrays import ImageLike, as_array, in_8_bit, in_unit
from srbench.bench.availability import scoring_of
from srbench.data.sr_images import alike
from srbench.errors import DataError, UsageError
from srbench.method import MethodInfo
from srbench.metrics.scoring import Scoring
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import Case, prepare
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import file_sha256


class Scores(dict[str, float]):
    """Figures by metric, and what makes them comparable.

    Attributes:
        protocol: that they were taken under.
        scale: the factor, which the shave depends on; None without HR.
    """

    def __init__(self, values: dict[str, float], protocol: Protocol, scale: int | None) -> None:
        super().__init__(values)
        self.protocol = protocol
        self.scale = scale


def score(
    sr: ImageLike,
    hr: ImageLike | None = None,
    *,
    scale: int | None = None,
    protocol: str | Path = "classic",
    metrics: OneOrMore[str] | None = None,
    luma: bool = False,
    lr: ImageLike | None = None,
    device: str = "cpu",
    plugins: OneOrMore[str | Path] = (),
) -> Scores:
    """Score an SR image against its HR image as ``srbench run`` scores an image.

    Images are paths, arrays (H, W) or (H, W, 3), or tensors (C, H, W): uint8, uint16, or floats in [0, 1]. HR is
    brought to 8 bits, as the images of data sets are, and cropped to a multiple of the scale; so is SR if it has HR's
    size. The protocol then rounds SR (most do, to 8 bits), takes luma or RGB, and shaves the border.

    Examples:
        >>> import numpy as np
        >>> hr = np.arange(48 * 64).reshape(48, 64).astype("uint8")
        >>> scores = srbench.score(hr + 1 - 2 * (hr % 2), hr, scale=2)
        >>> round(scores["psnr"], 2), scores.protocol.name
        (48.13, 'vdsr')

    The figure is that of ``srbench run`` to the last digit if SR is what the method returned: the RGB image, or under
    a protocol that degrades luma alone (``vdsr``, ``srcnn``) a luma method's plane, given with ``luma=True``. The PNG
    that a run keeps of such a method has gone through RGB and its rounding, and scores up to 0.1 dB lower.

    Args:
        sr: the image to score.
        hr: what it is compared with; None for no-reference metrics, which score SR as it is, in 8 bits.
        scale: the factor by which HR is larger than LR was.
        protocol: a name, or a TOML file.
        metrics: names of metrics, one or several; by default psnr and ssim, or niqe without HR.
        luma: SR is (H, W) luma (BT.601, black 16/255, white 235/255) of a coloured HR image.
        lr: for the protocols that score supplied LR (``paired``).
        device: where networks of metrics run.
        plugins: Python files with further metrics; they are executed.

    Returns:
        Figures by metric: a dict that knows its ``protocol`` and ``scale``.

    Raises:
        UsageError: an unknown name, no scale, or images that do not fit.
        DataError: the image is too small to be scored, or a metric's weights are not here.
    """
    found = get_protocol(str(protocol))
    own = files("plugins", plugins)
    names = ("niqe" if hr is None else ("psnr", "ssim")) if metrics is None else metrics
    scoring = _scoring(found, several("metrics", names, str), own, _contents(own))
    if hr is None:
        return Scores(scoring.score("SR", None, (in_8_bit(as_array("SR", sr)), None), device), found, None)
    if scale is None:
        raise UsageError(
            f"score needs the scale (scale=2, say): by it protocol '{found.name}' crops HR and shaves the border."
        )
    scale = whole_number("scale", scale, 1)
    whole = as_array("HR", hr)
    case = _case(found, whole, scale, lr)
    planes = in_unit(_fitted(as_array("SR", sr), whole, case, luma=luma))
    info = MethodInfo(name="sr", family="interpolation", channels="y" if luma else "rgb", input="upsampled")
    stacked: Any = planes[None] if planes.ndim == 2 else planes.transpose(2, 0, 1)
    finished = case.finish(info, stacked)
    values = scoring.score("SR", case.pair(finished), (case.image(finished), case.hr), device)
    return Scores(values, found, scale)


def degrade(hr: ImageLike, scale: int, protocol: str | Path = "classic", *, rgb: bool = False) -> NDArray[Any]:
    """Make LR from HR as a protocol makes it, HR cropped to a multiple of the scale.

    Examples:
        >>> import numpy as np
        >>> hr = np.full((48, 65, 3), 128, "uint8")
        >>> lr = srbench.degrade(hr, 2, "edsr")
        >>> lr.shape, lr.dtype
        ((24, 32, 3), dtype('uint8'))
        >>> lr = srbench.degrade(hr, 2, "classic")
        >>> lr.shape, lr.dtype
        ((24, 32), dtype('float64'))

    Args:
        hr: the image; brought to 8 bits first.
        scale: the factor.
        protocol: a name, or a TOML file.
        rgb: degrade RGB in the same way where the protocol degrades luma alone: what RGB methods get there.

    Returns:
        uint8 where the protocol rounds LR (``edsr``, ``selfexsr``, ``rgb``), else float64 that may leave [0, 1] a bit
        (``vdsr``, ``srcnn``, ``lapsrn``, ``linear``); (h, w) luma where it degrades luma alone (``vdsr``, ``srcnn``).

    Raises:
        UsageError: an unknown protocol, or one that scores supplied LR; no image.
        DataError: the image is too small.
    """
    found = get_protocol(str(protocol))
    if found.degraded == "none":
        raise UsageError(f"Protocol '{found.name}' scores LR that is supplied and makes none; choose another.")
    case = _case(found, as_array("HR", hr), whole_number("scale", scale, 1), None)
    lr = case.input.lr_y if found.degraded == "y" and not rgb else case.input.lr
    return lr.astype(np.uint8) if found.lr != "double" else lr.astype(np.float64) / 255.0


def _case(protocol: Protocol, hr: NDArray[Any], scale: int, lr: ImageLike | None) -> Case:
    if protocol.degraded == "none" and lr is None:
        raise UsageError(f"Protocol '{protocol.name}' scores supplied LR: give it too, as lr=….")
    return prepare(protocol, "HR", in_8_bit(hr), scale, None if lr is None else in_8_bit(as_array("LR", lr)))


def _fitted(sr: NDArray[Any], hr: NDArray[Any], case: Case, *, luma: bool) -> NDArray[Any]:
    """SR of the size that is scored.

    Raises:
        UsageError: it is of another size, or gray where HR has colours.
    """
    height, width = case.hr.shape[:2]
    given = f"SR is {sr.shape[1]}x{sr.shape[0]}"
    if not (height <= sr.shape[0] <= hr.shape[0] and width <= sr.shape[1] <= hr.shape[1]):
        raise UsageError(
            f"{given} and HR is {hr.shape[1]}x{hr.shape[0]}: SR must be as large as HR, or as HR cropped for the "
            f"protocol ({width}x{height})."
        )
    sr = sr[:height, :width]
    if luma and sr.ndim == 3:
        raise UsageError("luma=True is for SR of one plane, (H, W); this one has colours.")
    if luma:
        return sr
    fitted = alike(sr, case.hr)
    if fitted is None and sr.ndim == 2:
        raise UsageError(
            "SR is gray and HR has colours: give RGB, or luma=True if it is BT.601 luma (black 16, white 235)."
        )
    return sr if fitted is None else fitted  # colours of SR count as gray where HR has none


def _contents(plugins: tuple[Path, ...]) -> tuple[str, ...]:
    """Hashes of what is in the files now; where there is no file, the registry says so."""
    return tuple(file_sha256(path) if path.is_file() else "" for path in plugins)


@lru_cache(maxsize=32)
def _scoring(
    protocol: Protocol, metrics: tuple[str, ...], plugins: tuple[Path, ...], contents: tuple[str, ...]
) -> Scoring:
    """The metrics, and the files that they need. An edited plugin is another one.

    Raises:
        UsageError: a metric is unknown.
        DataError: one cannot be computed here.
    """
    registry = Registry(plugins)
    found = tuple(registry.metric(name) for name in dict.fromkeys(metrics))
    if not found:
        raise UsageError("metrics needs at least one.")
    scoring, reasons = scoring_of(protocol, found, registry)
    for name, reason in reasons.items():
        raise DataError(f"{name} cannot be computed: {reason}")
    return scoring
