"""How an image is turned: what its metadata say, and doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image


def exif_of(info: dict[Any, Any]) -> Image.Exif:
    """The metadata that an image's info holds, and XMP's orientation where they have none; empty if they are broken."""
    from PIL import Image

    holder = Image.Image()
    holder.info = {key: info[key] for key in ("exif", "xmp") if info.get(key)}
    try:
        return holder.getexif()
    except Exception:
        return Image.Exif()


def orientation_of(exif: Image.Exif) -> int:
    """1 to 8; 1 where nothing says it."""
    try:
        value = int(exif.get(0x0112, 1))
    except Exception:  # broken metadata says nothing about the orientation
        return 1
    return value if 1 <= value <= 8 else 1


def oriented(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror as an EXIF orientation, 1 to 8, says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
