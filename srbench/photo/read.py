"""Image files with alpha, 16 bits and metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.files import read_samples
from srbench.photo.image import Image
from srbench.photo.metadata import of_file


def read_photo(source: Path | bytes, *, name: str | None = None) -> Image:
    """Read an image with all that it carries.

    The EXIF orientation is applied to the pixels, and the metadata say so. A palette is looked up. The colours of
    pixels that are wholly transparent are replaced by those of the nearest that can be seen.

    Raises:
        DataError: one sentence, if the file cannot be read or is of a kind that a method cannot work on.
    """
    samples = read_samples(source, name=name)
    pixels = samples.pixels.reshape(*samples.pixels.shape[:2], -1)
    metadata, damaged = of_file(samples)
    colour, alpha = np.ascontiguousarray(pixels[..., : 1 if pixels.shape[2] < 3 else 3]), None
    if colour.shape[2] == 1 and colour_space(metadata.icc) == "RGB":  # of a gray palette: the profile stays true
        colour = np.repeat(colour, 3, axis=2)
    if pixels.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(pixels[..., -1:])
        colour = _bled(colour, alpha)
    left_out = (f"{samples.left_out} are left out",) if samples.left_out else ()
    return Image(samples.name, colour, alpha, metadata, (*left_out, *damaged))


def colour_space(icc: bytes) -> str:
    """What a colour profile is for: ``RGB``, ``GRAY`` and so on; empty without one."""
    return icc[16:20].decode("latin-1").strip()


def _bled(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Give pixels that are wholly transparent the colour of the nearest that is not.

    What is hidden there, often black or white, would else shine through at the edges. Multiplying by alpha instead, and
    dividing by it afterwards, would do for a linear resizer; a method sharpens an edge more than it sharpens its alpha,
    and the quotient of the two has fringes of its own.
    """
    import cv2

    hidden = alpha[..., 0] == 0
    if not hidden.any() or hidden.all():
        return colour
    _, nearest = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(nearest.max()) + 1, np.intp)
    places[nearest[~hidden]] = np.flatnonzero(~hidden)
    filled: NDArray[Any] = colour.copy()
    filled[hidden] = colour.reshape(-1, colour.shape[2])[places[nearest[hidden]]]
    return filled
