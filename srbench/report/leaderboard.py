"""Several runs in one report: a leaderboard per protocol, each in its own folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from srbench.analysis.published import published
from srbench.analysis.references import Reference
from srbench.bench.store import LoadedRun
from srbench.report.escape import markdown, safe_file_name
from srbench.report.merge import by_protocol, merge
from srbench.report.tables.every_table import every_table
from srbench.report.text.markup import markdown_table
from srbench.report.write import REPORT_FORMATS, write_report, writing_report
from srbench.system.files import write_atomically

PAGE = "leaderboard.md"


def leaderboards(runs: Sequence[LoadedRun], out: Path) -> list[LoadedRun]:
    """One merged run per protocol."""
    return [merge(group, out / board_name(group[0])) for group in by_protocol(runs)]


def board_name(run: LoadedRun) -> str:
    """The folder name of a protocol's leaderboard: ``vdsr-338ce1a3``."""
    return safe_file_name(f"{run.record.protocol}-{run.record.protocol_hash}")


def write_leaderboards(
    boards: Sequence[LoadedRun],
    out: Path,
    formats: Collection[str] = REPORT_FORMATS,
    plots: bool = True,
    baselines: Sequence[str] = (),
    references: Sequence[Reference] | None = None,
) -> list[Path]:
    """Write each board's report into its folder and, with ``md``, one page with the tables of all.

    Args:
        boards: merged runs.
        out: the folder.
        formats: as :func:`srbench.report.write.write_report` takes them.
        plots: draw plots and crop sheets too.
        baselines: of each board; none if empty.
        references: published values to show; if None, those beside our own methods.

    Returns:
        The files.

    Raises:
        UsageError: an unknown format.
        DataError: the folder cannot be written to.
    """
    files: list[Path] = []
    for board, baseline in zip(boards, baselines or [""] * len(boards), strict=True):
        files += write_report(board, out / board_name(board), formats, plots, baseline, references)
    if "md" in formats:
        with writing_report(out):
            write_atomically(out / PAGE, leaderboard_page(boards, references))
        files.insert(0, out / PAGE)
    return files


def leaderboard_page(boards: Sequence[LoadedRun], references: Sequence[Reference] | None = None) -> str:
    """leaderboard.md: the main tables, each protocol under its own heading."""
    references = published() if references is None else references
    several = "Values of different protocols cannot be compared: each protocol has its own tables."
    parts = ["# srbench leaderboard", *([several] if len(boards) > 1 else [])]
    for board in boards:
        record, name = board.record, board_name(board)
        parts.append(f"## Protocol {markdown(record.protocol)} (`{record.protocol_hash}`)")
        parts.append(f"{markdown(record.protocol_words)}. Means over the images, best in bold, second underlined.")
        for grid in every_table(board, references).main:
            name_of_set, images = markdown(grid.dataset.name), grid.dataset.images_words
            parts.append(f"### {name_of_set} ({images}): {markdown(grid.heading)}")
            parts.append(markdown_table(grid).rstrip("\n"))
        parts.append(f"More tables, intervals and plots: the folder [{markdown(name)}]({name}/).")
    return "\n\n".join(parts) + "\n"
