"""Write the README's tables and picture from runs made here, so that they are never older than the numbers.

``python tools/readme.py RUN_ON_EMBEDDED RUN_ON_PUBLISHED_SETS``, each a run's folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from srbench.analysis.references import load_references
from srbench.bench.store import load_run
from srbench.report.grid import grids, main_metrics
from srbench.report.plots import plots
from srbench.report.tables import markdown_table

ROOT = Path(__file__).resolve().parent.parent
PICTURE = "docs/images/psnr-embedded-x2.svg"


def tables(folder: str) -> str:
    """A run's PSNR/SSIM tables, each under its data set's name."""
    run = load_run(Path(folder))
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


def main(embedded: str, published: str) -> None:
    """Rewrite README.md and its picture."""
    readme = ROOT / "README.md"
    text = put(readme.read_text("utf-8"), "embedded", tables(embedded))
    readme.write_text(put(text, "published", tables(published)), "utf-8")
    name = Path(PICTURE).name
    (ROOT / PICTURE).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / PICTURE).write_bytes(dict(plots(load_run(Path(embedded))))[name])


if __name__ == "__main__":
    main(*sys.argv[1:])
