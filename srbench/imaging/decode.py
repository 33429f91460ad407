"""Pixels of the formats that Pillow opens: by Pillow, and by OpenCV where Pillow would cut them to 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srbench.errors import DataError
from srbench.imaging.bounds import HINT

if TYPE_CHECKING:
    from PIL import Image


def is_deep_colour(image: Image.Image, data: bytes, name: str) -> bool:
    """Whether it has more than 8 bits and more than one channel: Pillow would silently reduce it to 8 bits."""
    if image.format == "PNG":
        return data[24] == 16 and data[25] in (2, 4, 6)
    if image.format != "PPM" or data[:2] not in (b"P3", b"P6"):
        return False
    lines = [line.split(b"#")[0] for line in data[:4096].split(b"\n")]
    maximum = int(b" ".join(lines).split()[3])  # after the kind, the width and the height; Pillow has read it before
    if maximum > 255 and maximum != 65535:
        raise DataError(f"{name} has samples up to {maximum}, neither 8 nor 16 bit: {HINT}.")
    return maximum > 255


def pixels_of(image: Image.Image, data: bytes, name: str) -> NDArray[Any]:
    """The samples of a loaded image, with alpha where there is any: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    mode, key = image.mode, image.info.get("transparency")
    if mode in ("1", "L", "RGB", "LA", "RGBA"):
        pixels = np.asarray(image.convert("L") if mode == "1" else image)
        if key is None:
            return pixels
        # Pillow has scaled gray of less than 8 bits, and the key only where it is one bit
        return _with_key(pixels, min(key * (255 // ((1 << data[24]) - 1)), 255) if pixels.ndim == 2 else key)
    if mode == "P":
        colours = np.asarray(image.convert("RGBA"))
        gray = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 0] == colours[..., 2]).all()
        if (colours[..., 3] == 255).all():  # the conversion's, not the file's
            colours = colours[..., :3]
        return colours[..., [0, 3][: colours.shape[2] - 2]] if gray else colours
    if mode in ("I;16", "I;16L", "I;16B", "I"):  # 16 bit samples, of some formats in Pillow's 32 bit mode
        deep = np.asarray(image).astype(np.uint16)
        return deep if key is None else _with_key(deep, key)
    raise DataError(f"{name} is of Pillow's mode {mode}, neither gray nor RGB: {HINT}.")


def _with_key(pixels: NDArray[Any], key: Any) -> NDArray[Any]:
    """With alpha, which is nought where a pixel has the colour that a PNG names."""
    colour = pixels.reshape(*pixels.shape[:2], -1)
    alpha = np.where((colour == np.array(key)).all(axis=2, keepdims=True), 0, np.iinfo(pixels.dtype).max)
    return np.concatenate([colour, alpha.astype(pixels.dtype)], axis=2)


def deep_pixels(data: bytes, name: str) -> NDArray[Any]:
    """The same by OpenCV."""
    import cv2

    data += b"\n" if data[:2] == b"P3" else b""  # where OpenCV misses the end of the last word else
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DataError(f"{name} cannot be decoded ({brief(error)}): {HINT}.") from error
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim not in (2, 3):
        raise DataError(f"{name} cannot be read as 16 bit gray or RGB: {HINT}.")
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
        if data[:4] == b"\x89PNG" and data[25] == 4:  # gray with alpha, which OpenCV returns as BGRA
            pixels = pixels[..., [0, 3]]
    return pixels


def brief(error: Exception) -> str:
    """An error of another library as a part of a sentence."""
    text = getattr(error, "strerror", None) or str(error).strip().split("\n")[0] or type(error).__name__
    return text.rstrip(".")[:120]
