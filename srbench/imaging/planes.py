"""The SR planes that a protocol scores, as lossless files: PNG where they are whole numbers, NPY where they are not."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError
from srbench.imaging.files import encode_png, read_image

_NPY = b"\x93NUMPY"


def encode_planes(planes: NDArray[Any]) -> bytes:
    """(H, W) or (H, W, 3) planes on the scale 0..255, without loss."""
    whole = planes.astype(np.uint8, copy=False)
    if np.array_equal(whole, planes):
        return encode_png(whole)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(planes, dtype="<f8"), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def decode_planes(data: bytes, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """What :func:`encode_planes` was given.

    Args:
        data: of a file that may come from anybody.
        name: for messages.
        shape: height and width that it must have; larger files are refused before they are decoded.

    Raises:
        DataError: it is neither, has another size, or samples that are not numbers from 0 to 255.
    """
    planes: NDArray[Any]
    if data.startswith(_NPY):
        planes = _from_npy(data, name)
    else:
        planes = read_image(data, name=name, max_pixels=math.prod(shape))
        if planes.dtype != np.uint8:
            raise DataError(f"{name} has 16 bits, and SR planes have 8.")
    if planes.shape[:2] != shape or planes.shape[2:] not in ((), (3,)):
        raise DataError(f"{name} is {_size(planes)}, and its HR image {shape[1]}x{shape[0]}.")
    return planes.astype(np.float64)


def _from_npy(data: bytes, name: str) -> NDArray[np.float64]:
    file = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # the header is Python's notation, parsed as a literal
        raise DataError(f"{name} is no array ({type(error).__name__}).") from None
    rest = data[file.tell() :]
    if fortran or dtype != np.dtype("<f8") or len(shape) not in (2, 3) or math.prod(shape) * 8 != len(rest):
        raise DataError(f"{name} is no array of whole SR planes.")
    planes = np.frombuffer(rest, "<f8").reshape(shape)
    if not (np.isfinite(planes) & (planes >= 0) & (planes <= 255)).all():
        raise DataError(f"{name} has samples that are not from 0 to 255.")
    return planes


def _size(planes: NDArray[Any]) -> str:
    return "x".join(map(str, (planes.shape[1], planes.shape[0], *planes.shape[2:])))
