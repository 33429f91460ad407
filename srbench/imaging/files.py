"""Image files to one convention and back: (H, W) for gray, (H, W, 3) RGB for colour, uint8 or uint16 as stored.

What cannot be brought to it without a guess (transparency, CMYK, float samples, several frames) is refused with a
:class:`~srbench.errors.DataError` of one sentence. Colour profiles are ignored, as all published tables do.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError
from srbench.imaging import png, tiff
from srbench.imaging.bounds import FRAMES, HINT, MAX_SCANS, count_scans, has_frames
from srbench.imaging.decode import brief, deep_pixels, is_deep_colour, pixels_of
from srbench.imaging.orientation import exif_of, orientation_of, oriented
from srbench.imaging.tiff import main_page, stored_size
from srbench.system.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

__all__ = [
    "ImageArray",
    "Samples",
    "encode_png",
    "image_size",
    "pixels_sha256",
    "read_image",
    "read_samples",
    "to_uint8",
    "write_png",
]

ImageArray: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

FORMATS = ("PNG", "BMP", "DIB", "JPEG", "TIFF", "WEBP", "PPM")
_EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
MAX_PIXELS = 200_000_000
"""That a picture may have; Pillow's own limit against decompression bombs is a little lower."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WRONG_MODES = {
    "CMYK": "is CMYK",
    "F": "has float samples",
    "LAB": "is in CIELAB",
    "HSV": "is in HSV",
    "YCbCr": "is in YCbCr",
}


def read_image(
    source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Read an image file.

    A palette is looked up, 1-bit and gray-palette images become gray, the EXIF orientation is applied, and an alpha
    channel is dropped if it is fully opaque.

    Args:
        source: a path, or the bytes of a file.
        name: what to call it in an error; the file's name if not given.
        max_pixels: larger images are refused from their header, before anything is decoded. Pillow's own guard
            against decompression bombs applies as well.

    Returns:
        (H, W) for gray or (H, W, 3) RGB, C-contiguous; uint8 in 0..255 or uint16 in 0..65535, as in the file.

    Raises:
        DataError: one sentence, if it cannot be read or has no place in this convention.
    """
    samples = read_samples(source, name=name, max_pixels=max_pixels)
    return np.ascontiguousarray(_without_alpha(samples.pixels, samples.name))


class Samples(NamedTuple):
    """All that an image file holds, transparency and metadata included.

    Attributes:
        name: of the file, for messages.
        pixels: (H, W), or (H, W, C) with C = 2 for gray and alpha, 3 for RGB, 4 for RGB and alpha; turned as the EXIF
            orientation says.
        info: what else it holds, by Pillow's names.
        exif: Pillow's.
        left_out: what is not among the pixels, in words; empty if nothing is.
    """

    name: str
    pixels: NDArray[Any]
    info: dict[Any, Any]
    exif: Image.Exif
    left_out: str = ""


def read_samples(source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Samples:
    """Read an image file with its transparency and metadata; the arguments and errors are :func:`read_image`'s.

    A file is read whole before it is decoded: Pillow takes other ways, with faults of their own, where it has a path.
    """
    name = name or (source.name if isinstance(source, Path) else "the image")
    data = _content(source, name)
    with _decoding(name):
        if data[:4] in _TIFF:
            return _read_tiff(data, name, max_pixels)
        notes = png.info_of(png.notes(io.BytesIO(data))) if data.startswith(png.SIGNATURE) else {}
        if notes:
            data = png.without_notes(data)
        with _opened(io.BytesIO(data), name) as image:
            _check_size(image.size, name, max_pixels)
            several = image.format == "MPO"  # a photograph and its preview, depth or other eye: the first is meant
            if not several and has_frames(image):
                raise DataError(FRAMES.format(name=name))
            if image.mode in _WRONG_MODES:
                raise DataError(f"{name} {_WRONG_MODES[image.mode]}: {HINT}.")
            if image.format in ("JPEG", "MPO") and count_scans(data) > MAX_SCANS:
                raise DataError(f"{name} has more than {MAX_SCANS} scans and would take long to decode: {HINT}.")
            deep = is_deep_colour(image, data, name)
            image.load()  # also the check that the file is whole: OpenCV would return what there is of it
            pixels = deep_pixels(data, name) if deep else pixels_of(image, data, name)
            info = dict(image.info) | notes
        exif = exif_of(info)
        left_out = "the further images that the file holds (MPO)" if several else ""
        if any(content.startswith(_EXTENDED) for _, content in getattr(image, "applist", ())):
            left_out = f"{left_out} and " * several + "the parts of XMP that continue elsewhere"
        return Samples(name, oriented(pixels, orientation_of(exif)), info, exif, left_out)


def image_size(source: Path) -> tuple[int, int]:
    """(height, width) of an image file as :func:`read_image` will return it, from its header alone."""
    name = source.name
    try:
        file = source.open("rb")
    except OSError as error:
        raise _not_opened(source, name, error) from error
    with file, _decoding(name):
        head = file.read(24)
        if not head:
            raise DataError(f"{name} is empty: get a fresh copy of it.")
        file.seek(0)
        if head[:4] in _TIFF:
            page = main_page(file, name)
            (height, width), orientation = stored_size(page), page.orientation
        elif head.startswith(png.SIGNATURE + b"\0\0\0\rIHDR"):  # Pillow would decode the pixels to look behind them
            width, height = struct.unpack(">2I", head[16:])
            orientation = orientation_of(exif_of(png.info_of(png.notes(file))))
        else:
            with _opened(file, name) as image:
                (width, height), orientation = image.size, orientation_of(exif_of(image.info))
        return (width, height) if orientation >= 5 else (height, width)


def _read_tiff(data: bytes, name: str, max_pixels: int) -> Samples:
    page = main_page(io.BytesIO(data), name)
    height, width = stored_size(page)
    _check_size((width, height), name, max_pixels)
    pixels = tiff.samples(data, page, name)
    info, exif = tiff.metadata(data, page)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    left_out = "the channel beside RGB" if page.number_of(262) == 2 and page.number_of(277, 1) > channels else ""
    return Samples(name, oriented(pixels, page.orientation), info, exif, left_out)


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise DataError(f"{name} has {width}x{height} pixels, more than {max_pixels}: crop it or make it smaller.")
    if min(size) < 1:
        raise ValueError(f"{width}x{height} pixels")


def to_uint8(image: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Bring a uint16 image to uint8 as round(v / 257); a uint8 image is returned as it is."""
    if image.dtype == np.uint8:
        return image  # type: ignore[return-value]
    if image.dtype != np.uint16:
        raise ValueError(f"expected uint8 or uint16, got {image.dtype}")
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 257 is odd: there are no ties


def pixels_sha256(image: NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    """The hash that names an image whatever file it is in.

    sha256 of the ASCII line ``{height}x{width}x{channels}`` and a newline, followed by the samples in C order (gray:
    1 channel; uint16 samples little-endian).
    """
    _check(image)
    channels = 1 if image.ndim == 2 else image.shape[2]
    digest = hashlib.sha256(f"{image.shape[0]}x{image.shape[1]}x{channels}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def encode_png(image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """An (H, W) or (H, W, 3) RGB image, uint8 or uint16, as the bytes of a PNG."""
    import cv2

    _check(image)
    samples = image if image.ndim == 2 else image[..., ::-1]
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(samples), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"OpenCV could not encode an image of shape {image.shape}")
    return encoded.tobytes()


def write_png(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write an (H, W) or (H, W, 3) RGB image, uint8 or uint16, as a PNG; the file appears whole or not at all."""
    content = encode_png(image)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({brief(error)}): check the folder and its free space.") from error


def _content(source: Path | bytes, name: str) -> bytes:
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise _not_opened(source, name, error) from error
    if not data:
        raise DataError(f"{name} is empty: get a fresh copy of it.")
    return data


def _not_opened(source: Path | bytes, name: str, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{source!s} is not there: check the path.")
    return DataError(f"{name} cannot be opened ({brief(error)}): check the file.")


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Whatever a decoder raises meanwhile becomes a DataError: it may be anything, on bytes that are not as claimed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the size is checked by ourselves; odd metadata is no concern
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"{name} is truncated or corrupt ({brief(error)}): get a fresh copy of it.") from error


def _opened(file: BinaryIO, name: str) -> Image.Image:
    """Open with Pillow, which reads the header."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        known = ", ".join(name for name in FORMATS if name != "DIB")
        raise DataError(f"{name} is not an image of a format that srbench reads ({known}): {HINT}.") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise DataError(f"{name} has more than {limit} pixels: crop it or make it smaller.") from error
    except Exception as error:
        raise DataError(f"{name} cannot be opened ({brief(error)}): check the file.") from error


def _without_alpha(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise DataError(f"{name} is partly transparent: flatten it onto a background first.")
        pixels = pixels[..., :-1]
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


def _check(image: NDArray[Any]) -> None:
    colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype not in (np.uint8, np.uint16) or not (image.ndim == 2 or colour) or image.size == 0:
        raise ValueError(f"expected uint8 or uint16 of (H, W) or (H, W, 3), got {image.dtype} of {image.shape}")
