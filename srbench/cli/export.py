"""`srbench export`: methods and weights for use without srbench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Plugins, numbers
from srbench.errors import UsageError
from srbench.system.text import echo

if TYPE_CHECKING:
    from srbench.bench.store import LoadedRun
    from srbench.export.onnx import Graph
    from srbench.export.subject import ExportSubject
    from srbench.plugins.registry import Registry

EXPORT_FORMATS = ("onnx", "safetensors", "hub")
BESIDE = ("bicubic",)
"""Methods that a model card compares with."""
_ANOTHER = ": name another --out."


def export(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="name, name:recipe or name:FILE.toml.")],
    scales: Annotated[
        str, typer.Option("--scale", "--scales", help="Scales, comma separated.", show_default="all with weights")
    ] = "",
    format_: Annotated[str, typer.Option("--format", metavar="|".join(EXPORT_FORMATS), help="What to write.")] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The file, or the folder for several; for hub the folder itself.",
            show_default="the current folder; for hub srbench-METHOD",
        ),
    ] = None,
    run: Annotated[
        str,
        typer.Option(
            metavar="RUN",
            help="hub: the run with the results for the model card, by path, id or a start of it.",
            show_default="a run on the embedded set, executed if needed",
        ),
    ] = "",
    licence: Annotated[
        str,
        typer.Option(help="onnx, hub: of the weights, by the Hub's name.", show_default="apache-2.0 for srbench's own"),
    ] = "",
    dataset_ids: Annotated[
        str, typer.Option(metavar="NAME=ORG/NAME,...", help="hub: the data sets on the Hub, for .eval_results.")
    ] = "",
    rgb: Annotated[
        bool, typer.Option("--rgb/--no-rgb", help="onnx: a graph of a luma method takes and returns RGB.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the training, added to the recipe's own.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    plugin: Plugins = None,
) -> None:
    """Write a method as an ONNX graph, its weights as a safetensors file, or both as a folder for the Hub.

    A graph takes images of any size, and is verified against torch in ONNX Runtime before it is written. A folder for
    the Hub has a model card with the results of a run. Nothing is uploaded; the command for it is printed.

    Exit codes: 0 fine, 2 wrong usage, 3 the method cannot be exported like this, 4 weights missing or damaged.
    """
    if format_ not in EXPORT_FORMATS:
        raise UsageError(f"--format is {', '.join(EXPORT_FORMATS[:-1])} or {EXPORT_FORMATS[-1]}, not '{format_}'.")
    if run and format_ != "hub":
        raise UsageError("--run is for --format hub; leave it out.")
    if dataset_ids and format_ != "hub":
        raise UsageError("--dataset-ids is for --format hub; leave it out.")
    if licence and format_ == "safetensors":
        raise UsageError("--licence is for --format onnx and hub: a safetensors file is copied as it is; leave it out.")
    if rgb and format_ != "onnx":
        raise UsageError("--rgb is for --format onnx; leave it out.")
    wanted = numbers("scale", scales, 1) if scales else ()
    if format_ != "safetensors":
        from srbench.export.onnx import require_packages

        require_packages()
    from srbench.export.subject import make_subjects
    from srbench.plugins.registry import Registry

    registry = Registry(plugin or [], hosted=False)
    subjects = make_subjects(
        registry, method, tuple(dict.fromkeys(wanted)), seed=seed, licence=licence or None, rgb=rgb
    )
    if not (format_ == "onnx" or subjects[0].card.learned or (format_ == "hub" and subjects[0].is_network)):
        raise UsageError(f"{subjects[0].choice.label} has no weights to export; try --format onnx.")
    if format_ == "hub":
        from srbench.export.eval_results import hub_names

        folder = out or Path(f"srbench-{subjects[0].name}")
        _hub(registry, method, subjects, folder, run, overwrite, hub_names(dataset_ids))
    else:
        _files(subjects, format_, out or Path(), overwrite)


def _files(subjects: tuple[ExportSubject, ...], format_: str, out: Path, overwrite: bool) -> None:
    """Write graphs or weights: all, or none if one fails."""
    from srbench.export.folder import require_replaceable
    from srbench.system.files import write_atomically, writing

    names = [subject.onnx_name if format_ == "onnx" else subject.weights_name for subject in subjects]
    count = len(set(names))
    if out.suffix == f".{format_}" and count > 1:
        raise UsageError(f"--out {out} is one file, but there are {count} to write: name a folder.")
    paths = [out if out.suffix == f".{format_}" else out / name for name in names]
    for path in paths:
        require_replaceable(path, overwrite=overwrite)
    contents: dict[Path, bytes] = {}
    for subject, path in zip(subjects, paths, strict=True):
        if format_ == "onnx":
            contents[path] = _graph(subject).content
        elif subject.weights is not None:
            contents[path] = subject.weights.read_bytes()
    for path, content in contents.items():
        with writing(f"{path} cannot be written", _ANOTHER):
            write_atomically(path, content)
        echo(path)


def _hub(
    registry: Registry,
    method: str,
    subjects: tuple[ExportSubject, ...],
    folder: Path,
    run: str,
    overwrite: bool,
    dataset_ids: dict[str, str],
) -> None:
    """Write a folder for the Hub, and print how to upload it."""
    from srbench.bench.store import find_run, read_run
    from srbench.export.folder import require_replaceable
    from srbench.export.hub import FILES, write_hub
    from srbench.export.onnx import NoGraph
    from srbench.export.values import values_of
    from srbench.system.files import writing

    require_replaceable(folder, overwrite=overwrite, own=FILES)
    loaded = read_run(find_run(run)) if run else _run(registry, method, subjects)
    values_of(loaded, subjects)  # report problems of the run before the longer work
    graphs: dict[int, Graph] = {}
    for subject in subjects:
        try:
            graphs[subject.scale] = _graph(subject)
        except NoGraph as error:
            echo(f"left out: {error}", err=True)
    with writing(f"{folder} cannot be written", _ANOTHER):
        paths = write_hub(folder, subjects, graphs, loaded, BESIDE, dataset_ids)
    for path in paths:
        echo(path)
    echo(f"to publish it: hf upload YOUR-NAME/{folder.resolve().name} {folder}", err=True)


def _graph(subject: ExportSubject) -> Graph:
    """Export a graph, and print its difference from torch."""
    from srbench.export.onnx import make_graph

    graph = make_graph(subject)
    size = len(graph.content) / 1000
    echo(f"{subject}: {size:.0f} kB, differs from torch by at most {graph.difference:.1e}", err=True)
    return graph


def _run(registry: Registry, method: str, subjects: tuple[ExportSubject, ...]) -> LoadedRun:
    """A run on the embedded set; finished cells are reused."""
    from srbench.bench.options import Options, Request
    from srbench.bench.run import execute, prepare
    from srbench.cli.console import RunConsole

    scales = tuple(subject.scale for subject in subjects)
    request = Request(methods=(*BESIDE, method), scales=scales, metrics=("psnr", "ssim"), seeds=(subjects[0].seed,))
    prepared = prepare(request, Options(train="never"), plugins=registry.plugins, speed=False)
    with RunConsole(len(prepared.plan.jobs)) as console:
        return execute(prepared, console)[0]
