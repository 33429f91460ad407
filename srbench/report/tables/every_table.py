"""All tables of a report, shared by the formats that print them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from srbench.analysis.compare import Comparison
from srbench.analysis.references import Reference
from srbench.bench.store import LoadedRun
from srbench.report.tables.differences import difference_grids
from srbench.report.tables.grid import Grid, grids, other_metrics
from srbench.report.tables.intervals import interval_grids


@dataclass(frozen=True, slots=True)
class Tables:
    """A run as tables.

    Attributes:
        main: PSNR and SSIM, one table per data set.
        others: the other metrics, one per table.
        intervals: the main values with intervals.
        differences: differences of the main values to the baseline, if there is one.
    """

    main: Sequence[Grid]
    others: Sequence[Grid] = ()
    intervals: Sequence[Grid] = ()
    differences: Sequence[Grid] = ()


def every_table(
    run: LoadedRun, references: Sequence[Reference], comparisons: Sequence[Comparison] = (), baseline: str = ""
) -> Tables:
    """All tables of a run.

    Args:
        run: the run.
        references: published values to print beside ours.
        comparisons: with the baseline; unused without one.
        baseline: a label.
    """
    return Tables(
        main=grids(run, references),
        others=[grid for metric in other_metrics(run) for grid in grids(run, references, [metric])],
        intervals=interval_grids(run),
        differences=difference_grids(run, comparisons, baseline) if baseline else (),
    )
