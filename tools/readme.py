"""Write the tables, images and badge of README.md and docs/reference/published-tables.md from stored runs.

``python tools/readme.py RUN_ON_EMBEDDED RUN_ON_PUBLISHED_SETS...``, each a run's folder, the first with its report;
several runs on the published sets are merged into one table a data set. The crop sheet and the screenshot of the page
show the embedded photographs alone: they are free. Needs playwright and a Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from srbench.analysis.compare import labels_of
from srbench.analysis.references import load_references
from srbench.bench.store import read_run
from srbench.plugins.registry import Registry
from srbench.proof.badge import drawn_badge
from srbench.report.kept_images import KeptImages
from srbench.report.merge import merge
from srbench.report.plots.crops import choose, draw
from srbench.report.plots.figures import render
from srbench.report.select import only
from srbench.report.tables.grid import grids, main_metrics
from srbench.report.text.markup import markdown_table

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
TABLES = ROOT / "docs" / "reference" / "published-tables.md"
FEW = ("bicubic", "dcci", "srcnn-y", "srcnn-y-955", "fsrcnn")
"""The methods of the README's table, in its order."""


def tables(folders: Sequence[str], methods: Sequence[str] = ("*",)) -> str:
    """PSNR/SSIM tables of runs, each under its data set's name; `*` sorts methods by family, as in a run."""
    run = merge([read_run(Path(folder)) for folder in folders], Path(folders[0]))
    labels = set(labels_of(run))
    run = only(run, [choice.label for choice in Registry().select(methods) if choice.label in labels])
    run = replace(run, origins={})  # without notes of which run a row is from: the README's command makes them in one
    return "\n".join(
        f"**{grid.dataset.name}** ({grid.dataset.images} images), {grid.heading}:\n\n{markdown_table(grid)}"
        for grid in grids(run, load_references(), main_metrics(run))
    )


def put(path: Path, mark: str, content: str) -> None:
    """Replace what stands in a file between the comments ``mark`` and ``/mark``."""
    text = path.read_text("utf-8")
    pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
    if not re.search(pattern, text, re.DOTALL):
        raise SystemExit(f"{path.relative_to(ROOT)} has no place marked {mark}")
    path.write_text(re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL), "utf-8")


def badge() -> str:
    """How many values that papers print the checks hold bicubic to; each is reproduced to its last digit."""
    count = sum(row.use == "gate" and bool(row.shown_for) for row in load_references(["published"]))
    return drawn_badge("published values reproduced", str(count))


def crop_sheet(folder: str) -> None:
    """The sheet of a run's first data set at the scale where most is lost, of the methods of the README's table."""
    run = read_run(Path(folder))
    run = only(run, [choice.label for choice in Registry().select(FEW)])
    sheet = choose(run, KeptImages(run), run.record.datasets[0], max(run.record.scales))
    if sheet is None:
        raise SystemExit(f"{folder} has kept no images; run it with --keep-images")
    (IMAGES / "crops-embedded.png").write_bytes(dict(render(draw(run, sheet), 160))["png"])


def page(folder: str) -> None:
    """A window's view of a run's page."""
    with tempfile.TemporaryDirectory() as place:
        shot = Path(place) / "page.png"
        report = Path(folder) / "report" / "report.html"
        command = [sys.executable, ROOT / "tools" / "screenshot.py", report, shot, "--size", "1280x1000"]
        subprocess.run(command, check=True)
        Image.open(shot).convert("RGB").save(IMAGES / "page.webp", quality=88, method=6)


def main(embedded: str, *published: str) -> None:
    """Rewrite the tables and images."""
    put(ROOT / "README.md", "embedded", tables([embedded], FEW))
    put(TABLES, "embedded", tables([embedded]))
    put(TABLES, "published", tables(published))
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / "badge.svg").write_text(badge(), "utf-8")
    crop_sheet(embedded)
    page(embedded)


if __name__ == "__main__":
    main(*sys.argv[1:])
