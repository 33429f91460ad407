"""The curve of a training: a CSV table and a plot beside the weights."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srbench.system.files import write_atomically
from srbench.training.progress import Point

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "svg.hashsalt": "srbench",  # the same file for the same numbers
    "svg.fonttype": "path",
}
LOSS, TRAIN, VALIDATION = "#999999", "#0072B2", "#D55E00"


def write_csv(path: Path, points: Sequence[Point]) -> None:
    """A row a validation, its columns the fields of :class:`srbench.training.progress.Point`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(Point))
    writer.writerows(
        ["" if value is None else f"{value:.8g}" for value in dataclasses.astuple(point)] for point in points
    )
    write_atomically(path, text.getvalue())


def write_plots(stem: Path, title: str, points: Sequence[Point]) -> None:
    """``stem.png`` and ``stem.svg``: PSNR of training patches and validation images, and the training loss.

    A dashed line is the PSNR of the upsampled images.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        _draw(axes, points)
        axes.set_title(title, loc="left", parse_math=False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        for kind, nothing in (("png", {"Software": None}), ("svg", {"Date": None})):
            with io.BytesIO() as buffer:
                figure.savefig(buffer, format=kind, dpi=150, metadata=nothing)
                write_atomically(stem.with_name(f"{stem.name}.{kind}"), buffer.getvalue())


def _draw(axes: Any, points: Sequence[Point]) -> None:
    steps = [point.step for point in points]
    mark = "o" if len(points) < 25 else ""
    options: dict[str, Any] = {"marker": mark, "markersize": 3}
    axes.plot(steps, [point.validation_psnr for point in points], color=VALIDATION, label="validation PSNR", **options)
    axes.plot(steps, [point.train_psnr for point in points], color=TRAIN, label="PSNR of training patches", **options)
    if (upsampled := points[-1].upsampled_psnr) is not None:
        axes.axhline(upsampled, color=VALIDATION, linestyle="--", linewidth=1, label="upsampled images")
    best = max((point for point in points if point.picks), key=lambda point: point.validation_psnr)
    axes.annotate(
        f"{best.validation_psnr:.2f}",
        (best.step, best.validation_psnr),
        (0, 6),
        textcoords="offset points",
        ha="center",
    )
    axes.margins(y=0.15)
    axes.set_xlabel("batches")
    axes.set_ylabel("PSNR (dB)")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    right = axes.twinx()
    right.plot(steps, [point.train_loss for point in points], color=LOSS, linestyle=":", label="training loss")
    right.set_ylabel("training loss", color="#666666")
    if all(point.train_loss > 0 for point in points):
        right.set_yscale("log")
