"""A run's report folder: tables, comparisons, values at full precision, plots and crop sheets.

``report.json`` has hashes of the inputs and of each file: an up-to-date report is not written again, unless a file was
altered or removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.analysis.published import published
from srbench.analysis.references import Reference
from srbench.analysis.sample import cell_intervals
from srbench.bench.store import LoadedRun
from srbench.system.files import write_atomically, writing
from srbench.system.hashes import digest, parse_json
from srbench.system.names import unknown
from srbench.system.places import PAGE
from srbench.version import __version__

if TYPE_CHECKING:
    from srbench.analysis.compare import Comparison

REPORT_FORMATS = ("md", "csv", "latex", "json", "html")
STAMP = "report.json"
_WITH_PLOTS = "md with plots"
"""In the stamp: the Markdown page that shows the plots."""
_REPORT_VERSION = 10  # raise it when a report of the same run would look different


def write_report(
    run: LoadedRun,
    out: Path | None = None,
    formats: Collection[str] = REPORT_FORMATS,
    plots: bool = True,
    baseline: str = "",
    references: Sequence[Reference] | None = None,
) -> list[Path]:
    """Write a run's report unless it is up to date.

    Args:
        run: the run.
        out: the folder; ``report`` in the run's folder if None.
        formats: some of ``md``, ``csv``, ``latex``, ``json`` and ``html``.
        plots: draw plots and crop sheets too.
        baseline: a label; differences to it are shown too.
        references: published values to show; if None, those beside our own methods.

    Returns:
        The files of the report.

    Raises:
        UsageError: an unknown format.
        DataError: the folder cannot be written to.
    """
    check_formats(formats)
    folder = run.folder.report if out is None else out
    references = published() if references is None else references
    wanted = {*formats, *(["plots"] if plots else []), *([_WITH_PLOTS] if plots and "md" in formats else [])}
    inputs = _inputs(run, references, baseline)
    stamp = _read_stamp(folder)
    old: dict[str, str] = stamp.get("files", {})
    made = set(stamp.get("made", ())) if stamp.get("inputs") == inputs else set()
    whole = all(_is_whole(folder, *file) for file in old.items())
    if made >= wanted and whole:
        return [folder / name for name in old]
    if not whole:
        wanted |= made  # rewrite altered parts
    kept = made - {_WITH_PLOTS} if "md" in wanted else made
    with writing_report(folder):
        if not made:
            for name in old:  # of other results: must not be mixed with the new files
                (folder / name).unlink(missing_ok=True)
        files = {name: known for name, known in old.items() if _is_whole(folder, name, known)}
        for name, content in _contents(run, references, wanted, baseline):
            data = content.encode("utf-8", "replace") if isinstance(content, str) else content
            write_atomically(folder / name, data)
            files[name] = _sha256(data)
        document = {
            "schema_version": 1,
            "run": run.record.id,
            "inputs": inputs,
            "made": sorted(kept | wanted),
            "files": files,
        }
        write_atomically(folder / STAMP, json.dumps(document, indent=1) + "\n")
    return [folder / name for name in files]


def writing_report(folder: Path) -> AbstractContextManager[None]:
    """A context that turns errors of writing a report into one sentence."""
    return writing(f"The report cannot be written to {folder}", "; choose another folder with --to.")


def check_formats(formats: Collection[str]) -> None:
    """Reject unknown formats.

    Raises:
        UsageError: an unknown format.
    """
    for name in formats:
        if name not in REPORT_FORMATS:
            raise unknown("format", name, REPORT_FORMATS)


def _inputs(run: LoadedRun, references: Sequence[Reference], baseline: str) -> str:
    """A hash of the inputs of a report. Kept images count by name, size and time: there may be thousands."""
    folders = {origin.folder.path for origin in run.origins.values()} or {run.folder.path}
    images = sorted(
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for folder in folders
        for path in (folder / "images").rglob("*.png")
    )
    shown = [asdict(row) | {"value": row.text, "where": ""} for row in references]
    # executing a run again changes its times even if all cells were known
    record = run.record.model_dump(mode="json", exclude={"started", "finished"})
    return digest(
        {
            "srbench": [__version__, _REPORT_VERSION],
            "record": [record, run.record.finished is None],
            "baseline": baseline,
            "cells": [cell.model_dump_json() for cell in run.cells],
            "origins": [[str(cell), repr(origin)] for cell, origin in run.origins.items()],
            "trainings": [training.model_dump_json() for training in run.trainings.values()],
            "speed": run.speed.model_dump(mode="json") if run.speed else None,
            "images": images,
            "references": shown,
        }
    )


def _read_stamp(folder: Path) -> dict[str, Any]:
    """The stamp of an existing report; empty if there is none that is valid."""
    try:
        stamp = parse_json((folder / STAMP).read_text("utf-8"))
        known = stamp["schema_version"] == 1 and all(isinstance(name, str) for name in stamp["made"])
        inside = all(_is_inside(name) for name in stamp["files"].keys())  # noqa: SIM118 - a list has none
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return stamp if known and inside else {}


def _is_inside(name: str) -> bool:
    """Whether a file named in a stamp is in the report's folder: others must not be removed."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _is_whole(folder: Path, name: str, known: str) -> bool:
    path = folder / name
    return path.is_file() and _sha256(path.read_bytes()) == known


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _contents(
    run: LoadedRun, references: Sequence[Reference], wanted: set[str], baseline: str
) -> Iterator[tuple[str, str | bytes]]:
    """The files to write. Heavy libraries are imported only for the formats that need them."""
    if "plots" not in wanted:
        yield from _texts(run, references, wanted, baseline, lambda: iter(()))
        return
    from srbench.report.plots.drawing import drawing

    with drawing(run, references, baseline) as images:
        yield from _texts(run, references, wanted, baseline, images)


def _texts(
    run: LoadedRun,
    references: Sequence[Reference],
    wanted: set[str],
    baseline: str,
    images: Callable[[], Iterator[tuple[str, bytes]]],
) -> Iterator[tuple[str, str | bytes]]:
    """What is made while the images are drawn, the images, and the page that shows them."""
    comparisons = _comparisons(run, baseline) if wanted & {"md", "csv", "html"} or baseline else []
    intervals = cell_intervals(run) if wanted & {"csv", "json"} else {}
    if "html" in wanted:
        from srbench.report.html.page import html_page

        yield PAGE, html_page(run, references, comparisons, baseline or None)
    if wanted & {"md", "latex"}:
        from srbench.report.tables.every_table import every_table

        tables = every_table(run, references, comparisons, baseline)
    if "csv" in wanted:
        from srbench.report.tables.frame import cells_csv, comparisons_csv, images_csv

        yield "results.csv", cells_csv(run, intervals)
        yield "per_image.csv", images_csv(run)
        if comparisons:
            yield "compare.csv", comparisons_csv(run, comparisons)
    if "latex" in wanted:
        from srbench.analysis.papers import bibliography
        from srbench.report.text.latex import cited, latex_tables

        yield "tables.tex", latex_tables(run.record, [*tables.main, *tables.others])
        if tables.intervals:
            yield "intervals.tex", latex_tables(run.record, tables.intervals)
        if tables.differences:
            yield "differences.tex", latex_tables(run.record, tables.differences)
        if papers := cited(run.record, [*tables.main, *tables.others]):
            yield "references.bib", bibliography(papers)
    if "json" in wanted:
        from srbench.report.tables.document import run_document

        yield "results.json", run_document(run, intervals) + "\n"
    shown = []
    for path, content in images():
        shown.append(path)
        yield path, content
    if "md" in wanted:
        from srbench.report.tables.matrix import matrix_page
        from srbench.report.text.page import markdown_report

        yield "report.md", markdown_report(run, tables, [path for path in shown if path.endswith(".png")])
        if comparisons:
            yield "compare.md", matrix_page(run, comparisons)


def _comparisons(run: LoadedRun, baseline: str) -> list[Comparison]:
    """Every pair of methods, or each with the baseline, by each of the main metrics."""
    from srbench.analysis.compare import compare_all, report_pairs
    from srbench.report.tables.grid import places_of_main

    pairs = report_pairs(run, baseline)
    return [
        comparison
        for metric, places in places_of_main(run).items()
        for comparison in compare_all(run, metric, pairs, [place.name for place in places])
    ]
