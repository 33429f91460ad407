"""``srbench data``: which data sets and weights of metrics there are, whether they are here, and how to get them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srbench.cli.data_own import add, remove
from srbench.system.text import echo, echo_json, warn

if TYPE_CHECKING:
    from rich.table import Table

    from srbench.data.catalog import Dataset

app = typer.Typer(
    help="List, fetch and check data sets and the weights of metrics; name data sets of your own.",
    no_args_is_help=True,
    epilog="Data lies in SRBENCH_DATA. SRBENCH_MIRROR names folders or servers to ask first, separated by commas.",
)
app.command()(add)
app.command()(remove)

SCHEMA_VERSION = 1
Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Data sets, each as `set5` or `set5:test`; metrics and networks."),
]
SomeNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME...]", help="Data sets, metrics and networks.", show_default="all that are here"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the data sets that have a name, yours among them, and the weights that metrics need.

    Exit codes: 0 fine, 2 wrong usage.
    """
    from srbench.data.catalog import known_names
    from srbench.data.fetch.networks import NETWORKS

    records = [_record(name) for name in known_names()]
    metrics = _metrics_by_weights()
    weights = [_weights_record(name, metrics.get(name, [])) for name in NETWORKS]
    if as_json:
        _print_json({"datasets": records, "weights": weights})
    else:
        _print_table(records)
        _print_weights(weights)


@app.command()
def fetch(names: Names) -> None:
    """Fetch data sets, and the weights of metrics (`lpips-alex`) and networks (`vgg16`); what is here is left alone.

    Exit codes: 0 fine, 2 wrong usage, 4 a file cannot be fetched or is not as pinned, 130 interrupted.
    """
    from srbench.data.fetch.fetch import fetch as fetch_files
    from srbench.data.fetch.networks import fetch_network

    for name in names:
        weights = _weights_of(name)
        for weight in weights:
            path, fetched = fetch_network(weight)
            echo(f"{weight}: {'fetched' if fetched else 'was here'}, {path}")
        if weights:
            continue
        for dataset in _splits(name):
            count = fetch_files(dataset)
            files = sum(len(item.files) for item in dataset.items)
            echo(f"{_label(dataset)}: {files} files, {count} fetched, in {dataset.folder}")


@app.command()
def verify(names: SomeNames = None, as_json: Json = False) -> None:
    """Check every file against its hashes.

    Exit codes: 0 fine, 2 wrong usage, 4 a file is missing or not as pinned.
    """
    from srbench.data.catalog import known_names
    from srbench.data.fetch.integrity import faults
    from srbench.data.fetch.networks import NETWORKS

    weights = {name: _weights_of(name) for name in names or NETWORKS}
    chosen = [dataset for name in names or known_names() if not weights.get(name) for dataset in _splits(name)]
    if not names:
        chosen = [dataset for dataset in chosen if _found(dataset)]
    bad: list[str] = []
    ways: list[str] = []
    records: list[dict[str, Any]] = []
    for dataset in chosen:
        total = sum(len(item.files) for item in dataset.items)
        found = [(file.path.name, fault) for file, fault in faults(dataset)]
        bad += [f"{_label(dataset)}/{file} ({fault})" for file, fault in found]
        ways += [dataset.way_out()] if found else []
        record = {"dataset": dataset.manifest or dataset.name, "split": dataset.split, "files": total}
        records.append(record | {"whole": total - len(found), "faults": dict(found)})
        if not as_json:
            echo(f"{_label(dataset)}: {total - len(found)} of {total} files are whole")
    verified = list(_verified_weights(weights, only_here=not names))
    for verdict in verified:
        if fault := verdict["fault"]:
            bad.append(f"{verdict['weights']} ({fault})")
            ways.append(f"run `srbench data fetch {verdict['weights']}`")
        if not as_json:
            echo(f"{verdict['weights']}: {fault or 'whole, ' + verdict['path']}")
    if as_json:
        _print_json({"verified": records, "weights": verified})
    _raise_for(bad, ways)


def _verified_weights(weights: Mapping[str, tuple[str, ...]], *, only_here: bool) -> Iterator[dict[str, Any]]:
    """The files of weights of some names, each once, and what is wrong with it."""
    from srbench.data.fetch.networks import NETWORKS, verify

    for name in dict.fromkeys(name for names in weights.values() for name in names):
        path, fault = verify(name)
        if path is None and not fault and only_here:
            continue
        fault = "" if path else fault or "missing"
        yield {"weights": name, "file": NETWORKS[name].file, "path": str(path or ""), "fault": fault}


@app.command()
def path(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set, a metric with weights, or a network.")],
) -> None:
    """Print the folder that a data set lies in, or will lie in; of weights the files, one a line.

    Exit codes: 0 fine, 2 wrong usage, 4 its manifest or its images cannot be read.
    """
    from srbench.data.catalog import resolve

    if weights := _weights_of(name):
        for weight in weights:
            _print_weights_path(weight)
        return
    dataset = resolve(name)
    echo(os.path.commonpath([file.path.parent for item in dataset.items for file in item.files]))
    if not _found(dataset):
        warn(f"it is not there yet: run `srbench data fetch {name}`")


def _print_weights_path(name: str) -> None:
    from srbench.data.fetch.networks import NETWORKS, find, networks_folder
    from srbench.errors import DataError

    try:
        echo(find((name,), name)[name])
    except DataError as error:
        echo(networks_folder() / NETWORKS[name].file)
        warn(f"{error}")


def _weights_of(name: str) -> tuple[str, ...]:
    """The files of weights that a network's or a metric's name means; none if it is a data set's."""
    from srbench.data.fetch.networks import NETWORKS
    from srbench.plugins.registry import Registry

    if name in NETWORKS:
        return (name,)
    registry = Registry()
    return registry.metric(name).weights if name in registry.metrics.names else ()


def _metrics_by_weights() -> dict[str, list[str]]:
    """The metrics that need each file of weights."""
    from contextlib import suppress

    from srbench.errors import UsageError
    from srbench.plugins.registry import Registry

    registry = Registry()
    needed: dict[str, list[str]] = {}
    for metric in registry.metrics.names:
        with suppress(UsageError):  # a broken plugin is its author's affair
            for name in registry.metric(metric).weights:
                needed.setdefault(name, []).append(metric)
    return needed


def _weights_record(name: str, metrics: list[str]) -> dict[str, Any]:
    """A file of weights as ``list --json`` shows it: whether it is here and whole, and which metrics need it."""
    from srbench.data.fetch.networks import NETWORKS, find
    from srbench.errors import DataError

    known = NETWORKS[name]
    try:
        where, fault = str(find((name,), name)[name]), ""
    except DataError as error:
        where, fault = "", str(error)
    return {
        "name": name,
        "file": known.file,
        "metrics": metrics,
        "bytes": known.bytes,
        "present": "yes" if where else "no",
        "path": where,
        "fault": fault,
        "url": known.url,
        "sha256": known.sha256,
    }


def _splits(name: str) -> list[Dataset]:
    """The split that is named, or all of them."""
    from srbench.data.catalog import dataset_of, known_names, load_manifest, resolve

    if name in known_names():
        manifest = load_manifest(name)
        return [dataset_of(manifest, split, spec=name) for split in manifest.splits]
    return [resolve(name)]


def _label(dataset: Dataset) -> str:
    return f"{dataset.manifest}:{dataset.split}" if dataset.manifest else dataset.name


def _found(dataset: Dataset) -> list[Path]:
    places = (file.found() for item in dataset.items for file in item.files)
    return [place for place in places if place is not None]


def _record(name: str) -> dict[str, Any]:
    """A data set as ``list --json`` shows it; files are looked for, not read."""
    from srbench.data.catalog import load_manifest, manifest_names
    from srbench.errors import DataError

    try:
        manifest = load_manifest(name)
    except DataError as error:  # one of the user's own: the others shall still be listed
        return _broken_record(name, str(error))
    datasets = [] if manifest.by_hand else _splits(name)
    found = [place for dataset in datasets for place in _found(dataset)]
    files = [file for dataset in datasets for item in dataset.items for file in item.files]
    archives = {a for split in manifest.splits.values() for a in (split.archive, split.lr_archive) if a}
    listed = [_bytes(split.images) for split in manifest.splits.values() if not split.archive]
    return {
        "name": name,
        "own": name not in manifest_names(),
        "title": manifest.title,
        "kind": manifest.kind,
        "role": manifest.role,
        "splits": {split: content.count for split, content in manifest.splits.items()},
        "images": sum(content.count for content in manifest.splits.values()),
        "default_split": manifest.default_split,
        "bytes": sum(archive.bytes for archive in archives) + sum(listed),
        "bytes_on_disk": sum(place.stat().st_size for place in found),
        "present": "no" if not found else "yes" if len(found) == len(files) else "part",
        "folder": str(datasets[0].folder) if datasets else "",
        "licence": manifest.licence,
        "homepage": manifest.homepage,
        "notes": manifest.notes,
        "fault": "",
    }


def _broken_record(name: str, fault: str) -> dict[str, Any]:
    record: dict[str, Any] = {"name": name, "own": True, "title": "", "kind": "", "role": "", "splits": {}, "images": 0}
    record |= {"default_split": "", "bytes": 0, "bytes_on_disk": 0, "present": "no", "folder": ""}
    return record | {"licence": "", "homepage": "", "notes": "", "fault": fault}


def _bytes(entries: Any) -> int:
    files = [file for entry in entries for file in (entry, entry.lr) if file is not None]
    return sum(file.bytes or 0 for file in files)


def _print_table(records: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from srbench.data.fetch.progress import human_size

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Name", "Kind", "Splits (* default)", "Size", "Here", "Licence"):
        table.add_column(heading, justify="right" if heading == "Size" else "left", overflow="fold")
    for record in (it for it in records if not it["fault"]):
        splits = (
            f"{name}{'*' * (name == record['default_split'])} {count}" for name, count in record["splits"].items()
        )
        size = human_size(record["bytes_on_disk"] if record["present"] == "yes" else record["bytes"])
        name = record["name"] + " (yours)" * record["own"]
        cells = (name, record["kind"], "\n".join(splits), size, record["present"], record["licence"])
        table.add_row(*cells)
    _print(table)
    for record in (it for it in records if it["fault"]):  # below the table, whose columns would break it into words
        echo(f"{record['name']} (yours)  {record['fault']}")


def _print_weights(records: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from srbench.data.fetch.progress import human_size

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Weights", "Of metrics", "Size", "Here"):
        table.add_column(heading, justify="right" if heading == "Size" else "left", overflow="fold")
    for record in records:
        metrics = ", ".join(record["metrics"]) or "(losses)"
        table.add_row(record["name"], metrics, human_size(record["bytes"]), record["present"])
    _print(table)


def _print(table: Table) -> None:
    from srbench.system.console import make_console

    console = make_console()
    console = console if console.is_terminal else make_console(width=80)
    console.print(table)


def _print_json(content: dict[str, Any]) -> None:
    echo_json(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


def _raise_for(bad: list[str], ways: list[str]) -> None:
    from srbench.errors import DataError

    if bad:
        shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        verb = "is" if len(bad) == 1 else "are"
        raise DataError(f"{shown} {verb} not as pinned: {' and '.join(dict.fromkeys(ways))}.")
