"""An image through a method, part by part: never is more than a part of it in floating point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.errors import MethodError, SrbenchError
from srbench.imaging.color import luma
from srbench.imaging.resize import PEAKS, Floats, imresize_part, round_half_up
from srbench.inference import Tile, scaled, super_resolve, tiles
from srbench.method import Method, MethodInfo
from srbench.photo.image import Image, Pixels
from srbench.protocols.builtin import get_protocol
from srbench.protocols.method_input import MethodInput

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
        seen = PartInput(image, self.scale, tile.seen_rows, tile.seen_columns)
        sr = tile.cut(self._run(seen.given(info)), self.scale // self.unit)
        part = PartInput(image, self.scale, rows, columns).image(info, sr)
        part = part[..., None] if part.ndim == 2 else part
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


class PartInput(MethodInput):
    """A part of an image as methods are given it, made when it is asked for.

    Luma is in studio range, a gray image's too.

    Args:
        image: the whole image.
        scale: the factor.
        rows, columns: the part, in pixels of what the method is given; or returns, where that is wanted.
    """

    def __init__(self, image: Image, scale: int, rows: slice, columns: slice) -> None:
        self.gray = image.colour.shape[2] == 1
        self._whole = image
        self._scale = scale
        self._part = (rows, columns)

    @property
    def lr(self) -> NDArray[Any]:
        """The part as it is."""
        return self._squeezed(self._whole.colour[self._part] * (255.0 / self._whole.peak))

    @cached_property
    def upsampled(self) -> Floats:
        """The part of the image upsampled bicubically."""
        return self._squeezed(_bicubic(self._whole, self._whole.colour, self._scale, *self._part))

    @property
    def lr_y(self) -> NDArray[Any]:
        """Luma of the part."""
        return self._luma(self.lr)

    @property
    def upsampled_y(self) -> Floats:
        """Luma of the part of the image upsampled bicubically, as the protocol ``vdsr`` clips it."""
        limits = get_protocol("vdsr").enlarged_range
        assert limits is not None
        return np.clip(self._luma(self.upsampled), *limits)

    def image(self, info: MethodInfo, output: NDArray[np.float32]) -> Floats:
        """A method's (C, h, w) in [0, 1] as the part of the image, on the scale 0..255."""
        image = super().image(info, output)
        return (image - BLACK) * (255.0 / (WHITE - BLACK)) if self.gray and info.channels == "y" else image

    def _squeezed(self, part: Floats) -> Floats:
        return part[..., 0] if self.gray else part

    def _luma(self, part: Floats) -> Floats:
        return BLACK + part * ((WHITE - BLACK) / 255.0) if self.gray else luma(part)


def _bicubic(image: Image, plane: NDArray[Any], scale: int, rows: slice, columns: slice) -> Floats:
    """A part of a plane, upsampled bicubically, on the scale 0..255."""
    part = imresize_part(plane, scale, rows, columns, border=get_protocol("vdsr").border)
    part *= 255.0 / image.peak
    return part
