"""Shared by all figures: sizes and fonts for a paper's column, short names, and reproducible files.

Drawn by matplotlib's Agg and SVG backends without pyplot, so no global state is changed.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from srbench.bench.results import DatasetRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.3, 6.9
"""In inches: the width of one column of a two-column paper, and of both."""
DPI = 300
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "svg.hashsalt": "srbench",  # the same file for the same numbers
    "svg.fonttype": "path",
}
Where = Literal["outside lower left", "outside lower center"]
INK, GRID, FAINT = "#222222", "#dddddd", "#8c8c8c"


def short(text: str, longest: int = 24) -> str:
    """A name cut to a length."""
    text = one_line(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def place(dataset: DatasetRecord, scale: float) -> str:
    """``set5 x2 (5 images)``."""
    return f"{short(dataset.name)} x{scale} ({dataset.images_words})"


def title(figure: Figure, run: LoadedRun, what: str) -> None:
    """Set the title: what is shown, and the protocol."""
    words = f"{what}, protocol {short(run.record.protocol, 16)} ({run.record.protocol_hash})"
    figure.suptitle(words, x=0.01, ha="left", fontsize=7, parse_math=False)


def legend(figure: Figure, handles: Sequence[Any], names: Sequence[str], where: Where, columns: int) -> None:
    """A legend outside the axes for any names: matplotlib would omit ``_a`` and set ``$a$`` as a formula."""
    options: dict[str, Any] = {"frameon": False, "handletextpad": 0.3, "columnspacing": 1.0, "borderpad": 0.0}
    made = figure.legend(handles, ["name"] * len(names), loc=where, ncols=columns, **options)
    for text, name in zip(made.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def render(figure: Figure, dpi: int = DPI) -> Iterator[tuple[str, bytes]]:
    """Each kind of file, and its bytes, the same for the same content.

    The figure is laid out once, and drawn once for each kind. ``savefig`` does both more often, for options that are
    not used here.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.set_dpi(dpi)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name of a user's; a box stands for it
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        png = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).save(png, "PNG", dpi=(dpi, dpi))
        yield "png", png.getvalue()
        figure.set_layout_engine("none")
        svg = io.BytesIO()
        vectors: Any = FigureCanvasSVG(figure)
        vectors.print_svg(svg, metadata={"Date": None})
        yield "svg", svg.getvalue()
