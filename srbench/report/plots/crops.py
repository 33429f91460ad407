"""Crop sheets as in SR papers, of the window with edges or texture where the methods differ most."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srbench.analysis.compare import labels_of
from srbench.bench.results import CellResult, DatasetRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import one_line, safe_file_name
from srbench.report.kept_images import KeptImages, Uint8Image, original
from srbench.report.plots.figures import STYLE, render
from srbench.report.tables.grid import DASH, main_metrics, printed
from srbench.system.names import short_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PANELS = 9
"""Methods on a sheet; HR is one more."""
SEARCHED = 2**23
"""Most pixels in which windows are searched: of a larger image, the middle."""
_DRAWN = 1200
"""The longer side of a whole image on a sheet, in pixels; a larger one is reduced."""
_BOX = "#D55E00"
_CROP, _CAPTION, _GAP = 0.98, 0.24, 0.05
"""In inches: width of a crop, height of its caption, gap between panels."""
_BLUR, _SLOPE = 2.0, 4.0
"""Of structure: the sigma in pixels that removes noise, and the slope in grey levels a pixel that counts half."""
_FLAT = 0.3
"""What disagreement counts where there is nothing at all."""
_COLOUR = 12.0
"""The mean range over the channels, in grey levels, from which on an image looks coloured."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CropBox:
    """A window of an image, in HR pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Uint8Image) -> Uint8Image:
        """The part of an image inside the box."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]

    def within(self, part: CropBox) -> CropBox:
        """A window of a part of an image as one of the whole image."""
        return CropBox(part.top + self.top, part.left + self.left, self.height, self.width)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The content of a sheet."""

    dataset: DatasetRecord
    scale: float
    image: str
    hr: Uint8Image
    window: CropBox
    crops: dict[str, Uint8Image]
    """The window of SR images, by the key of the cell."""


def crop_sheets(run: LoadedRun) -> Iterator[tuple[str, bytes]]:
    """The (file name, content) of a sheet, PNG and SVG, for each data set, at the largest scale with kept images."""
    kept = KeptImages(run)
    for dataset in run.record.datasets if main_metrics(run) else ():
        scales = sorted(run.record.scales)[::-1]
        sheet = next(filter(None, (choose(run, kept, dataset, scale) for scale in scales)), None)
        if sheet is None:
            _log.info("No crops of %s: fewer than two methods have kept images of it.", dataset.name)
            continue
        figure = draw(run, sheet)
        for kind, content in render(figure):
            yield f"{safe_file_name(f'crops-{dataset.name}-x{sheet.scale}')}.{kind}", content


def choose(run: LoadedRun, kept: KeptImages, dataset: DatasetRecord, scale: float) -> Sheet | None:
    """The image and the window in which the methods disagree most, or None where no images were kept.

    An image in colour comes before grey ones, and what counts is disagreement on edges and texture.
    """
    cells = panels([cell for cell in run.cells if (cell.id.dataset, cell.id.scale) == (dataset.name, scale)], run)
    best: tuple[tuple[bool, float], Sheet] | None = None
    for image in kept.names(dataset, scale, cells):
        hr = kept.hr(dataset, scale, image)
        if hr is None:
            continue
        part = searched(hr)
        srs = {cell.key: part.cut(sr).copy() for cell, sr in kept.srs(image, cells, hr)}
        if len(srs) < 2:
            continue
        seen = part.cut(hr)
        window, disagreement = widest_disagreement([gray(sr) for sr in srs.values()], structure(seen))
        rank = is_colourful(seen), disagreement
        if best is None or rank > best[0]:
            crops = {key: window.cut(sr).copy() for key, sr in srs.items()}
            best = rank, Sheet(dataset, scale, image, hr, window.within(part), crops)
    return None if best is None else best[1]


def searched(image: Uint8Image) -> CropBox:
    """The part of an image in which windows are searched: all of it, or the middle of a large one."""
    height, width = image.shape[:2]
    share = min(1.0, math.sqrt(SEARCHED / (height * width)))
    high, wide = math.ceil(height * share), math.ceil(width * share)
    return CropBox((height - high) // 2, (width - wide) // 2, high, wide)


def panels(cells: Sequence[CellResult], run: LoadedRun) -> list[CellResult]:
    """At most MAX_PANELS cells, one per method, the worst first, always with the best and bicubic."""
    datasets = {dataset.name: dataset for dataset in run.record.datasets}
    metric = main_metrics(run, datasets[cells[0].id.dataset] if cells else None)[0]
    sign = 1 if metric.higher_is_better else -1
    first: dict[str, CellResult] = {}
    for cell in cells:  # one seed for each label
        first.setdefault(cell.id.method_label, cell)
    ranked = sorted(first.values(), key=lambda cell: sign * cell.values.get(metric.name, -math.inf))
    if len(ranked) <= MAX_PANELS:
        return ranked
    plain = [cell for cell in ranked if cell.id.method_label == "bicubic"]
    best = [cell for cell in ranked if cell not in plain][-(MAX_PANELS - len(plain)) :]
    return [cell for cell in ranked if cell in plain or cell in best]


def structure(hr: Uint8Image) -> NDArray[np.float32]:
    """(H, W) in 0..1: how much of an edge or of texture a pixel is on. Noise is no structure: it is blurred away."""
    import cv2

    smooth = cv2.GaussianBlur(gray(hr), (0, 0), _BLUR)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8)
    around = cv2.GaussianBlur(slope, (0, 0), 2 * _BLUR)
    return np.asarray(_FLAT + (1 - _FLAT) * around / (around + _SLOPE), dtype=np.float32)


def is_colourful(image: Uint8Image) -> bool:
    """Whether an image is one in colour and looks it."""
    return bool(image.ndim == 3 and np.ptp(image.astype(np.int16), axis=2).mean() > _COLOUR)


def widest_disagreement(
    images: Sequence[NDArray[np.float32]], weight: NDArray[np.float32] | None = None
) -> tuple[CropBox, float]:
    """The window with the largest mean of the per-pixel range over the methods, and that mean."""
    height, width = images[0].shape
    side = int(np.clip(min(height, width) // 5, 24, 96))
    return next(disagreements(images, min(side, height), min(side * 4 // 3, width), weight))


def disagreements(
    images: Sequence[NDArray[np.float32]], high: int, wide: int, weight: NDArray[np.float32] | None = None
) -> Iterator[tuple[CropBox, float]]:
    """Windows that do not overlap and the mean of the per-pixel range over the images in each, the largest first.

    Args:
        images: (H, W), at least one.
        high: height of the windows, at most H.
        wide: width of the windows, at most W.
        weight: (H, W), of each pixel; 1 if None.
    """
    import cv2

    stack = np.stack(images)
    spread = np.ascontiguousarray((stack.max(axis=0) - stack.min(axis=0)) * (1 if weight is None else weight))
    sums = cv2.integral(spread, sdepth=cv2.CV_64F)
    means = (sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]) / (high * wide)
    while True:
        top, left = (int(index) for index in np.unravel_index(int(means.argmax()), means.shape))
        if means[top, left] < 0:  # all that is left overlaps
            return
        yield CropBox(top, left, high, wide), float(means[top, left])
        means[max(0, top - high + 1) : top + high, max(0, left - wide + 1) : left + wide] = -1


def gray(image: Uint8Image) -> NDArray[np.float32]:
    """An image's mean over its channels."""
    if image.ndim == 2:
        return image.astype(np.float32)
    weights = np.full(image.shape[2], 1 / image.shape[2], np.float32)
    return np.asarray(np.matmul(image, weights, dtype=np.float32))


def draw(run: LoadedRun, sheet: Sheet) -> Figure:
    """Draw HR with the window marked at the left, and the crops at the right, each with its method and values."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    count = len(sheet.crops) + 1
    lines = 1 if count <= 3 else 2
    columns = math.ceil(count / lines)
    crop_high = _CROP * sheet.window.height / sheet.window.width
    high = lines * (crop_high + _CAPTION) + (lines - 1) * _GAP
    shape = sheet.hr.shape
    whole_wide = min((high - _CAPTION) * shape[1] / shape[0], 2.9)
    size = (whole_wide + columns * (_CROP + _GAP) + 2 * _GAP, high + 2 * _GAP)

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size)

        def axes_at(left: float, top: float, wide: float, tall: float) -> Any:
            """Axes by inches from the upper left corner."""
            return figure.add_axes((left / size[0], 1 - (top + tall) / size[1], wide / size[0], tall / size[1]))

        def panel(index: int) -> Any:
            left = _GAP + whole_wide + _GAP + index % columns * (_CROP + _GAP)
            return axes_at(left, _GAP + index // columns * (crop_high + _CAPTION + _GAP), _CROP, crop_high)

        _draw_whole(axes_at(_GAP, _GAP, whole_wide, whole_wide * shape[0] / shape[1]), sheet, _protocol(run))
        _draw_crop(
            panel(0),
            sheet.window.cut(sheet.hr),
            [original(sheet.dataset), _heading(run, sheet.dataset)],
            [False, False],
        )
        for index, (cell, caption, bold) in enumerate(_captions(run, sheet), 1):
            _draw_crop(panel(index), sheet.crops[cell.key], caption, bold)
    return figure


def _draw_whole(axes: Any, sheet: Sheet, protocol: str) -> None:
    from matplotlib.patches import Rectangle

    window = sheet.window
    _show(axes, _reduced(sheet.hr), sheet.hr.shape)
    corner = (window.left - 0.5, window.top - 0.5)
    axes.add_patch(Rectangle(corner, window.width, window.height, fill=False, edgecolor="white", linewidth=2))
    axes.add_patch(Rectangle(corner, window.width, window.height, fill=False, edgecolor=_BOX, linewidth=1.1))
    _caption(axes, [f"{sheet.image} ({sheet.dataset.name}), x{sheet.scale}", protocol], [False, False], longest=60)


def _draw_crop(axes: Any, image: Uint8Image, caption: Sequence[str], bold: Sequence[bool]) -> None:
    _show(axes, image, image.shape)
    _caption(axes, caption, bold)


def _reduced(image: Uint8Image) -> Uint8Image:
    """An image with at most _DRAWN pixels a side."""
    import cv2

    factor = max(image.shape[:2]) / _DRAWN
    if factor <= 1:
        return image
    height, width = (max(round(side / factor), 1) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _show(axes: Any, image: Uint8Image, shape: tuple[int, ...]) -> None:
    """Draw an image over as many units as it has pixels, or as the one of which it is a reduction has."""
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent)
    axes.set_anchor("N")
    axes.set_axis_off()


def _caption(axes: Any, lines: Sequence[str], bold: Sequence[bool], longest: int = 24) -> None:
    for index, (line, is_bold) in enumerate(zip(lines, bold, strict=True)):
        axes.annotate(
            line if len(line) <= longest else f"{line[: longest - 1]}…",
            (0.5, 0),
            xytext=(0, -2 - 7 * index),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=6,
            fontweight="bold" if is_bold else "normal",
            parse_math=False,
        )


def _protocol(run: LoadedRun) -> str:
    return one_line(f"protocol {run.record.protocol} ({run.record.protocol_hash})")


def _heading(run: LoadedRun, dataset: DatasetRecord) -> str:
    return " / ".join(metric.name.upper() for metric in main_metrics(run, dataset) if not metric.of_set)


def _captions(run: LoadedRun, sheet: Sheet) -> list[tuple[CellResult, list[str], list[bool]]]:
    """For each panel the cell, its name and values; those of the best by the first metric are bold."""
    metrics = [metric for metric in main_metrics(run, sheet.dataset) if not metric.of_set]
    place = (sheet.dataset.name, sheet.scale)  # the same images under another name have the same key
    cells = [c for c in run.cells if c.key in sheet.crops and (c.id.dataset, c.id.scale) == place]
    cells.sort(key=lambda cell: list(sheet.crops).index(cell.key))
    values = {cell.key: next(i.values for i in cell.images if i.name == sheet.image) for cell in cells}
    gains = {
        key: value[metric.name] * (1 if metric.higher_is_better else -1)
        for metric in metrics[:1]
        for key, value in values.items()
        if metric.name in value
    }
    names = short_labels(labels_of(run))
    captions = []
    for cell in cells:
        own = values[cell.key]
        text = " / ".join(printed(own[m.name], m.digits) if m.name in own else DASH for m in metrics)
        is_best = cell.key in gains and gains[cell.key] == max(gains.values())
        captions.append((cell, [one_line(names[cell.id.method_label]), text], [False, is_best]))
    return captions
