"""Images as users have them, brought to one convention: (H, W) for gray or luma, (H, W, 3) for RGB."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError, UsageError
from srbench.imaging.files import pixels_of_pillow, read_image, to_uint8
from srbench.imaging.resize import round_half_up
from srbench.system.places import user_path

ImageLike: TypeAlias = Any
"""A numpy array (H, W) or (H, W, 3), or a torch tensor (H, W), (C, H, W) or (1, C, H, W) with one or three channels.
uint8 in 0..255, uint16 in 0..65535, or floating point in [0, 1]. Or the path of an image."""

_BEYOND = 2.0
"""Floats larger than this are on another scale; up to it a method may well overshoot 1."""


def as_array(name: str, image: ImageLike) -> NDArray[Any]:
    """(H, W) or (H, W, 3), uint8, uint16 or floating point as it was given; bfloat16 as float32.

    Raises:
        UsageError: it is no image.
        DataError: it is a path, and there is no image.
    """
    if isinstance(image, str | Path):
        return read_image(user_path(str(image)))
    if hasattr(image, "detach"):  # a tensor: channels come first there
        tensor = image.detach().cpu()
        try:
            array = np.asarray(tensor)
        except TypeError:  # bfloat16, which numpy has not
            array = np.asarray(tensor.float())
        array = array[0] if array.ndim == 4 and len(array) == 1 else array
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
        order = "tensors are (H, W), (C, H, W) or (1, C, H, W)"
    else:
        try:
            array = np.asarray(_of_pillow(name, image))
        except ValueError:  # lists of lists of different lengths
            raise UsageError(f"{name} is not an image: give an array or a tensor.") from None
        order = "arrays are (H, W) or (H, W, 3)"
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        shape = tuple(getattr(image, "shape", array.shape))
        raise UsageError(f"{name} of shape {shape} is not a gray or RGB image: {order}.")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise UsageError(f"{name} has samples of type {array.dtype}: give uint8, uint16, or floats in [0, 1].")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise UsageError(f"{name} holds NaN or infinity.")
        if max(array.max(), -array.min()) > _BEYOND:
            raise UsageError(
                f"{name} is of floats from {array.min():g} to {array.max():g}: they must be in [0, 1]; divide by 255, "
                "or give uint8."
            )
    return array


def _of_pillow(name: str, image: Any) -> Any:
    """The pixels of a Pillow image, which numpy would take for what its palette's indices or other colours are."""
    pillow = sys.modules.get("PIL.Image")
    if pillow is None or not isinstance(image, pillow.Image):
        return image
    try:
        return pixels_of_pillow(image, name)
    except DataError as error:
        raise UsageError(str(error)) from None


def in_unit(array: NDArray[Any]) -> NDArray[np.float64]:
    """Samples in [0, 1]; floats may leave it, and stay as they are."""
    peak = 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)
    return array.astype(np.float64) / peak


def in_8_bit(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Samples as images are stored: floats and 16 bits are rounded."""
    if array.dtype.kind == "f":
        return round_half_up(in_unit(array) * 255.0).astype(np.uint8)
    return to_uint8(array)
