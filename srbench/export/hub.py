"""Writes folders for the Hugging Face Hub: model card, weights, graphs and ``config.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from srbench.bench.store import LoadedRun
from srbench.export.card import model_card
from srbench.export.eval_results import FOLDER, eval_results
from srbench.export.onnx import Graph
from srbench.export.subject import ExportSubject
from srbench.system.files import replaced_folder, write_atomically

CONFIG_VERSION: Final = 1
"""The version of srbench's part of ``config.json``."""
FILES = ("README.md", "config.json", "*.safetensors", "*.onnx", f"{FOLDER}/")
"""The files of such a folder, and its folders."""


def config(subjects: Sequence[ExportSubject], onnx: Mapping[int, str]) -> dict[str, Any]:
    """The content of ``config.json``: the files by scale."""
    first = subjects[0]
    return {
        "srbench": {
            "schema_version": CONFIG_VERSION,
            "method": first.card.name,
            "method_version": first.card.info.version,
            "recipe": first.choice.recipe,
            "weights": {str(subject.scale): subject.weights_name for subject in subjects if subject.weights},
            "onnx": {str(scale): name for scale, name in onnx.items()},
        }
    }


def write_hub(
    folder: Path,
    subjects: Sequence[ExportSubject],
    graphs: Mapping[int, Graph],
    run: LoadedRun,
    beside: Sequence[str] = (),
    dataset_ids: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write the folder atomically, replacing an existing one; returns its files.

    Args:
        folder: the folder.
        subjects: a learned method at its scales, or a model from a file, of which there are the graphs alone.
        graphs: by scale, if the method can be exported to ONNX.
        run: the run with the results for the card.
        beside: labels of methods to compare with, if the run has them.
        dataset_ids: data sets' names on the Hub, for results in ``.eval_results``; None for none.

    Raises:
        UsageError: the run has no values of a scale.
        DataError: the values are of other weights or code.
    """
    onnx = {subject.scale: subject.onnx_name for subject in subjects if subject.scale in graphs}
    contents: dict[str, str | bytes] = {
        "README.md": model_card(subjects, run, beside, onnx),
        "config.json": json.dumps(config(subjects, onnx), indent=2) + "\n",
    }
    contents |= {onnx[scale]: graph.content for scale, graph in graphs.items()}
    if dataset_ids:
        contents[f"{FOLDER}/srbench.yaml"] = eval_results(run, subjects[0].choice.label, dataset_ids)
    for subject in subjects:
        if subject.weights is not None:
            contents[subject.weights_name] = subject.weights.read_bytes()
    with replaced_folder(folder) as new:
        for name, content in contents.items():
            write_atomically(new / name, content)
    return [folder / name for name in contents]
