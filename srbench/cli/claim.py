"""``srbench claim``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srbench.cli.options import numbers, split
from srbench.system.text import echo

app = typer.Typer(help="Claims: figures that a paper prints, and a bundle's results for others.", no_args_is_help=True)


@app.callback()
def _verbs() -> None:
    """Verbs of claims."""


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file: .toml or .csv.")],
    methods: Annotated[str, typer.Option(help="Methods, as the paper calls them.")] = "bicubic",
    datasets: Annotated[str, typer.Option(help="Data sets.")] = "set5",
    scales: Annotated[str, typer.Option(help="Scales.")] = "2",
    metrics: Annotated[str, typer.Option(help="What the figures are.")] = "psnr,ssim",
    protocol: Annotated[str, typer.Option(help="The protocol; leave it out if the paper does not say it.")] = "",
    title: Annotated[str, typer.Option(help="Of the paper.")] = "",
    source: Annotated[str, typer.Option(help="Where it is: an address.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write a file for the figures that a paper prints, with a row for each method, data set, scale and metric.

    Fill in the values as they are printed; `srbench verify FILE` computes them again, by the --methods or of the
    --images that you have, and says which come out, which are off by how much, and what explains those.

    Example: srbench claim init vdsr.toml --methods bicubic --datasets set5,set14 --scales 2,3,4 --protocol vdsr

    Exit codes: 0 fine, 2 wrong usage, 4 the file cannot be written.
    """
    from srbench.export.folder import require_replaceable
    from srbench.proof.claim import Rows, require_suffix, template
    from srbench.system.files import write_atomically, writing

    suffix = require_suffix(file)
    require_replaceable(file, overwrite=overwrite)
    rows = Rows(split(methods), split(datasets), numbers("scales", scales, 1), split(metrics), protocol)
    with writing(f"{file} cannot be written", ": name another file."):
        write_atomically(file, template(suffix, rows, title, source))
    echo(file)
    echo(f"fill in the values, then: srbench verify {file}", err=True)


@app.command()
def export(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle of `srbench bundle`.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.")] = Path("claim"),
    dataset_ids: Annotated[
        str, typer.Option(metavar="NAME=ORG/NAME,...", help="The data sets' names on the Hub, for .eval_results.")
    ] = "",
    method: Annotated[
        str, typer.Option(help="The method that .eval_results is of.", show_default="the only one, or none")
    ] = "",
    source: Annotated[str, typer.Option(metavar="URL", help="Where the bundle lies, for .eval_results.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write a bundle's results for others: a table for leaderboards, and .eval_results for a model on the Hub.

    results.md and results.json have a row for each figure: model, data set, scale, metric, value, protocol, and the
    bundle's name as its proof. With --dataset-ids, .eval_results/srbench.yaml is what the Hugging Face Hub reads from a
    model's repository.

    Exit codes: 0 fine, 2 wrong usage, 4 the bundle is refused, or a file cannot be written.
    """
    from srbench.errors import UsageError
    from srbench.export.eval_results import FOLDER, eval_results, hub_names
    from srbench.export.folder import require_replaceable
    from srbench.export.results_table import results_json, results_markdown
    from srbench.proof.reading import read_bundle
    from srbench.system.files import write_atomically, writing

    read = read_bundle(bundle)
    ids = hub_names(dataset_ids)
    contents = {"results.md": results_markdown(read.run, read.name), "results.json": results_json(read.run, read.name)}
    if ids:
        labels = list(dict.fromkeys(cell.id.method_label for cell in read.run.cells))
        label = method or labels[0]
        if label not in labels or (not method and len(labels) > 1):
            raise UsageError(f"{FOLDER} is of one method: give --method, one of {', '.join(labels)}.")
        content = eval_results(read.run, label, ids, claim=read.name, source_url=source)
        contents[f"{FOLDER}/srbench.yaml"] = content
    for name in contents:
        require_replaceable(out / name, overwrite=overwrite)
    for name, content in contents.items():
        with writing(f"{out / name} cannot be written", ": name another --out."):
            write_atomically(out / name, content)
        echo(out / name)
