"""Runs a method on an image and holds it to its contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.errors import DeviceError, MethodError, SrbenchError
from srbench.method import Method
from srbench.system.device import check_device, check_threads
from srbench.system.factors import Factor, is_whole, times
from srbench.system.memory import keep_freed_memory
from srbench.system.text import first_line

TILE_ABOVE = 4_000_000
"""Images with more input pixels than this are worked on in tiles, where the method allows it."""
TILE = 1024
TILE_ON_CPU = 512
"""A network's 64 maps of it then take 64 MiB; on a GPU larger tiles are faster."""
SMALLEST_TILE = 64
"""Where tiles of this side do not fit on a device either, nothing does."""


@dataclass(frozen=True, slots=True)
class Output:
    """An image as a method gave it.

    Attributes:
        planes: (C, H, W) float32.
        tile: the side in input pixels of the tiles that it was worked on in; None if it was in one piece.
    """

    planes: NDArray[np.float32]
    tile: int | None = None


def resolve_device(name: str, threads: int = 0) -> torch.device:
    """Where to compute. ``auto`` is CUDA where there is one, else Apple's GPU, else the CPU.

    From then on the process keeps memory that it frees: see :mod:`srbench.system.memory`.

    Args:
        name: as on the command line.
        threads: that torch may use on the CPU; 0 leaves it to torch.

    Raises:
        DeviceError: the device is not here.
        UsageError: more threads than any machine has.
    """
    check_device(name)
    check_threads(threads)
    keep_freed_memory()
    if threads:
        torch.set_num_threads(threads)
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error)
        raise DeviceError(f"Device '{name}' cannot be used ({reason}); try --device cpu.") from None
    return device


def run_method(
    method: Method, planes: NDArray[np.float32], scale: Factor, device: torch.device, *, tile: int | None = None
) -> NDArray[np.float32]:
    """Super-resolve one image; :func:`super_resolve` without saying how."""
    return super_resolve(method, planes, scale, device, tile=tile).planes


def super_resolve(
    method: Method, planes: NDArray[np.float32], scale: Factor, device: torch.device, *, tile: int | None = None
) -> Output:
    """Super-resolve one image. One that the device's allocator refuses is tried again in tiles, and in smaller ones.

    Args:
        method: ready to use (weights loaded).
        planes: (C, h, w) in [0, 1].
        scale: the scale.
        device: where to run.
        tile: side of a tile in input pixels; by default images beyond :data:`TILE_ABOVE` are tiled by :data:`TILE`, or
            :data:`TILE_ON_CPU`.

    Raises:
        MethodError: the method returned another type, shape or a value that is not finite, or the device's memory
            does not suffice.
    """
    x = torch.from_numpy(planes)[None].to(device)
    if tile is None and x.shape[-1] * x.shape[-2] > TILE_ABOVE:
        tile = TILE_ON_CPU if device.type == "cpu" else TILE
    halo = method.info.halo if is_whole(scale) or method.info.input == "upsampled" else None
    if halo is None:
        tile = None
    while (out := _attempt(method, x, scale, tile)) is None:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        tile = _smaller(method, x, tile, halo)
    result: NDArray[np.float32] = out[0].to("cpu", torch.float32).numpy()
    if not np.isfinite(result).all():
        bad = "NaN" if np.isnan(result).any() else "infinity"
        raise MethodError(f"{method.info.name} returned {bad} at x{scale}")
    return Output(result, tile)


def _attempt(method: Method, x: torch.Tensor, scale: Factor, tile: int | None) -> torch.Tensor | None:
    """The image, whole or in tiles; None if the device's memory did not suffice.

    The caller goes on then, since here the traceback still holds the tensors.
    """
    try:
        with torch.inference_mode():
            if tile is None or method.info.halo is None:
                return _checked(method, x, scale)
            return tiled(method, x, scale, tile, method.info.halo)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocator refused: a GPU's has an exception of its own, the processor's says so in a RuntimeError.

    A processor's memory is often promised and not there: then the system ends the process instead.
    """
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator: " in str(error)


def _smaller(method: Method, x: torch.Tensor, tile: int | None, halo: int | None) -> int:
    """The side of the tiles to try next: half as large.

    Raises:
        MethodError: there are none.
    """
    if halo is None:
        raise MethodError(f"{method.info.name} needs more memory than the device has, and cannot work in tiles")
    side = -(-min(tile or max(x.shape[-2:]), max(x.shape[-2:])) // 2)
    if side < SMALLEST_TILE:
        raise MethodError(f"{method.info.name} needs more memory than the device has, even in tiles; free some of it")
    return side


def _checked(method: Method, x: torch.Tensor, scale: Factor) -> torch.Tensor:
    out = method.upscale(x, scale)
    if not isinstance(out, torch.Tensor):
        raise MethodError(f"{method.info.name} returned {type(out).__name__} where a tensor is due")
    if not out.is_floating_point():
        raise MethodError(f"{method.info.name} returned {out.dtype} where floating point in [0, 1] is due")
    grown = 1 if method.info.input == "upsampled" else scale
    expected = (*x.shape[:2], times(x.shape[2], grown), times(x.shape[3], grown))
    if tuple(out.shape) != expected:
        raise MethodError(f"{method.info.name} returned shape {tuple(out.shape)} where {expected} is due at x{scale}")
    return out


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image, and what a method has to see for it: in pixels of the method's input."""

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice

    def cut(self, sr: Any, grown: int) -> Any:
        """The part itself (..., h, w) out of what the method made of all that it saw, ``grown`` times as large."""
        top, left = self.rows.start - self.seen_rows.start, self.columns.start - self.seen_columns.start
        bottom, right = top + self.rows.stop - self.rows.start, left + self.columns.stop - self.columns.start
        return sr[..., top * grown : bottom * grown, left * grown : right * grown]


def tiles(height: int, width: int, tile: int, halo: int, multiple: int = 1) -> Iterator[Tile]:
    """Cut an image into tiles, row by row, each seen with a margin of ``halo`` pixels.

    Tiles and margins are rounded up to a multiple of ``multiple``.
    """
    tile, halo = (-(-size // multiple) * multiple for size in (tile, halo))
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            yield Tile(
                slice(top, bottom),
                slice(left, right),
                slice(max(top - halo, 0), min(bottom + halo, height)),
                slice(max(left - halo, 0), min(right + halo, width)),
            )


def scaled(part: slice, factor: int) -> slice:
    """The same part of an image that is larger by a whole factor."""
    return slice(part.start * factor, part.stop * factor)


def tiled(method: Method, x: torch.Tensor, scale: Factor, tile: int, halo: int) -> torch.Tensor:
    """Work tile by tile, each with a margin of ``halo`` pixels, so that the result equals the whole image's."""
    grown = 1 if method.info.input == "upsampled" else int(scale)
    height, width = x.shape[-2:]
    out = x.new_empty((*x.shape[:2], height * grown, width * grown))
    for part in tiles(height, width, tile, halo, method.info.multiple):
        sr = _checked(method, x[..., part.seen_rows, part.seen_columns], scale)
        out[..., scaled(part.rows, grown), scaled(part.columns, grown)] = part.cut(sr, grown)
    return out


@contextmanager
def method_errors(name: str) -> Iterator[None]:
    """Around what a method's own code does: whatever that raises becomes a :class:`MethodError` that names it."""
    try:
        yield
    except SrbenchError:
        raise
    except (Exception, SystemExit) as error:
        message = first_line(error, "no message")
        raise MethodError(f"{name} raised {type(error).__name__} in training: {message}") from error
