"""Labels of points that hide neither each other nor points: each at the nearest free place, with a line to it.

A line crosses no label, point or other line where some place allows that.

``srbench/report/html/static/labels.js`` does the same on the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from srbench.report.plots.figures import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = 6.0
"""In points, as all lengths here."""
LETTER, _HIGH = 0.6 * FONT, 1.2 * FONT
"""The width and the height of a letter."""
_REACHES = (6, 11, 17, 24, 32, 42, 54, 70)
_TURNS = (0, 180, 45, 315, 135, 225, 90, 270, 22, 338, 158, 202, 67, 293, 113, 247)
"""In degrees: from the right on, which readers expect."""
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def place_labels(
    points: Sequence[Point], texts: Sequence[str], area: Point, obstacles: Sequence[Box] = ()
) -> list[tuple[Box, bool] | None]:
    """Where labels go, and whether that is far enough from the point for a line; None where no place is free.

    Args:
        points: in an area whose lower left corner is (0, 0).
        texts: of the points; the first get the best places.
        area: its width and height.
        obstacles: what labels must not cover besides the points.
    """
    marks = [(x - 3.5, y - 3.5, x + 3.5, y + 3.5) for x, y in points]
    taken, solid = [*marks, *obstacles], [*marks]
    placed: list[tuple[Box, bool] | None] = []
    for point, text, mark in zip(points, texts, marks, strict=True):
        free = [place for place in _places(point, text, area) if not any(_meet(place[0], other) for other in taken)]
        others = [other for other in solid if other != mark]
        clear = (place for place in free if not any(_meet(a, b) for a in _leader(point, *place) for b in others))
        found = next(clear, free[0] if free else None)
        placed.append(found)
        if found:
            new = [found[0], *_leader(point, *found)]
            taken += new
            solid += new
    return placed


def _leader(point: Point, box: Box, far: bool) -> list[Box]:
    """The line from a point to its label, outside both, as small boxes."""
    if not far:
        return []
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return [one for one in _along([point, centre]) if not _meet(one, box)]


def _places(point: Point, text: str, area: Point) -> Iterator[tuple[Box, bool]]:
    """The places of a label that lie in the area, the nearest first."""
    wide = len(text) * LETTER
    for reach in _REACHES:
        for turn in _TURNS:
            dx, dy = (round(reach * f(math.radians(turn)), 6) for f in (math.cos, math.sin))
            left = point[0] + dx - (wide / 2 if dx == 0 else wide if dx < 0 else 0)
            bottom = point[1] + dy - _HIGH / 2
            if left >= 0 and left + wide <= area[0] and bottom >= 0 and bottom + _HIGH <= area[1]:
                yield (left, bottom, left + wide, bottom + _HIGH), reach > _REACHES[0]


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def label_points(
    axes: Axes, points: Sequence[Point], texts: Sequence[str], lines: Sequence[Sequence[Point]] = ()
) -> list[str]:
    """Write names beside points.

    Args:
        axes: of a figure that is laid out.
        points: in the axes' data.
        texts: of the points.
        lines: in the axes' data; labels do not cover them.

    Returns:
        The texts for which there was no place.
    """
    scale = 72 / axes.figure.dpi  # points a pixel
    left_edge, low_edge = axes.bbox.x0 * scale, axes.bbox.y0 * scale
    area = (axes.bbox.width * scale, axes.bbox.height * scale)

    def seen(some: Sequence[Point]) -> list[Point]:
        pixels: Any = axes.transData.transform(list(some)) if some else []
        return [(float(x) * scale - left_edge, float(y) * scale - low_edge) for x, y in pixels]

    obstacles = [box for line in lines for box in _along(seen(line))]
    at = seen(points)
    placed = place_labels(at, texts, area, obstacles)
    for data, (x, y), text, place in zip(points, at, texts, placed, strict=True):
        if place is None:
            continue
        (left, bottom, right, top), far = place
        leader: dict[str, Any] = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2.5}
        axes.annotate(
            text,
            data,
            ((left + right) / 2 - x, (bottom + top) / 2 - y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=FONT,
            color=INK,
            arrowprops=leader if far else None,
            parse_math=False,
            annotation_clip=False,
        ).set_in_layout(False)
    return [text for text, place in zip(texts, placed, strict=True) if place is None]


def _along(line: Sequence[Point]) -> Iterator[Box]:
    """Small boxes along a line."""
    for (x0, y0), (x1, y1) in pairwise(line):
        steps = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / 3))
        for k in range(steps + 1):
            x, y = x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps
            yield x - 0.7, y - 0.7, x + 0.7, y + 0.7
