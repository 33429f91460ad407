"""Write the README's tables and pictures from runs made here, so that they are never older than the numbers.

``python tools/readme.py RUN_ON_EMBEDDED RUN_ON_PUBLISHED_SETS...``, each a run's folder, the first with its report;
several runs on the published sets are one table. The crop sheet and the picture of the page show photographs of the
first alone: they are free. Needs playwright and a Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image

from srbench.analysis.compare import labels_of
from srbench.analysis.references import load_references
from srbench.bench.store import load_run
from srbench.plugins.registry import Registry
from srbench.report.merge import merge
from srbench.report.plots.crops import choose, draw
from srbench.report.plots.figures import render
from srbench.report.select import only
from srbench.report.tables.grid import grids, main_metrics
from srbench.report.text.markup import markdown_table

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"


def tables(*folders: str) -> str:
    """PSNR/SSIM tables of runs, each under its data set's name; methods by family, as a run with `*` has them."""
    run = merge([load_run(Path(folder)) for folder in folders], Path(folders[0]))
    labels = set(labels_of(run))
    run = only(run, [choice.label for choice in Registry().select(["*"]) if choice.label in labels])
    run = replace(run, origins={})  # without notes of which run a row is from: the README's command makes them in one
    return "\n".join(
        f"**{grid.dataset.name}** ({grid.dataset.images} images), {grid.heading}:\n\n{markdown_table(grid)}"
        for grid in grids(run, load_references(), main_metrics(run))
    )


def put(text: str, mark: str, content: str) -> str:
    """Replace what stands between the comments ``mark`` and ``/mark``."""
    pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
    if not re.search(pattern, text, re.DOTALL):
        raise SystemExit(f"README.md has no place marked {mark}")
    return re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL)


def crop_sheet(folder: str) -> None:
    """The sheet of a run's first data set at the scale where most is lost."""
    run = load_run(Path(folder))
    sheet = choose(run, run.record.datasets[0], max(run.record.scales))
    if sheet is None:
        raise SystemExit(f"{folder} has kept no pictures; run it with --keep-images")
    (IMAGES / "crops-embedded.png").write_bytes(render(draw(run, sheet), "png", dpi=160))


def page(folder: str) -> None:
    """A window's view of a run's page."""
    with tempfile.TemporaryDirectory() as place:
        shot = Path(place) / "page.png"
        report = Path(folder) / "report" / "report.html"
        command = [sys.executable, ROOT / "tools" / "screenshot.py", report, shot, "--size", "1280x1000"]
        subprocess.run(command, check=True)
        Image.open(shot).convert("RGB").save(IMAGES / "page.webp", quality=88, method=6)


def main(embedded: str, *published: str) -> None:
    """Rewrite README.md and its pictures."""
    readme = ROOT / "README.md"
    text = put(readme.read_text("utf-8"), "embedded", tables(embedded))
    readme.write_text(put(text, "published", tables(*published)), "utf-8")
    IMAGES.mkdir(parents=True, exist_ok=True)
    crop_sheet(embedded)
    page(embedded)


if __name__ == "__main__":
    main(*sys.argv[1:])
