"""``.eval_results/*.yaml``: a method's results as the Hugging Face Hub keeps them in a model's repository.

By ``huggingface_hub``'s own classes (the extra ``hub``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec

from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.export.front_matter import yaml_text
from srbench.system.installed import install_command
from srbench.system.names import split_names
from srbench.system.text import cut

FOLDER = ".eval_results"
LONGEST_NOTE = 500


def eval_results(
    run: LoadedRun, label: str, datasets: Mapping[str, str], *, claim: str = "", source_url: str = ""
) -> str:
    """The content of a file in ``.eval_results``: an entry for each data set, scale and metric.

    Infinite values are left out, which the format does not have.

    Args:
        run: the run.
        label: of the method, whose repository the file is for.
        datasets: the Hub's name, ``org/name``, of each data set; others are left out.
        claim: the name of the bundle that proves it, for the notes.
        source_url: where the bundle lies.

    Raises:
        UsageError: huggingface_hub is not here, or there is nothing to write.
    """
    if find_spec("huggingface_hub") is None:
        raise UsageError(f"{FOLDER} needs huggingface_hub: {install_command('hub')}.")
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    record = run.record
    notes = [f"protocol {record.protocol} {record.protocol_hash} of srbench: {record.protocol_words}"]
    notes += [f"proof {claim} (srbench verify)"] if claim else []
    entries = [
        EvalResultEntry(
            dataset_id=datasets[cell.id.dataset],
            task_id=f"x{cell.id.scale}-{cell.id.protocol}-{metric.name}",
            value=round(cell.values[metric.name], metric.digits + 2),
            date=(record.finished or record.started)[:10],
            source_url=source_url or None,
            source_name=f"srbench {claim}".strip() if source_url else None,
            notes=cut("; ".join(reversed(notes)), LONGEST_NOTE),
        )
        for cell in run.cells
        if cell.id.method_label == label and cell.id.dataset in datasets
        for metric in record.metrics
        if math.isfinite(cell.values.get(metric.name, math.inf))
    ]
    if not entries:
        known = ", ".join(dict.fromkeys(cell.id.dataset for cell in run.cells if cell.id.method_label == label))
        raise UsageError(
            f"There are no results of {label} for {FOLDER}: it has {known or 'none'}; name those data sets on the Hub "
            "by --dataset-ids NAME=ORG/NAME."
        )
    return yaml_text(eval_result_entries_to_yaml(entries))


def hub_names(text: str) -> dict[str, str]:
    """``NAME=ORG/NAME,...``: data sets' names on the Hub.

    Raises:
        UsageError: it is something else.
    """
    found = {}
    for pair in split_names(text):
        name, _, hub = pair.partition("=")
        if not name or hub.count("/") != 1 or not all(hub.split("/")):
            raise UsageError(f"--dataset-ids takes NAME=ORG/NAME, not '{pair}'.")
        found[name] = hub
    return found
