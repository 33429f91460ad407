"""MATLAB's ``imresize``, exactly, for NumPy arrays.

The published tables of super-resolution were made with it, and no other library gives its numbers: the kernel is
widened by the factor when shrinking (antialias), its weights are normalised, rows and columns are resized one after
the other, and an integer image is **rounded and saturated after each of the two passes**. Output pixel i samples the
input at (i + 0.5) / factor - 0.5. Verified bit for bit against images that MATLAB made.

Weights depend on sizes alone, so they are kept as sparse matrices and reused from image to image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.bands import bands

Kernel = Literal["nearest", "box", "bilinear", "bicubic", "lanczos2", "lanczos3"]
Border = Literal["symmetric", "replicate"]
Floats = NDArray[np.float64]
Pixel = TypeVar("Pixel", np.uint8, np.uint16, np.float32, np.float64)

PEAKS = {"uint8": 255.0, "uint16": 65535.0}

STRIP = 32
"""Rows that are resized horizontally at once, few enough to stay in the processor's cache."""


def _box(x: Floats) -> Floats:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


def _triangle(x: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _keys(x: Floats) -> Floats:
    """Keys 1981, a = -0.5."""
    x = np.abs(x)
    inner = 1.5 * x**3 - 2.5 * x**2 + 1.0
    outer = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return inner * (x <= 1) + outer * ((x > 1) & (x <= 2))


def _lanczos(x: Floats, lobes: int) -> Floats:
    eps = np.finfo(np.float64).eps  # as MATLAB: keeps 0/0 at 1
    value = (np.sin(np.pi * x) * np.sin(np.pi * x / lobes) + eps) / (np.pi**2 * x**2 / lobes + eps)
    return value * (np.abs(x) < lobes)


_KERNELS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "nearest": (_box, 1.0),
    "box": (_box, 1.0),
    "bilinear": (_triangle, 2.0),
    "bicubic": (_keys, 4.0),
    "lanczos2": (lambda x: _lanczos(x, 2), 4.0),
    "lanczos3": (lambda x: _lanczos(x, 3), 6.0),
}


class Taps(NamedTuple):
    """What each output pixel of one axis is made of: (out, P) input indices and their (out, P) weights."""

    indices: NDArray[np.intp]
    weights: Floats


@lru_cache(maxsize=512)
def taps(size: int, out_size: int, factor: float, kernel: Kernel, antialias: bool, border: Border) -> Taps:
    """The input indices and weights of every output pixel along one axis.

    Args:
        size: length of the input axis.
        out_size: length of the output axis.
        factor: output sampling rate over input sampling rate; not always ``out_size / size``.
        kernel: the interpolation kernel.
        antialias: widen the kernel by ``1 / factor`` when shrinking.
        border: how the input goes on beyond its edge: mirrored with the edge pixel repeated, or the edge pixel alone.
    """
    function, width = _KERNELS[kernel]
    shrink = factor < 1 and antialias
    if shrink:
        width /= factor
    # MATLAB counts pixels from 1; the same arithmetic in the same order keeps the last bit
    x = np.arange(1, out_size + 1, dtype=np.float64)
    centre = x / factor + 0.5 * (1 - 1 / factor)
    left = np.floor(centre - width / 2)
    indices = left[:, None] + np.arange(int(np.ceil(width)) + 2)
    distance = centre[:, None] - indices
    weights = factor * function(factor * distance) if shrink else function(distance)
    weights /= weights.sum(axis=1, keepdims=True)
    place = indices.astype(np.intp) - 1
    if border == "replicate":
        place = np.clip(place, 0, size - 1)
    else:
        place = np.mod(place, 2 * size)
        place = np.where(place < size, place, 2 * size - 1 - place)
    used = np.any(weights != 0, axis=0)
    result = Taps(np.ascontiguousarray(place[:, used]), np.ascontiguousarray(weights[:, used]))
    for array in result:
        array.setflags(write=False)  # shared by every caller
    return result


@lru_cache(maxsize=512)
def _matrix(size: int, out_size: int, factor: float, kernel: Kernel, antialias: bool, border: Border) -> Any:
    import scipy.sparse as sp  # here, so that importing this module costs no more than NumPy

    indices, weights = taps(size, out_size, factor, kernel, antialias, border)
    rows = np.repeat(np.arange(out_size), indices.shape[1])
    return sp.csr_array((weights.ravel(), (rows, indices.ravel())), shape=(out_size, size))


def output_geometry(shape: tuple[int, int], factor: float | None, size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width that a factor or a size gives; with a factor each side is rounded up, as in MATLAB.

    Raises:
        ValueError: neither or both are given, or a side would be empty.
    """
    if (factor is None) == (size is None):
        raise ValueError("give either a factor or a size")
    if min(shape) < 1:
        raise ValueError(f"cannot resize an empty image of shape {shape}")
    if factor is not None:
        # MATLAB's ceiling of the product, but 3 * (1/3 * 100) must not gain a pixel by its last bit
        out = (int(np.ceil(shape[0] * factor - 1e-9)), int(np.ceil(shape[1] * factor - 1e-9)))
    else:
        assert size is not None
        out = size
    if min(out) < 1:
        raise ValueError(f"cannot resize {shape} to {out}: a side would be empty")
    return out


def default_antialias(kernel: Kernel) -> bool:
    """MATLAB's default: every kernel but ``nearest`` is widened when shrinking."""
    return kernel != "nearest"


def imresize(
    image: NDArray[Pixel],
    factor: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: Kernel = "bicubic",
    antialias: bool | None = None,
    border: Border = "symmetric",
) -> NDArray[Pixel]:
    """Resize an image as MATLAB's ``imresize`` does.

    Args:
        image: (H, W) or (H, W, C). uint8 and uint16 are rounded (half up) and saturated after each pass and come back
            in their type; float32 and float64 are neither rounded nor clipped. All are computed in float64.
        factor: size of the output over size of the input, the same for both axes; or
        size: (height, width) of the output.
        kernel: ``bicubic`` (Keys, a = -0.5), ``bilinear``, ``lanczos2``, ``lanczos3``, ``box`` or ``nearest``.
        antialias: widen the kernel when shrinking; by default for all but ``nearest``.
        border: ``symmetric`` (MATLAB since about 2014) or ``replicate`` (before).

    Raises:
        ValueError: neither or both of factor and size, an empty side, or another dtype.
    """
    if image.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise ValueError(f"imresize takes uint8, uint16, float32 or float64, not {image.dtype}")
    kind = image.dtype.name if image.dtype.name in PEAKS else "float64"
    resizer = Resizer(image.shape[:2], factor, size=size, kernel=kernel, antialias=antialias, border=border, kind=kind)
    plane: NDArray[Any] = image.reshape(*image.shape[:2], -1)
    whole = resizer.whole(lambda wanted: plane[wanted], plane.shape[2], image.dtype)
    return whole.reshape(*resizer.size, *image.shape[2:])


class Resizer:
    """Resizes images of one size to another, as :func:`imresize` does: some rows of the result at a time, to the bit.

    Args:
        shape: (height, width) of what is resized.
        factor, size, kernel, antialias, border: as there.
        kind: ``uint8`` or ``uint16``: rounded and saturated after each pass; ``float64``: neither.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        factor: float | None = None,
        *,
        size: tuple[int, int] | None = None,
        kernel: Kernel = "bicubic",
        antialias: bool | None = None,
        border: Border = "symmetric",
        kind: str = "float64",
    ) -> None:
        self.size = output_geometry((shape[0], shape[1]), factor, size)
        antialias = default_antialias(kernel) if antialias is None else antialias
        rates = tuple(factor or self.size[axis] / shape[axis] for axis in (0, 1))
        self._matrices = [
            _matrix(shape[axis], self.size[axis], rates[axis], kernel, antialias, border) for axis in (0, 1)
        ]
        self._columns_first = rates[1] < rates[0]  # the smaller factor first; rows first where they are equal
        self._kind = kind

    def rows(
        self, read: Callable[[slice], NDArray[Any]], rows: slice, columns: slice | None = None
    ) -> NDArray[np.float64]:
        """Some rows of the result, (h, W, C), or a part of them.

        Args:
            read: gives rows of what is resized, (h, w, C) of any real type; asked for those that are needed alone.
            rows: of the result, with a start and a stop.
            columns: likewise; all by default.
        """
        (vertical, tall), (horizontal, wide) = _part(self._matrices[0], rows), _part(self._matrices[1], columns)
        plane = read(tall)[:, wide]
        if self._columns_first:
            return _rows(vertical, _columns(horizontal, plane, self._kind), self._kind)
        return _columns(horizontal, _rows(vertical, plane, self._kind), self._kind)

    def whole(
        self, read: Callable[[slice], NDArray[Any]], channels: int, dtype: np.dtype[Any] | type = np.float64
    ) -> NDArray[Any]:
        """The whole result, (H, W, C), of a type; ``read`` as for :meth:`rows`."""
        out: NDArray[Any] | None = None
        for rows in bands(*self.size, channels):
            part = self.rows(read, rows)
            if len(part) == self.size[0]:
                return part.astype(dtype, copy=False)
            out = np.empty((*self.size, channels), dtype) if out is None else out
            out[rows] = part
        assert out is not None
        return out


def imresize_part(
    image: NDArray[Any], factor: int, rows: slice, columns: slice, *, border: Border = "symmetric"
) -> Floats:
    """A part of what :func:`imresize` makes of an image in doubles, to the bit, at the cost of that part alone.

    Args:
        image: (H, W, C) of any real type.
        factor: by which the whole image is upsampled; bicubically.
        rows: of the upsampled image, with a start and a stop.
        columns: likewise.
        border: as there.
    """
    resizer = Resizer(image.shape[:2], factor, antialias=True, border=border)
    return resizer.rows(lambda wanted: image[wanted], rows, columns)


def _part(matrix: Any, rows: slice | None) -> tuple[Any, slice]:
    """Some rows of a resizing matrix, and the input pixels that they look at: its columns from now on."""
    if rows is None or (rows.start, rows.stop) == (0, matrix.shape[0]):
        return matrix, slice(None)
    part = matrix[rows]
    used = slice(int(part.indices.min()), int(part.indices.max()) + 1)
    return part[:, used], used


def _rows(matrix: Any, image: NDArray[Any], kind: str) -> Floats:
    """Apply a resizing matrix to the first axis of (H, W, C); whole numbers if ``kind`` is an integer type."""
    flat = np.ascontiguousarray(image, dtype=np.float64).reshape(len(image), -1)
    out: Floats = matrix @ flat
    if kind in PEAKS:
        round_half_up(out, PEAKS[kind], out=out)
    return out.reshape(-1, *image.shape[1:])


def _columns(matrix: Any, image: Floats, kind: str) -> Floats:
    """Apply a resizing matrix to the second axis of (H, W, C), in strips: transposing a whole image is slow."""
    import cv2  # whose transposition is several times as fast as NumPy's

    out = np.empty((len(image), matrix.shape[0], image.shape[2]))
    for top in range(0, len(image), STRIP):
        strip = np.ascontiguousarray(image[top : top + STRIP], dtype=np.float64)
        turned = cv2.transpose(strip.reshape(len(strip), -1)).reshape(image.shape[1], -1, len(strip))
        done = _rows(matrix, turned, kind).reshape(-1, len(strip))
        out[top : top + STRIP] = cv2.transpose(done).reshape(len(strip), *out.shape[1:])
    return out


def round_half_up(image: NDArray[Any], peak: float = 255.0, out: Floats | None = None) -> Floats:
    """Round half away from zero and saturate to [0, peak], as MATLAB's conversion to an integer type does.

    ``out`` may be ``image`` itself; without it the result is a new array.
    """
    out = np.add(image, 0.5, out=out)
    np.floor(out, out=out)
    return np.clip(out, 0.0, peak, out=out)


def mod_crop(image: NDArray[Any], scale: int) -> NDArray[Any]:
    """Cut (H, W[, C]) at the bottom and right so that both sides are multiples of ``scale``."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def shave(image: NDArray[Any], width: int) -> NDArray[Any]:
    """Cut ``width`` pixels from every side of (H, W[, C])."""
    return image[width : image.shape[0] - width, width : image.shape[1] - width]
