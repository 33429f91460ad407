"""Image files to one convention and back: (H, W) for gray, (H, W, 3) RGB for colour, uint8 or uint16 as stored.

What cannot be brought to it without a guess (transparency, CMYK, float samples, several frames) is refused with a
:class:`~srbench.errors.DataError` of one sentence. Colour profiles are ignored, as all published tables do.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from srbench.atomic import write_atomically
from srbench.errors import DataError
from srbench.imaging.bounds import MAX_SCANS, count_scans, has_frames

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

FORMATS = ("PNG", "BMP", "JPEG", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 200_000_000
"""That a picture may have; Pillow's own limit against decompression bombs is a little lower."""
_HINT = "save it as an 8 or 16 bit gray or RGB PNG"
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
        format: what Pillow calls it.
        pixels: (H, W), or (H, W, C) with C = 2 for gray and alpha, 3 for RGB, 4 for RGB and alpha; turned as the EXIF
            orientation says.
        info: Pillow's, once the image is loaded.
        exif: Pillow's, with the directories that it leads to.
    """

    name: str
    format: str
    pixels: NDArray[Any]
    info: dict[Any, Any]
    exif: Image.Exif


def read_samples(source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Samples:
    """Read an image file with its transparency and metadata; the arguments and errors are :func:`read_image`'s."""
    name = name or (source.name if isinstance(source, Path) else "the image")
    with _opened(source, name) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise DataError(f"{name} has {width}x{height} pixels, more than {max_pixels}: crop it or make it smaller.")
        if has_frames(image):
            raise DataError(f"{name} holds more than one frame: save the one that is meant as a PNG of its own.")
        if image.mode in _WRONG_MODES:
            raise DataError(f"{name} {_WRONG_MODES[image.mode]}: {_HINT}.")
        if image.format == "JPEG" and count_scans(source) > MAX_SCANS:
            raise DataError(f"{name} has more than {MAX_SCANS} scans and would take long to decode: {_HINT}.")
        deep = _is_deep_colour(image, source, name)
        # of two orientations, before and after the pixels, the first is meant, which image_size sees
        early = _orientation(image) if "exif" in image.info else None
        image.load()  # also the check that the file is whole: OpenCV would return what there is of it
        pixels = _deep_pixels(source, name) if deep else _pixels(image, name)
        # TIFF is turned by the decoders: by Pillow while loading (it then forgets the tag) and by OpenCV.
        orientation = _orientation(image) if early is None or image.format == "TIFF" else early
        return Samples(name, image.format or "", _oriented(pixels, orientation), dict(image.info), _exif(image))


def image_size(source: Path) -> tuple[int, int]:
    """(height, width) of an image file as :func:`read_image` will return it, from its header alone."""
    with _opened(source, source.name) as image:
        width, height = image.size
        if image.format == "TIFF":  # Pillow has turned this size already
            tags = image.tag_v2  # type: ignore[attr-defined]
            width, height = int(tags[256]), int(tags[257])
        # where a PNG has no EXIF before its pixels Pillow would decode them all to look behind them
        orientation = _orientation(image, load=image.format != "PNG" or _ends_in_metadata(source))
        return (width, height) if orientation >= 5 else (height, width)


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
        raise DataError(f"{path} cannot be written ({_brief(error)}): check the folder and its free space.") from error


@contextmanager
def _opened(source: Path | bytes, name: str) -> Iterator[Image.Image]:
    """Open with Pillow and read the header; whatever a decoder raises meanwhile becomes a DataError."""
    from PIL import Image, UnidentifiedImageError

    try:
        if (len(source) if isinstance(source, bytes) else source.stat().st_size) == 0:
            raise DataError(f"{name} is empty: get a fresh copy of it.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked by ourselves; odd metadata is no concern
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise DataError(f"{name} is not an image of a format that srbench reads ({known}): {_HINT}.") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise DataError(f"{name} has more than {limit} pixels: crop it or make it smaller.") from error
    except FileNotFoundError as error:
        raise DataError(f"{source!s} is not there: check the path.") from error
    except Exception as error:  # decoders raise anything on bytes that are not what they claim to be
        raise DataError(f"{name} cannot be opened ({_brief(error)}): check the file.") from error
    with image, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield image
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"{name} is truncated or corrupt ({_brief(error)}): get a fresh copy of it.") from error


def _is_deep_colour(image: Image.Image, source: Path | bytes, name: str) -> bool:
    """Whether it has more than 8 bits and more than one channel: Pillow would silently reduce it to 8 bits."""
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (1,))  # type: ignore[attr-defined]
        return len(bits) > 1 and max(bits) > 8
    header = _header(source)
    if image.format == "PNG":
        return header[24] == 16 and header[25] in (2, 4, 6)
    if image.format != "PPM" or header[:2] != b"P6":
        return False
    lines = [line.split(b"#")[0] for line in header.split(b"\n")]
    maximum = int(b" ".join(lines).split()[3])  # after P6, the width and the height; Pillow has read it before
    if maximum > 255 and maximum != 65535:
        raise DataError(f"{name} has samples up to {maximum}, neither 8 nor 16 bit: {_HINT}.")
    return maximum > 255


def _header(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:4096]
    with source.open("rb") as file:
        return file.read(4096)


def _pixels(image: Image.Image, name: str) -> NDArray[Any]:
    """The samples of a loaded image, with alpha where there is any: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    mode = image.mode
    if mode in ("1", "L", "RGB", "LA", "RGBA"):
        if "transparency" in image.info:
            return np.asarray(image.convert("RGBA" if mode == "RGB" else "LA"))
        return np.asarray(image.convert("L") if mode == "1" else image)
    if mode == "P":
        colours = np.asarray(image.convert("RGBA"))
        gray = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 0] == colours[..., 2]).all()
        if (colours[..., 3] == 255).all():  # the conversion's, not the file's
            colours = colours[..., :3]
        return colours[..., [0, 3][: colours.shape[2] - 2]] if gray else colours
    if mode in ("I;16", "I;16L", "I;16B", "I") and "transparency" not in image.info:
        wide = np.asarray(image)
        if mode != "I":
            return wide.astype(np.uint16)
        if image.format in ("PNG", "PPM"):  # 16 bit samples in Pillow's 32 bit mode
            return wide.astype(np.uint16)
        raise DataError(f"{name} has 32 bit samples: {_HINT}.")
    raise DataError(f"{name} is of Pillow's mode {mode}, neither gray nor RGB: {_HINT}.")


def _deep_pixels(source: Path | bytes, name: str) -> NDArray[Any]:
    """The same by OpenCV."""
    import cv2

    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError(f"{name} cannot be decoded ({_brief(error)}): {_HINT}.") from error
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim not in (2, 3):
        raise DataError(f"{name} cannot be read as 16 bit gray or RGB: {_HINT}.")
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
        if data[:4] == b"\x89PNG" and data[25] == 4:  # gray with alpha, which OpenCV returns as BGRA
            pixels = pixels[..., [0, 3]]
    return pixels


def _without_alpha(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise DataError(f"{name} is partly transparent: flatten it onto a background first.")
        pixels = pixels[..., :-1]
    return pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


def _ends_in_metadata(source: Path) -> bool:
    """Whether a PNG has chunks of text or EXIF behind its pixels, which are passed over."""
    with source.open("rb") as file:
        file.seek(8)
        behind = False
        while len(start := file.read(8)) == 8:
            behind = behind or start[4:] == b"IDAT"
            if behind and start[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            file.seek(int.from_bytes(start[:4], "big") + 4, 1)  # the chunk's content and its checksum
    return False


def _exif(image: Image.Image) -> Image.Exif:
    """The metadata, read to the end while the file is open; empty where it is broken."""
    from PIL import Image

    try:
        exif = image.getexif()
        for directory in (0x8769, 0x8825):  # of the camera, and of the place
            exif.get_ifd(directory)
    except Exception:
        return Image.Exif()
    return exif


def _orientation(image: Image.Image, *, load: bool = True) -> int:
    from PIL import Image

    try:
        exif = image.getexif() if load or "exif" in image.info else Image.Image.getexif(image)
        value = exif.get(0x0112, 1)
        return int(value) if 1 <= int(value) <= 8 else 1
    except Exception:  # broken metadata says nothing about the orientation
        return 1


def _oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror as an EXIF orientation, 1 to 8, says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _check(image: NDArray[Any]) -> None:
    colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype not in (np.uint8, np.uint16) or not (image.ndim == 2 or colour) or image.size == 0:
        raise ValueError(f"expected uint8 or uint16 of (H, W) or (H, W, 3), got {image.dtype} of {image.shape}")


def _brief(error: Exception) -> str:
    """An error of another library as a part of a sentence."""
    text = getattr(error, "strerror", None) or str(error).strip().split("\n")[0] or type(error).__name__
    return text.rstrip(".")[:120]
