"""The whole way of one image: read, upsampled, written, and set beside the bicubic one."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from srbench.errors import DataError
from srbench.photo.formats import format_named
from srbench.photo.image import Image, Metadata
from srbench.photo.paths import Job
from srbench.photo.read import read_photo
from srbench.photo.side_by_side import Looker, bicubic, busiest, side_by_side
from srbench.photo.upscale import Upscaler
from srbench.system.files import atomic_file

MUCH = 1_000_000
"""Pixels from which on it matters that a method cannot work in tiles."""
IN_MEMORY = 64_000_000
"""Bytes on their way to stdout that are held in memory; more go to a temporary file."""

Progress = Callable[[int, int], None]
"""Told how many tiles of how many are done."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one image, as ``--json`` has it.

    Attributes:
        input: where it came from; ``-`` is stdin.
        output: where it is now; ``-`` is stdout.
        width: in pixels, before; ``height`` alike, and ``out_width`` and ``out_height`` after.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        bits: of a sample.
        tiles: how many parts it was worked on in.
        seconds: from reading to writing.
        compare: the side-by-side image, or none.
        notes: what the user should know.
    """

    input: str
    output: str
    width: int
    height: int
    out_width: int
    out_height: int
    channels: int
    bits: int
    tiles: int
    seconds: float
    compare: str | None
    notes: tuple[str, ...]


def upscale_file(job: Job, upscaler: Upscaler, labels: tuple[str, str], quality: int, progress: Progress) -> Done:
    """Read, upsample and write one image.

    Args:
        job: what goes where.
        upscaler: the method, ready.
        labels: of the bicubic and of the method's image in a side-by-side one.
        quality: of JPEG and WebP.
        progress: called after each tile.

    Raises:
        DataError: it cannot be read or written.
        UsageError: the format cannot hold it.
        MethodError: the method failed.
    """
    began = time.monotonic()
    content = job.source if job.source is not None else sys.stdin.buffer.read()
    image, size, notes = job.format.fitted(read_photo(content, name=job.name))
    scale = upscaler.scale
    layout = dataclasses.replace(size, height=size.height * scale, width=size.width * scale)
    job.format.check(job.name, layout)
    if not upscaler.works_in_tiles and size.height * size.width > MUCH:
        notes += (f"{upscaler.method.info.name} looks at the whole image at once, which may need much memory",)
    tiles = len(upscaler.tiles(size.height, size.width))
    count = iter(range(1, tiles + 1))
    bands = upscaler.bands(image, layout.depth, lambda: progress(next(count), tiles))
    looker = Looker(busiest(image, scale)) if job.compare is not None else None
    try:
        with _stdout() if job.target is None else atomic_file(job.target) as file:
            job.format.write(file, layout, looker.watch(bands) if looker else bands, image.metadata, quality)
        if looker is not None:
            _compare(job, image, scale, looker, labels)
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        where = job.target or "stdout"
        raise DataError(f"{where} cannot be written ({reason}): check the folder and its free space.") from error
    return Done(
        input=str(job.source or "-"),
        output=str(job.target or "-"),
        width=size.width,
        height=size.height,
        out_width=layout.width,
        out_height=layout.height,
        channels=layout.channels,
        bits=layout.depth,
        tiles=tiles,
        seconds=round(time.monotonic() - began, 3),
        compare=str(job.compare) if job.compare else None,
        notes=notes,
    )


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    """A file that goes to stdout once it is whole: nobody who reads there gets half an image."""
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        yield cast(BinaryIO, file)
        file.seek(0)
        assert sys.__stdout__ is not None  # the real one, whatever is redirected
        shutil.copyfileobj(file, sys.__stdout__.buffer)
        sys.__stdout__.buffer.flush()


def _compare(job: Job, image: Image, scale: int, looker: Looker, labels: tuple[str, str]) -> None:
    assert job.compare is not None
    sheet = side_by_side(bicubic(image, scale, looker.window), looker.seen, labels)
    metadata = Metadata(icc=image.metadata.icc, png_colour=image.metadata.png_colour)
    with atomic_file(job.compare) as file:
        format_named("png").write(file, Image(job.name, sheet).layout, [sheet], metadata)
