"""The model card of a Hub folder: description, results, training, and use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from srbench.bench.results import CellResult
from srbench.bench.store import LoadedRun
from srbench.data.catalog import resolve
from srbench.errors import SrbenchError
from srbench.export.front_matter import front_matter
from srbench.export.snippet import snippet
from srbench.export.subject import ExportSubject
from srbench.export.values import model_index, table_row, values_of, values_table
from srbench.report.escape import markdown, markdown_code
from srbench.version import __version__

_CHANNELS = {"y": "luma alone (Cb and Cr are upsampled bicubically)", "rgb": "RGB", "any": "each channel by itself"}
_INPUTS = {
    "lr": "the low-resolution image and upsamples it itself",
    "upsampled": "the bicubically upsampled image, and returns one of the same size",
}


def model_card(
    subjects: Sequence[ExportSubject], run: LoadedRun, beside: Sequence[str], onnx: Mapping[int, str]
) -> str:
    """A README.md for the Hub.

    Args:
        subjects: one method at its scales.
        run: the run with its results.
        beside: labels of methods to compare with.
        onnx: file names of the graphs, by scale.

    Raises:
        UsageError: the run has no values of a scale.
        DataError: the values are of other weights or code.
    """
    cells = values_of(run, subjects)
    sections = (
        _head(subjects),
        _values(run, cells, [label for label in beside if label != subjects[0].choice.label]),
        *([_training(subjects)] if subjects[0].recipe else []),
        _use(subjects[0], onnx),
        _terms(subjects[0]),
    )
    text = "\n\n".join("\n".join(section) for section in sections)
    return f"{front_matter(metadata(subjects, run, cells, onnx))}\n{text}\n"


def metadata(
    subjects: Sequence[ExportSubject], run: LoadedRun, cells: Sequence[CellResult], onnx: Mapping[int, str]
) -> dict[str, Any]:
    """The metadata of a card for the Hub."""
    first = subjects[0]
    tags = ["super-resolution", "image-super-resolution", first.card.name, "pytorch", *(["onnx"] if onnx else [])]
    return {
        **({"license": first.licence} if first.licence else {}),
        "library_name": "srbench",
        "pipeline_tag": "image-to-image",
        "tags": tags,
        "datasets": list(first.recipe.data if first.recipe else ()),
        "metrics": [metric.name for metric in run.record.metrics if not metric.unavailable],
        "model-index": model_index(first.name, run, cells),
    }


def _head(subjects: Sequence[ExportSubject]) -> list[str]:
    info = subjects[0].card.info
    scales = ", ".join(f"x{subject.scale}" for subject in subjects)
    return [
        f"# {markdown(subjects[0].choice.label)}",
        "",
        f"Image super-resolution at {scales}. The network takes {_INPUTS[info.input]}. It works on "
        f"{_CHANNELS[info.channels]}, float32 in [0, 1].",
        "",
        f"Made by srbench {__version__}, method version {info.version}. After: {markdown(info.paper)}.",
    ]


def _values(run: LoadedRun, cells: Sequence[CellResult], beside: Sequence[str]) -> list[str]:
    record = run.record
    shown = {cell.id.dataset for cell in cells}
    present = {cell.id.method_label for cell in run.cells}
    versions = ", ".join(
        f"{name} {record.environment[name]}" for name in ("srbench", "torch") if name in record.environment
    )
    return [
        "## Results",
        "",
        *values_table(run, cells, [label for label in beside if label in present]),
        "",
        *(f"{markdown_code(d.name)}: {markdown(d.title)}." for d in record.datasets if d.name in shown),
        "",
        f"Protocol {markdown_code(record.protocol)}, hash {markdown_code(record.protocol_hash)}: "
        f"{markdown(record.protocol_words)}. Values by another protocol cannot be compared with these.",
        *(f"\n**Note**: {markdown(note)}." for note in record.notes),
        "",
        f"Run {markdown_code(record.id)} of {record.started[:10]} ({markdown(versions)}), repeated by",
        "",
        *(f"    {line}" for line in record.command.splitlines()),
    ]


def _training(subjects: Sequence[ExportSubject]) -> list[str]:
    first = subjects[0]
    assert first.recipe is not None
    columns = ("weights", "parameters", "batches", "minutes", "device", "torch", "validation")
    lines = [table_row(*columns), table_row("---", "--:", "--:", "--:", "---", "---", "--:")]
    for subject in {subject.weights_name: subject for subject in subjects}.values():
        known = subject.metadata
        lines.append(
            table_row(
                markdown_code(subject.weights_name),
                f"{_parameters(subject):,}",
                f"{known['steps']:,}" if "steps" in known else "",
                f"{known['seconds'] / 60:.0f}" if "seconds" in known else "",
                markdown(str(known.get("device", ""))),
                markdown(str(known.get("torch", ""))),
                f"{known['validation_psnr']:.2f} dB" if "validation_psnr" in known else "",
            )
        )
    seen = ", ".join(first.recipe.test_data)
    return [
        "## Training",
        "",
        f"Recipe {markdown_code(first.choice.recipe)}, hash {markdown_code(first.recipe.hash)}, seed "
        f"{first.recipe.seed}. The whole recipe and the training's curve are in each weights file's metadata.",
        "",
        *lines,
        "",
        "Data:",
        "",
        *(f"- {line}" for line in _data(first)),
        *(["", f"**Note**: trained on test images ({markdown(seen)}): values on them mean nothing."] if seen else []),
    ]


def _parameters(subject: ExportSubject) -> int:
    """The number of parameters."""
    state = subject.method.model.state_dict()  # type: ignore[attr-defined]  # only learned methods have cards
    return sum(tensor.numel() for tensor in state.values())


def _data(subject: ExportSubject) -> list[str]:
    """The data sets of the recipe, with their terms."""
    lines = []
    recipe = subject.recipe
    assert recipe is not None
    for spec in recipe.data:
        try:
            found = resolve(spec)
        except SrbenchError:  # a folder of the user who trained
            lines.append(markdown_code(spec))
            continue
        terms = f", {markdown(found.licence)}" if found.licence else ""
        lines.append(f"{markdown_code(spec)}: {markdown(found.title)}{terms}")
    return lines


def _use(subject: ExportSubject, onnx: Mapping[int, str]) -> list[str]:
    row = "In srbench, run it by `--methods hub:PATH`, with the path of this folder or its name on the Hub."
    if not onnx:
        return [
            "## Use",
            "",
            row,
            "",
            "The weights are a safetensors file: `safetensors.torch.load_file` reads its tensors.",
        ]
    scale = min(onnx)
    return [
        "## Use",
        "",
        row,
        "",
        "With ONNX Runtime, NumPy and Pillow, for images of any size:",
        "",
        "```python",
        snippet(onnx[scale], scale, subject.card.info.channels, subject.card.info.input).rstrip(),
        "```",
        "",
        "Each graph's metadata describes it, with its difference from PyTorch."
        + (
            " The weights are safetensors files: `safetensors.torch.load_file` reads their tensors."
            if subject.weights
            else ""
        ),
    ]


def _terms(subject: ExportSubject) -> list[str]:
    terms = f"Weights: {markdown(subject.licence)}." if subject.licence else "The terms are not known."
    return [
        "## Licence",
        "",
        f"{terms} The training images have the terms above." if subject.recipe else terms,
        "",
        "## Citation",
        "",
        f"The method is that of {markdown(subject.card.info.paper)}. Results are by srbench; name the protocol.",
    ]
