"""A method's image beside the bicubic one: the whole of a small image, the busiest part of a large one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from srbench.imaging.files import to_uint8
from srbench.imaging.resize import PEAKS, imresize_part, round_half_up
from srbench.photo.image import Image, Pixels

PANE = 800
"""The longest side of each of the two, in pixels of the upsampled image."""
SMALL = 320
"""Panes smaller than that are shown with every pixel as a square."""
GAP, BAR = 8, 32
INK, PAPER = (20, 20, 20), (255, 255, 255)
CHECKS = 12
"""The side of the squares behind what is transparent."""


class Window(NamedTuple):
    """A part of the upsampled image."""

    rows: slice
    columns: slice


def busiest(image: Image, scale: int, pane: int = PANE) -> Window:
    """Where the upsampled image has most detail."""
    import cv2

    height, width = image.colour.shape[:2]
    tall, wide = min(pane // scale, height), min(pane // scale, width)
    step = -(-max(height, width) // 1000)  # detail is looked for in a thousand pixels a side
    seen = image.colour[::step, ::step].astype(np.float32).mean(axis=2)
    detail = np.abs(cv2.Laplacian(seen, cv2.CV_32F))
    if image.alpha is not None:
        detail *= image.alpha[::step, ::step, 0] > 0
    # the sum over every window, by one running sum
    sums = cv2.integral(detail)
    h, w = min(tall // step or 1, len(seen)), min(wide // step or 1, seen.shape[1])
    total = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
    top, left = np.unravel_index(int(total.argmax()), total.shape)
    top, left = min(int(top) * step, height - tall), min(int(left) * step, width - wide)
    return Window(slice(top * scale, (top + tall) * scale), slice(left * scale, (left + wide) * scale))


class Looker:
    """Keeps a window of an image whose bands go by."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._kept: list[Pixels] = []

    def watch(self, bands: Iterable[Pixels]) -> Iterator[Pixels]:
        """The bands, as they are."""
        top = 0
        for band in bands:
            first, last = max(self.window.rows.start - top, 0), min(self.window.rows.stop - top, len(band))
            if first < last:
                self._kept.append(band[first:last, self.window.columns].copy())
            top += len(band)
            yield band

    @property
    def seen(self) -> NDArray[Any]:
        """The window's pixels, once all bands have gone by."""
        return np.concatenate(self._kept)


def bicubic(image: Image, scale: int, window: Window) -> NDArray[Any]:
    """The same window by bicubic interpolation, in the image's own type."""
    planes = [image.colour] if image.alpha is None else [image.colour, image.alpha]
    parts = [imresize_part(plane, scale, window.rows, window.columns) for plane in planes]
    name = image.colour.dtype.name
    return round_half_up(np.concatenate(parts, axis=2), PEAKS[name]).astype(name)


def side_by_side(left: NDArray[Any], right: NDArray[Any], labels: tuple[str, str]) -> NDArray[np.uint8]:
    """Two parts of one size, (h, w, C), next to each other under their labels: RGB."""
    from PIL import Image, ImageDraw, ImageFont

    panes = [_shown(part) for part in (left, right)]
    height, width = panes[0].shape[:2]
    sheet = Image.new("RGB", (2 * width + GAP, BAR + height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (pane, label) in enumerate(zip(panes, labels, strict=True)):
        x = index * (width + GAP)
        font: Any = ImageFont.load_default(18)
        while font.getlength(label) > width - 8 and font.size > 8:
            font = ImageFont.load_default(font.size - 1)
        draw.text((x + 4, BAR // 2), label, fill=INK, font=font, anchor="lm")
        sheet.paste(Image.fromarray(pane), (x, BAR))
    return np.asarray(sheet)


def _shown(part: NDArray[Any]) -> NDArray[np.uint8]:
    """8 bit RGB, over checks where it is transparent, and with larger pixels if it is small."""
    pixels = to_uint8(part)
    colour = pixels[..., : 1 if pixels.shape[2] < 3 else 3]
    colour = np.broadcast_to(colour, (*colour.shape[:2], 3))
    if pixels.shape[2] in (2, 4):
        y, x = np.indices(pixels.shape[:2]) // CHECKS
        checks = np.where((x + y) % 2, 255.0, 204.0)[..., None]
        share = pixels[..., -1:] / 255.0
        colour = round_half_up(colour * share + checks * (1.0 - share)).astype(np.uint8)
    times = max(SMALL // max(colour.shape[:2]), 1)
    return np.ascontiguousarray(colour.repeat(times, 0).repeat(times, 1))
