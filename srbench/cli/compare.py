"""`srbench compare`: are two methods different, by how much, and on which images?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Out, factors, split
from srbench.errors import UsageError
from srbench.system.places import RUNS
from srbench.system.text import echo_json, warn

if TYPE_CHECKING:
    from srbench.analysis.compare import Comparison
    from srbench.bench.results import MetricRecord
    from srbench.bench.store import LoadedRun


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A method of the run: name, name:recipe or a glob.")] = "*",
    b: Annotated[str, typer.Argument(metavar="B", help="The method to compare with.")] = "*",
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run by path, id or a start of it.", show_default="the newest"),
    ] = None,
    run_b: Annotated[
        str | None,
        typer.Argument(metavar="RUN_B", help="Take B from another run than A.", show_default="the same"),
    ] = None,
    out: Out = RUNS,
    metric: Annotated[str, typer.Option(help="What to compare.", show_default="psnr, or else the run's first")] = "",
    datasets: Annotated[
        str, typer.Option("--datasets", "--dataset", help="Only these data sets, comma separated.", show_default="all")
    ] = "",
    scales: Annotated[str, typer.Option(help="Only these scales, comma separated.", show_default="all")] = "",
    top: Annotated[
        int, typer.Option(help="How many images with the largest differences to list per data set and scale.", min=0)
    ] = 3,
    json: Json = False,
) -> None:
    """Compare two methods image by image: difference, 95 % interval, wins, Wilcoxon's test, largest differences.

    With globs, or without methods, print a matrix of all pairs. Quote globs: srbench compare '*' bicubic. The same
    method in two runs: srbench compare dcci dcci OLD NEW. The report of a run has the matrix of all pairs too.

    Exit codes: 0 fine, 2 wrong usage or nothing to compare, 4 data missing or unusable.
    """
    from srbench.analysis.compare import find_labels, find_metric
    from srbench.bench.store import find_run, read_run

    run_a = read_run(find_run(run, out))
    other = run_a if run_b is None else read_run(find_run(run_b, out))
    runs = [run_a] if other.folder.path.resolve() == run_a.folder.path.resolve() else [run_a, other]
    chosen = find_metric(runs, metric)
    places = _known_datasets(runs, split(datasets)), factors("scales", scales) if scales else ()
    labels = find_labels(run_a, a), find_labels(runs[-1], b)
    if len(labels[0]) == len(labels[1]) == 1:
        found = _pair(runs, labels[0][0], labels[1][0], chosen, places)
    else:
        found = _pairs(runs, labels, chosen, places)
    _warn(runs, labels, places)
    if json:
        from srbench.report.tables.document import comparison_document

        echo_json(comparison_document(runs, found, top))
        return
    from srbench.system.console import make_console

    console = make_console(highlight=False)
    if len(labels[0]) == len(labels[1]) == 1:
        from srbench.report.text.pair import print_pair

        print_pair(runs, found, top, console)
    else:
        from srbench.report.tables.matrix import print_matrices

        print_matrices(run_a, found, console)


Places = tuple[tuple[str, ...], tuple[float, ...]]
"""Data sets and scales; empty for all."""
Labels = tuple[list[str], list[str]]
"""The labels of A and of B."""


def _known_datasets(runs: list[LoadedRun], names: tuple[str, ...]) -> tuple[str, ...]:
    from srbench.system.names import unknown

    known = [dataset.name for run in runs for dataset in run.record.datasets]
    for name in names:
        if name not in known:
            raise unknown("data set in the run", name, known)
    return names


def _pair(runs: list[LoadedRun], a: str, b: str, metric: MetricRecord, places: Places) -> list[Comparison]:
    from srbench.analysis.compare import compare_methods

    if a == b and len(runs) == 1:
        raise UsageError(f"{a} cannot be compared with itself; name another method, or another run of it.")
    return compare_methods(runs[0], a, runs[-1], b, metric, *places)


def _pairs(runs: list[LoadedRun], labels: Labels, metric: MetricRecord, places: Places) -> list[Comparison]:
    """Each A with each B, each pair once."""
    from srbench.analysis.compare import compare_all

    if len(runs) > 1:
        raise UsageError("Two runs are compared by one method of each; name A and B without globs.")
    pairs: list[tuple[str, str]] = []
    for b in labels[1]:
        pairs += [(a, b) for a in labels[0] if a != b and (b, a) not in pairs]
    found = compare_all(runs[0], metric, pairs, *places)
    if not found:
        raise UsageError(
            f"Run {runs[0].record.id} has no two of these methods with results on one data set and scale; "
            "name others, or run more."
        )
    return found


def _warn(runs: list[LoadedRun], labels: Labels, places: Places) -> None:
    """Report on stderr which cells are missing in the comparison."""
    from srbench.analysis.compare import without_result

    if len(runs) == 1:
        lacking = without_result(runs[0], labels[0] + labels[1], *places)
    else:
        lacking = [cell for run, some in zip(runs, labels, strict=True) for cell in without_result(run, some, *places)]
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        warn(f"no result of {', '.join(map(str, lacking[:5]))}{more}")
