"""The curves of the trainings behind a run's figures, from the tables that lie beside the weights."""

from __future__ import annotations

import contextlib
import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.bench.store import LoadedRun
from srbench.errors import SrbenchError
from srbench.plugins.registry import Registry
from srbench.report.plots.figures import COLUMN, GRID, STYLE, legend, short
from srbench.report.plots.palette import Look
from srbench.system.names import method_of
from srbench.weights import trained_folder, weights_sha256

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True, slots=True)
class Curve:
    """One training.

    Attributes:
        name: what sets it apart from its method's others: ``x2``, ``x3 seed 1``.
        steps: batches done at each validation.
        validation: PSNR of the validation images.
        train: PSNR of the training patches.
    """

    name: str
    steps: tuple[float, ...]
    validation: tuple[float, ...]
    train: tuple[float, ...]


def curves(run: LoadedRun) -> dict[str, list[Curve]]:
    """The curves of each label whose weights lie here with one."""
    wanted: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for cell in run.cells:
        if isinstance(weights := cell.inputs.get("weights"), str):
            places = wanted.setdefault(cell.id.method_label, {}).setdefault(weights, [])
            if (cell.id.scale, cell.id.seed) not in places:
                places.append((cell.id.scale, cell.id.seed))
    found: dict[str, list[Curve]] = {}
    for label, by_weights in wanted.items():
        for weights, path in _tables(method_of(label)):
            if weights in by_weights and (curve := _read(path, by_weights[weights])):
                found.setdefault(label, []).append(curve)
    return {label: sorted(some, key=lambda curve: curve.name) for label, some in found.items()}


def _tables(method: str) -> Iterator[tuple[str, Path]]:
    """The hash of the weights and the table of each training of a method that lies here."""
    folders = [trained_folder()]
    with contextlib.suppress(SrbenchError):  # a plugin's, which is not loaded here
        folders.append(Registry().card(method).folder / "weights")
    for folder in folders:
        for path in sorted(folder.glob("*_x*.csv")):
            weights = path.with_suffix(".safetensors")
            if path.name.startswith(f"{method}_x") and weights.is_file():
                yield weights_sha256(weights), path


def _read(path: Path, places: Sequence[tuple[int, int]]) -> Curve | None:
    """A curve of at least two points; None of a table that cannot be read: a report does without it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        columns = [tuple(row[name] for row in rows) for name in ("step", "validation_psnr", "train_psnr")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    scales = " ".join(f"x{scale}" for scale in sorted({scale for scale, _ in places}))
    seed = f" seed {places[0][1]}" if places[0][1] else ""
    return Curve(scales + seed, *columns) if len(rows) > 1 else None


def draw_curves(label: str, some: Sequence[Curve], look: Look) -> Figure:
    """PSNR of validation images, and thin that of the training patches, over batches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.3), layout="constrained")
        axes = figure.subplots()
        handles: list[Any] = []
        for index, curve in enumerate(some):
            style: dict[str, Any] = {"color": look.colour, "linestyle": _LINES[index % len(_LINES)]}
            axes.plot(curve.steps, curve.train, linewidth=0.6, alpha=0.55, **style)
            handles += axes.plot(curve.steps, curve.validation, linewidth=1.4, **style)
            best = max(range(len(curve.steps)), key=lambda place: curve.validation[place])
            if math.isfinite(curve.validation[best]):
                at = (curve.steps[best], curve.validation[best])
                axes.plot(*at, marker=look.marker, color=look.colour, markersize=4.5, markeredgecolor="white")
                offset: dict[str, Any] = {
                    "xytext": (-3, 4),
                    "textcoords": "offset points",
                    "ha": "right",
                    "va": "bottom",
                }
                axes.annotate(f"{at[1]:.2f}", at, fontsize=6.5, **offset)
        _frame(axes)
        figure.suptitle(f"training of {short(label, 40)}", x=0.01, ha="left", fontsize=7, parse_math=False)
        legend(figure, handles, [curve.name for curve in some], "outside lower center", min(len(some), 4))
    return figure


def _frame(axes: Any) -> None:
    from matplotlib.ticker import EngFormatter

    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(y=0.15)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel("batches; thick: validation images, thin: training patches")
    axes.set_ylabel("PSNR (dB)")


def draw_all(run: LoadedRun, look_of: Mapping[str, Look]) -> Iterator[tuple[str, Figure]]:
    """The (label, figure) of each method with curves."""
    for label, some in curves(run).items():
        yield label, draw_curves(label, some, look_of[label])
