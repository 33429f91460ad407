"""An image through a method, part by part: never is more than a part of it in floating point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.errors import MethodError, SrbenchError
from srbench.imaging.color import gray_of, luma
from srbench.imaging.resize import PEAKS, Floats, imresize_part, round_half_up
from srbench.inference import Tile, scaled, super_resolve, tiles
from srbench.method import Method, MethodInfo
from srbench.photo.image import Image, Pixels
from srbench.protocols.builtin import get_protocol

TILE = 512
"""The side of a tile in pixels of the method's input: a network's 64 maps of it then take 64 MiB."""
BLACK, WHITE = 16.0, 235.0
"""Luma in studio range, as methods were trained on it."""


@dataclass(frozen=True, slots=True)
class Upscaler:
    """A method ready to upsample images.

    A method for luma gets it in studio range, a gray image's too; the colours beside it, and alpha, which stays opaque
    where it was, are upsampled bicubically. Methods for the upsampled image get it as the protocol ``vdsr`` makes it.

    Attributes:
        method: with its weights.
        scale: how many times as large.
        device: where to compute.
        tile: the side of tiles, in pixels of the image; by default :data:`TILE` of the method's input.
    """

    method: Method
    scale: int
    device: torch.device
    tile: int | None = None

    @property
    def unit(self) -> int:
        """Pixels of the method's input for one of the image."""
        return self.scale if self.method.info.input == "upsampled" else 1

    @property
    def works_in_tiles(self) -> bool:
        """Whether the method's view is limited."""
        return self.method.info.halo is not None

    def tiles(self, height: int, width: int) -> list[Tile]:
        """The parts that an image is worked on in, in pixels of the method's input, from the top left."""
        info, unit = self.method.info, self.unit
        if info.halo is None:
            return list(tiles(height * unit, width * unit, max(height, width) * unit, 0))
        side = self.tile * unit if self.tile else TILE
        return list(tiles(height * unit, width * unit, side, info.halo, info.multiple))

    def bands(self, image: Image, depth: int, done: Callable[[], None] = lambda: None) -> Iterator[Pixels]:
        """The upsampled image in bands of whole rows, (h, W, C) with alpha last, from the top.

        Args:
            image: to be upsampled.
            depth: bits of the samples, 8 or 16.
            done: called after each tile.

        Raises:
            MethodError: the method failed.
        """
        height, width = image.colour.shape[:2]
        grown = self.scale // self.unit
        kind = np.dtype(f"uint{depth}")
        for _, row in groupby(self.tiles(height, width), key=lambda tile: tile.rows.start):
            band: Any = None
            for tile in row:
                rows, columns = scaled(tile.rows, grown), scaled(tile.columns, grown)
                if band is None:
                    band = np.empty((rows.stop - rows.start, width * self.scale, image.layout.channels), kind)
                band[:, columns] = self._part(image, tile, rows, columns, kind)
                done()
            yield band

    def _part(self, image: Image, tile: Tile, rows: slice, columns: slice, kind: np.dtype[Any]) -> NDArray[Any]:
        """One tile, which fills ``rows`` and ``columns`` of the upsampled image."""
        info = self.method.info
        planes = given(image, info, self.scale, tile.seen_rows, tile.seen_columns)
        sr = tile.cut(self._run(planes), self.scale // self.unit)
        part = finished(image, info, self.scale, sr, rows, columns)
        if image.alpha is not None:
            part = np.concatenate([part, _bicubic(image, image.alpha, self.scale, rows, columns)], axis=2)
        peak = PEAKS[kind.name]
        return round_half_up(part * (peak / 255.0), peak).astype(kind)

    def _run(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return super_resolve(self.method, planes, self.scale, self.device).planes
        except SrbenchError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise MethodError(f"{self.method.info.name} raised {reason}") from error


def given(image: Image, info: MethodInfo, scale: int, rows: slice, columns: slice) -> NDArray[np.float32]:
    """What a method sees of a part of its input: (C, h, w) in [0, 1]."""
    if info.input == "upsampled":
        part = _bicubic(image, image.colour, scale, rows, columns)
    else:
        part = image.colour[rows, columns] * (255.0 / image.peak)
    if info.channels == "y":
        part = _luma(part)[..., None]
        limits = get_protocol("vdsr").enlarged_range
        if info.input == "upsampled" and limits is not None:
            np.clip(part, *limits, out=part)
    elif info.channels == "rgb" and part.shape[2] == 1:
        part = np.repeat(part, 3, axis=2)
    return np.ascontiguousarray(part.transpose(2, 0, 1) / 255.0, dtype=np.float32)


def finished(
    image: Image, info: MethodInfo, scale: int, sr: NDArray[np.float32], rows: slice, columns: slice
) -> Floats:
    """A part of the upsampled image from what the method made of it: (h, w, 1 or 3) on the scale 0..255."""
    part = sr.transpose(1, 2, 0).astype(np.float64) * 255.0
    gray = image.colour.shape[2] == 1
    if info.channels == "y":
        if gray:
            return (part - BLACK) * (255.0 / (WHITE - BLACK))
        upsampled = _bicubic(image, image.colour, scale, rows, columns)
        # what the method adds to luma, in RGB: Cb and Cr stay the upsampled image's
        return upsampled + (part - _luma(upsampled)[..., None]) * (255.0 / (WHITE - BLACK))
    return gray_of(part)[..., None] if gray and info.channels == "rgb" else part


def _luma(part: Floats) -> Floats:
    """Luma in studio range, a gray image's like that of an RGB image with three equal channels."""
    if part.shape[2] == 1:
        return BLACK + part[..., 0] * ((WHITE - BLACK) / 255.0)
    return luma(part)


def _bicubic(image: Image, plane: NDArray[Any], scale: int, rows: slice, columns: slice) -> Floats:
    """A part of a plane, upsampled bicubically, on the scale 0..255."""
    part = imresize_part(plane, scale, rows, columns, border=get_protocol("vdsr").border)
    part *= 255.0 / image.peak
    return part
