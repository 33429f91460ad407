"""Scores a folder of images, with HR or, by no-reference metrics, without."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srbench.bench.image_scores import FolderScores, ImageScores
from srbench.bench.samples import case_of
from srbench.data.dataset import Dataset
from srbench.data.images import Sample, read_samples
from srbench.data.own.folders import image_files
from srbench.data.sr_images import Matched, match, read_sr
from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.bands import Plane
from srbench.imaging.files import read_image, to_uint8
from srbench.metrics.blocks import Extent, blocks, notes_on_blocks
from srbench.metrics.scoring import Scoring
from srbench.protocols.protocol import Protocol

_AT_ONCE = 2**20
"""Pixels that are read before they are scored."""
_SCALE = re.compile(r"(?:^|[-_. ])x(\d{1,2})(?=$|[-_. ])", re.IGNORECASE)


def score_folder(
    scoring: Scoring,
    sr: Path,
    hr: Dataset | Path | None,
    scale: int | None,
    device: str = "cpu",
    step: Callable[[int], None] = lambda total: None,
) -> FolderScores:
    """Score every image of a folder; one that cannot be scored does not hold up the others.

    Args:
        scoring: the metrics and the protocol.
        sr: the folder, or one image.
        hr: what its images are compared with, or the one image of one; None where no metric needs it.
        scale: by which HR is larger than LR was; None to take it from the names: ``baby_x4.png``, ``sr_x4/``.
        device: where networks of metrics run.
        step: called after each image with the number of all.

    Raises:
        DataError: there is no image, or SR and HR cannot be matched.
        UsageError: the scale is needed and is not told; the protocol scores supplied LR and there is none.
    """
    if hr is None:
        files = [sr] if sr.is_file() else image_files(sr)
        return _score(FolderScores(scoring, None), _alone(files), len(files), device, step)
    if sr.is_file() != isinstance(hr, Path):
        raise UsageError("One of SR and HR is one image and the other is many: give two images, or two folders.")
    matched = Matched((sr,)) if isinstance(hr, Path) else match(sr, hr, scale)
    scale = scale or told_scale(sr.parent if sr.is_file() else sr, matched.files)
    if scale is None:
        raise UsageError(
            f"{sr} does not say its scale: give --scale, by which protocol '{scoring.protocol.name}' crops HR and "
            "shaves the border."
        )
    samples = iter([Sample(sr.stem, read_image(hr))]) if isinstance(hr, Path) else read_samples(hr)
    pairs = _with_hr(scoring.protocol, matched.files, samples, scale)
    return _score(
        FolderScores(scoring, scale, notes=[matched.note] if matched.note else []),
        pairs,
        len(matched.files),
        device,
        step,
    )


def told_scale(folder: Path, files: Sequence[Path]) -> int | None:
    """The scale that all files' names or their folder's name tell, as ``_x4``; None where they tell none."""
    for names in ([path.stem for path in files], [folder.name]):
        scales = {int(told[-1]) if (told := _SCALE.findall(name)) else 0 for name in names}
        if len(scales) == 1 and (scale := scales.pop()):
            return scale
    return None


@dataclass(frozen=True, slots=True)
class _Image:
    """An image that is ready to be scored: what :meth:`Scoring.score` takes, and its sizes."""

    extent: Extent
    scored: tuple[Plane, Plane] | None
    images: tuple[NDArray[np.uint8], NDArray[np.uint8] | None]


@dataclass(frozen=True, slots=True)
class _Unread:
    """An image that cannot be scored."""

    name: str
    error: DataError


def _alone(files: Sequence[Path]) -> Iterator[_Image | _Unread]:
    """Images as they are."""
    for path in files:
        try:
            image = to_uint8(read_image(path))
        except DataError as error:
            yield _Unread(path.stem, error)
            continue
        yield _Image(Extent(path.stem, image.shape[:2], image.shape[:2]), None, (image, None))


def _with_hr(
    protocol: Protocol, files: Sequence[Path], samples: Iterator[Sample], scale: int
) -> Iterator[_Image | _Unread]:
    """Images beside HR, as ``srbench run`` scores ``images:DIR``."""
    for path, sample in zip(files, samples, strict=True):
        try:
            case = case_of(sample, scale, protocol)
            sr = read_sr(path, sample.name, case.hr, case.uncropped).astype(np.float64)
        except DataError as error:
            yield _Unread(sample.name, error)
            continue
        yield _Image(Extent(sample.name, case.hr.shape[:2], case.uncropped), case.pair(sr), (case.image(sr), case.hr))


def _some(images: Iterator[_Image | _Unread]) -> Iterator[list[_Image | _Unread]]:
    """Lists of images of about a megapixel: handing over each small one would take as long as scoring it."""
    ready: list[_Image | _Unread] = []
    pixels = 0
    for image in images:
        ready.append(image)
        pixels += 0 if isinstance(image, _Unread) else math.prod(image.extent.scored)
        if pixels >= _AT_ONCE:
            yield ready
            ready, pixels = [], 0
    if ready:
        yield ready


def _score(
    found: FolderScores,
    images: Iterator[_Image | _Unread],
    total: int,
    device: str,
    step: Callable[[int], None],
) -> FolderScores:
    """Score images, while the next ones are read."""
    extents = []
    some = _some(images)
    with ThreadPoolExecutor(1) as reader:
        upcoming = reader.submit(next, some, None)
        while (ready := upcoming.result()) is not None:
            upcoming = reader.submit(next, some, None)
            for image in ready:
                step(total)
                if isinstance(image, _Unread):
                    found.failed.append((image.name, image.error))
                    continue
                name, size = image.extent.name, image.extent.scored
                try:
                    scored = found.scoring.score_whole(name, image.scored, image.images, device)
                except (DataError, MethodError) as error:
                    found.failed.append((name, error))
                    continue
                found.images.append(ImageScores(name, size[1], size[0], scored, blocks(found.scoring.metrics, size)))
                extents.append(image.extent)
    found.notes.extend(notes_on_blocks(found.scoring.metrics, extents))
    if found.images:
        whole = found.scoring.aggregate([image.scored for image in found.images])
        found.notes.extend(f"there is no {metric}: {reason}" for metric, reason in whole.reasons.items())
        return replace(found, whole=whole)
    return found
