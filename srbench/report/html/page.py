"""report.html: the whole page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from srbench.analysis.compare import Comparison
from srbench.analysis.papers import link_of, papers_in
from srbench.analysis.references import Reference
from srbench.bench.store import LoadedRun
from srbench.report.html.album import BYTES, album
from srbench.report.html.assets import csp_hash, library, program, script_json, style
from srbench.report.html.data import page_document
from srbench.report.html.template import template_of
from srbench.version import __version__


def html_page(
    run: LoadedRun,
    references: Sequence[Reference],
    comparisons: Sequence[Comparison],
    baseline: str | None = None,
    budget: int = BYTES,
) -> str:
    """The page of a run as one self-contained file.

    Args:
        run: the run.
        references: published values to print beside ours.
        comparisons: of pairs of its methods, for the matrix.
        baseline: the initial baseline; the reader can choose another.
        budget: most bytes of all its images.

    Raises:
        UsageError: the run has no such baseline.
        DataError: a library whose JavaScript the page needs is not installed whole.
    """
    crops = album(run, budget)
    document = page_document(run, references, comparisons, baseline) | {"crops": crops.crops}
    script = program()
    # Markup: our own files, base64, and JSON in which no character ends a script
    return template_of("srbench.report.html", "page.html.j2").render(
        run=run.record,
        facts=run.environment,
        methods=len(document["methods"]),
        done=len(run.cells),
        links={method.name: link_of(method.paper) for method in run.record.methods},
        recipes=_recipes(run),
        sources={
            dataset.name: [paper for paper in papers_in(dataset.citation) if paper.link]
            for dataset in run.record.datasets
        },
        has_images=bool(crops.crops),
        has_trainings=bool(document["trainings"]),
        has_speed=run.speed is not None,
        version=__version__,
        style=Markup(style()),
        script=Markup(script),
        script_hash=Markup(csp_hash(script)),
        document=Markup(script_json(document)),
        images=Markup(script_json(crops.images)),
        plotly=Markup(library("plotly")),
        datatables=Markup(library("itables")),
    )


def _recipes(run: LoadedRun) -> dict[str, list[str]]:
    """The recipes of each method, by name."""
    recipes: dict[str, list[str]] = {method.name: [] for method in run.record.methods}
    for cell in run.record.cells:
        some = recipes.setdefault(cell.id.method, [])
        if cell.id.recipe and cell.id.recipe not in some:
            some.append(cell.id.recipe)
    return recipes
