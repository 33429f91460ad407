"""report.md: the tables, and everything needed to verify and repeat them."""

from __future__ import annotations

from collections.abc import Sequence

from srbench.analysis.sample import without_intervals
from srbench.bench.store import LoadedRun
from srbench.report.escape import markdown, markdown_code
from srbench.report.tables.every_table import Tables
from srbench.report.tables.grid import metric_titles
from srbench.report.text.markup import markdown_table
from srbench.system.text import sentence


def markdown_report(run: LoadedRun, tables: Tables, images: Sequence[str]) -> str:
    """The report of a run.

    Args:
        run: the run.
        tables: of the run.
        images: paths of plots and crop sheets, relative to the report.
    """
    parts = [_head(run), _tables(run, tables), _differences(tables), _intervals(run, tables)]
    if images:
        parts.append("## Plots and crops\n\n" + "\n\n".join(_image(path) for path in images))
    parts += [_failed(run), _methods(run), _datasets(run), _environment(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: LoadedRun) -> str:
    record = run.record
    when = f"{record.started} to {record.finished}" if record.finished else f"{record.started}, not finished"
    return "\n".join(
        [
            f"# srbench run {markdown(record.id)}",
            "",
            f"Protocol **{markdown(record.protocol)}** (`{record.protocol_hash}`): {markdown(record.protocol_words)}.",
            "Only values of one protocol can be compared.",
            *(f"**Note**: {markdown(sentence(note))}" for note in record.notes),
            "",
            f"{len(run.cells)} of {len(record.cells)} cells have a result. {when}. To repeat it:",
            "",
            *(f"    {line}" for line in record.command.splitlines()),
        ]
    )


def _tables(run: LoadedRun, tables: Tables) -> str:
    lines = ["## Results", "", "Means over the images. Best of our methods in bold, second underlined."]
    if len(run.record.seeds) > 1:
        lines.append(f"Learned methods: mean ± standard deviation of {len(run.record.seeds)} seeds.")
    for grid in (*tables.main, *tables.others):
        lines += ["", f"### {markdown(grid.dataset.name)}: {markdown(grid.heading)}", ""]
        lines += [
            f"{grid.dataset.images_words}, protocol {markdown(run.record.protocol)} (`{run.record.protocol_hash}`).",
            "",
        ]
        lines.append(markdown_table(grid).rstrip("\n"))
    return "\n".join(lines)


def _differences(tables: Tables) -> str:
    if not tables.differences:
        return ""
    baseline = markdown(tables.differences[0].baseline)
    lines = [f"## Differences to {baseline}", "", f"Each value minus {baseline}'s, of the same images, and its 95 %"]
    lines.append(f"interval: studentised bootstrap over the images. The row of {baseline} has its values.")
    for grid in tables.differences:
        lines += ["", f"### {markdown(grid.dataset.name)}: {markdown(grid.heading)}", ""]
        lines.append(markdown_table(grid).rstrip("\n"))
    return "\n".join(lines)


def _intervals(run: LoadedRun, tables: Tables) -> str:
    lacking = [f"No intervals of {markdown(name)}: {why}." for name, why in without_intervals(run).items()]
    if not tables.intervals:
        return "\n".join(["## Intervals", "", *lacking]) if lacking else ""
    lines = ["## Intervals", "", "The values with their 95 % intervals: studentised bootstrap over the images."]
    lines.append("Differences of methods have much narrower intervals, since all are scored on the same images.")
    if len(run.record.seeds) > 1:
        lines.append("±: standard deviation over seeds, not part of the interval.")
    lines += lacking
    for grid in tables.intervals:
        lines += ["", f"### {markdown(grid.dataset.name)}: {markdown(grid.heading)}, intervals", ""]
        lines.append(markdown_table(grid).rstrip("\n"))
    return "\n".join(lines)


def _image(path: str) -> str:
    return f"![{markdown(path.rpartition('/')[2].rpartition('.')[0])}]({path})"


def _failed(run: LoadedRun) -> str:
    if not run.record.failed:
        return ""
    lines = [f"- {markdown(str(failed.id))}: {markdown(failed.error)}" for failed in run.record.failed]
    return "\n".join(["## Failed cells", "", *lines])


def _methods(run: LoadedRun) -> str:
    lines = ["## Methods", "", "| method | family | channels | learned | paper |", "|---|---|---|---|---|"]
    for method in run.record.methods:
        cells = (method.name, method.family, method.channels, "yes" if method.learned else "no", method.paper)
        lines.append("| " + " | ".join(map(markdown, cells)) + " |")
    metrics = ", ".join(metric_titles(run.record.metrics))
    return "\n".join([*lines, "", f"Metrics: {markdown(metrics)}."])


def _datasets(run: LoadedRun) -> str:
    lines = ["## Data sets", "", "| data set | title | images | content | licence |", "|---|---|---:|---|---|"]
    for dataset in run.record.datasets:
        content = markdown_code(dataset.content_hash[:12])
        cells = (markdown(dataset.name), markdown(dataset.title), str(dataset.images), content)
        lines.append("| " + " | ".join((*cells, markdown(dataset.licence))) + " |")
    for citation in dict.fromkeys(dataset.citation for dataset in run.record.datasets if dataset.citation.strip()):
        lines += ["", *(f"    {line}" for line in citation.strip().splitlines())]  # BibTeX, as code
    return "\n".join(lines)


def _environment(run: LoadedRun) -> str:
    lines = [f"- {markdown(name)}: {markdown(value)}" for name, value in run.environment.items()]
    return "\n".join(["## Environment", "", *lines])
