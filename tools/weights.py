"""Ship weights: copy those that runs were scored with into ``methods/weights/``, and tell of them in the docs.

``python tools/weights.py [RUN...]``, each the folder of a finished ``srbench run --train never``. What a run says of
its weights goes into their metadata, from which alone ``docs/reference/weights.md`` is written, and the picture of
their curves. Without runs only that is done.

``python tools/weights.py --seal [FILE...]`` gives a checksum to weights, or checkpoints, that an earlier srbench wrote
without one; by default to those in ``methods/weights/``. Tensors, metadata and names stay; what has one is left alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srbench.bench.results import CellResult
from srbench.bench.store import read_run
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe
from srbench.report.plots.figures import GRID, STYLE, render
from srbench.report.plots.figures import PAGE as PAGE_WIDTH
from srbench.system.files import write_atomically
from srbench.training.job import plan_training
from srbench.weights import (
    read_metadata,
    read_tensors,
    save_weights,
    sealed_weights,
    weights_fault,
    weights_sha256,
)

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "methods" / "weights"
CURVES = ROOT / "docs" / "images" / "training-curves.png"
PAGE = ROOT / "docs" / "reference" / "weights.md"
HEAD = """# Weights that come with srbench

All were trained by srbench itself, by the recipe `standard` of each method, on training sets alone; none is anybody
else's. `srbench train --all --recipe standard --force` trains them again, on a CPU or a GPU. A recipe's whole content
is in its weights' metadata, and `srbench run --train never` uses nothing else.

This page is written from that metadata by `tools/weights.py`. PSNR in dB and SSIM are under the protocol that heads the
columns; the papers' values stand beside them in the tables of `srbench report`.
"""
PICTURE = "![Validation PSNR over batches, a panel for each training](../images/training-curves.png)"
COLUMNS = 3
"""Of panels in the picture of the curves."""
KEPT_POINTS = 40
"""Of a training's curve, in the metadata."""


def ship(folder: str, registry: Registry) -> None:
    """Copy the weights of a run's learned methods, its figures among their metadata."""
    figures: dict[Path, list[dict[str, Any]]] = {}
    for cell in read_run(Path(folder)).cells:
        if cell.id.recipe and not cell.id.seed:
            figures.setdefault(_source(cell, registry), []).append(_figures(cell))
    for path, new in figures.items():
        target = WEIGHTS / path.name
        metadata = read_metadata(path)
        curve = metadata["curve"]
        metadata["curve"] = curve[:: -(-len(curve) // KEPT_POINTS) or 1]
        old = read_metadata(target).get("scores", []) if target.is_file() else []
        places = {_place(score) for score in new}
        metadata["scores"] = sorted((*(score for score in old if _place(score) not in places), *new), key=_place)
        save_weights(target, read_tensors(path), metadata)


def seal(path: Path) -> None:
    """Give a file its checksum, if it has none."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = file.metadata() or {}
    if "sha256" not in about:
        before = weights_sha256(path)
        write_atomically(path, sealed_weights(path.read_bytes(), json.loads(about.get("srbench", "{}"))))
        print(f"{path}: sealed")
        if weights_sha256(path) != before:
            raise SystemExit(f"{path}: its tensors are not what they were")
    if fault := weights_fault(path):
        raise SystemExit(f"{path}: {fault}; a checksum says what a file was when it was written, so get it again")


def _source(cell: CellResult, registry: Registry) -> Path:
    """The file that a cell's numbers were made with."""
    card = registry.card(cell.id.method)
    found = plan_training(card, card.recipes[cell.id.recipe], cell.id.scale, 0).find()
    if found is None or weights_sha256(found) != cell.inputs["weights"]:
        raise SystemExit(f"{cell.id}: the weights of this run are not here any more; run it again")
    return found


def _figures(cell: CellResult) -> dict[str, Any]:
    place = {"protocol": cell.id.protocol, "dataset": cell.id.dataset, "scale": cell.id.scale}
    return place | {metric: cell.values[metric] for metric in ("psnr", "ssim") if metric in cell.values}


def _place(score: dict[str, Any]) -> tuple[str, str, int]:
    return score["protocol"], score["dataset"], score["scale"]


def _shipped() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, read_metadata(path)) for path in sorted(WEIGHTS.glob("*.safetensors"))]


def page() -> str:
    """The page, from the metadata of all weights in the project."""
    files = _shipped()
    total = sum(path.stat().st_size for path, _ in files)
    return f"{HEAD}\n{len(files)} files, {total / 1e6:.1f} MB.\n\n" + "\n".join(
        [*_trainings(files), "", *_scores(files), "", PICTURE]
    )


def picture(files: list[tuple[Path, dict[str, Any]]]) -> bytes:
    """A PNG of the validation PSNR over batches, a panel for each training in steps."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    shown = [metadata for _, metadata in files if len(metadata["curve"]) > 1]
    rows = -(-len(shown) // COLUMNS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE_WIDTH, 1.5 * rows), layout="constrained")
        panels = figure.subplots(rows, COLUMNS, squeeze=False).flat
        for metadata, axes in zip(shown, panels, strict=False):
            points = metadata["curve"]
            axes.plot([point["step"] for point in points], [point["validation_psnr"] for point in points])
            axes.set_title(_label(metadata).replace("`", ""), loc="left", parse_math=False)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.grid(color=GRID, linewidth=0.5)
        for axes in panels:
            axes.set_axis_off()
        figure.supxlabel("batches", fontsize=7)
        figure.supylabel("PSNR of the validation images (dB)", fontsize=7)
    return dict(render(figure, 110))["png"]


def _trainings(files: list[tuple[Path, dict[str, Any]]]) -> Iterator[str]:
    yield "| weights | recipe | data | batches | minutes | device | torch | validation |"
    yield "|---|---|---|--:|--:|---|---|--:|"
    for path, metadata in files:
        recipe = Recipe.model_validate(metadata["recipe"])
        begun = recipe.transfer is not None and metadata["scales"] != [recipe.transfer.scale]
        steps = f"{metadata['steps']:,}" + (f" from x{recipe.transfer.scale}" if begun and recipe.transfer else "")
        if not begun and (first := recipe.init_from) is not None:
            steps += f", after {first.steps_at(metadata['scales'][0]):,} by `{first.hash}`"
        yield (
            f"| {_label(metadata)}, {path.stat().st_size / 1e3:.0f} kB | `{metadata['recipe_hash']}` "
            f"| {', '.join(recipe.train)} | {steps} | {metadata['seconds'] / 60:.0f} | {metadata['device']} "
            f"| {metadata['torch']} | {metadata['validation_psnr']:.2f} dB |"
        )


def _scores(files: list[tuple[Path, dict[str, Any]]]) -> Iterator[str]:
    places = {(score["protocol"], score["dataset"]) for _, metadata in files for score in metadata["scores"]}
    order = {"set5": 0, "set14": 1}
    columns = sorted(places, key=lambda place: (place[0], order.get(place[1], 2), place[1]))
    yield f"| weights | scale | {' | '.join(f'{dataset}, `{protocol}`' for protocol, dataset in columns)} |"
    yield f"|---|---|{'---|' * len(columns)}"
    for _, metadata in files:
        scores = {_place(score): f"{score['psnr']:.2f} / {score['ssim']:.4f}" for score in metadata["scores"]}
        for scale in metadata["scales"]:
            cells = (scores.get((*place, scale), "") for place in columns)
            yield f"| {_label(metadata)} | x{scale} | {' | '.join(cells)} |"


def _label(metadata: dict[str, Any]) -> str:
    return f"`{metadata['method']}` {' '.join(f'x{scale}' for scale in metadata['scales'])}"


def main(runs: list[str]) -> None:
    """Ship what the runs were made with, and write the page; or seal."""
    if runs[:1] == ["--seal"]:
        for path in map(Path, runs[1:] or sorted(WEIGHTS.glob("*.safetensors"))):
            seal(path)
        return
    WEIGHTS.mkdir(exist_ok=True)
    registry = Registry()
    for run in runs:
        ship(run, registry)
    PAGE.write_text(page(), "utf-8")
    CURVES.write_bytes(picture(_shipped()))


if __name__ == "__main__":
    main(sys.argv[1:])
