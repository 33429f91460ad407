"""The result of an update of baselines: a diff, sentences, or a JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from srbench.analysis.update import Update
from srbench.bench.results import SCHEMA_VERSION
from srbench.system.console import make_console

STYLES = {"---": "bold", "+++": "bold", "@@": "cyan", "-": "red", "+": "green"}
"""Of diff lines, by their prefix."""


def print_diff(update: Update, console: Console | None = None) -> None:
    """Print the unified diff of every changed file; coloured on a terminal."""
    console = console or make_console(highlight=False)
    for file in update.files:
        for line in file.diff():
            style = next((style for start, style in STYLES.items() if line.startswith(start)), "")
            console.print(Text(line, style), soft_wrap=True)


def sentences(update: Update) -> Iterator[str]:
    """How many values of each file have changed, and what an update does not change."""
    for file in update.files:
        if file.checked:
            yield f"{file.path}: {len(file.changes)} of the {file.checked} values that the runs hold rewritten"
    for file in update.files:
        yield from (f"not changed, since a person sets limits: {verdict.message}" for verdict in file.limits)
    if update.new:
        values = "1 value stands" if update.new == 1 else f"{update.new} values stand"
        yield f"{values} in no baseline yet: --write makes rows of them"


def update_document(update: Update, runs: list[str]) -> str:
    """The update as JSON; values are strings, as in the files."""
    files = [
        {
            "path": str(file.path),
            "checked": file.checked,
            "changed": [
                {
                    "method": change.verdict.reference.method,
                    "dataset": change.verdict.reference.dataset,
                    "scale": change.verdict.reference.scale,
                    "protocol": change.verdict.reference.protocol,
                    "metric": change.verdict.reference.metric,
                    "from": change.verdict.reference.text,
                    "to": change.text,
                }
                for change in file.changes
            ],
            "limits": [verdict.message for verdict in file.limits],
        }
        for file in update.files
    ]
    document = {"schema_version": SCHEMA_VERSION, "runs": runs, "files": files, "new": update.new}
    return json.dumps(document, indent=1, ensure_ascii=False)
