"""``srbench claim``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srbench.cli.options import numbers, split
from srbench.system.text import echo

app = typer.Typer(help="Figures that a paper prints, as a file.", no_args_is_help=True)


@app.callback()
def _verbs() -> None:
    """Keep ``init`` a subcommand although it is the only one."""


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
