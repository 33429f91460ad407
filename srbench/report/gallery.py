"""An index of all runs in a folder: what each is, its best method, its pictures and its page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from urllib.parse import quote

from srbench.analysis.compare import labels_of
from srbench.bench.store import LoadedRun
from srbench.report.tables.grid import grids
from srbench.report.write import writing_report
from srbench.system.files import write_atomically
from srbench.system.places import PAGE

INDEX = "index.html"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid light-dark(#ddd, #333); padding: 1rem 0; }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: break-word; }
p { margin: .2rem 0; }
img { max-width: 100%; height: auto; margin-top: .5rem; }
code { font-size: .85em; overflow-wrap: break-word; }
.dim { color: light-dark(#555, #aaa); }
"""


def write_gallery(runs: Iterable[LoadedRun], out: Path) -> Path:
    """Write the index of runs, the newest first.

    Args:
        runs: of the folder.
        out: the folder that holds them; the index goes there.

    Returns:
        The index.

    Raises:
        DataError: the folder cannot be written to.
    """
    ordered = sorted(runs, key=lambda run: run.record.started, reverse=True)
    title = f"{len(ordered)} runs of srbench"
    text = "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>",
            *(_article(run, out) for run in ordered),
            "</main></body></html>",
        ]
    )
    with writing_report(out):
        write_atomically(out / INDEX, text + "\n")
    return out / INDEX


def _article(run: LoadedRun, out: Path) -> str:
    record = run.record
    sets = ", ".join(f"{dataset.name} ({dataset.images_words})" for dataset in record.datasets)
    scales = ", ".join(f"x{scale}" for scale in record.scales)
    done = f"{len(run.cells)} of {len(record.cells)} cells" + ("" if record.finished else ", not finished")
    report = run.folder.report / PAGE
    name = escape(record.id)
    head = f'<a href="{_link(report, out)}">{name}</a>' if report.is_file() else f"{name} (no report)"
    picture = next(iter(sorted((run.folder.report / "crops").glob("*.png"))), None)
    lines = [
        f"<article><h2>{head}</h2>",
        f'<p class="dim">{escape(record.started[:16].replace("T", " "))} UTC, {escape(done)}</p>',
        f"<p>{len(labels_of(run))} methods on {escape(sets)} at {scales}, protocol {escape(record.protocol)} "
        f"({escape(record.protocol_hash)})</p>",
        *(f"<p>{escape(best)}</p>" for best in _best(run)),
        f"<p><code>{escape(record.command)}</code></p>",
    ]
    if picture is not None:
        lines.append(f'<img src="{_link(picture, out)}" alt="Crops of {name}" loading="lazy">')
    return "\n".join([*lines, "</article>"])


def _best(run: LoadedRun) -> list[str]:
    """The best method of each data set at the first scale, in words."""
    found = []
    for grid in grids(run):
        scale, metric = grid.scales[0], grid.metrics[0]
        for row in grid.rows:
            entry = row.entries.get(scale)
            if entry is not None and entry.ranks.get(metric.name) == 1:
                value = entry.texts[metric.name]
                found.append(f"best {metric.name.upper()} on {grid.dataset.name} x{scale}: {row.name}, {value}")
                break
    return found


def _link(path: Path, out: Path) -> str:
    return "/".join(quote(part) for part in Path(os.path.relpath(path, out)).parts)
