"""``srbench export-challenge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srbench.cli.options import split
from srbench.system.text import echo


def export_challenge(
    dataset: Annotated[str, typer.Option(help="The data set: a name, name:split, a folder, or hr=DIR,lr=DIR.")],
    scale: Annotated[int, typer.Option(help="The factor by which HR is larger than LR.", min=1)],
    protocol: Annotated[str, typer.Option(help="By which submissions are scored; or a TOML file.")] = "vdsr",
    metrics: Annotated[str, typer.Option(help="What is scored.")] = "psnr,ssim",
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the two zips.")] = Path("challenge"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write a scoring program for Codabench: submitted SR images are scored exactly as srbench scores them.

    scoring_program.zip goes into the competition's scoring program, reference_data.zip (the HR images, for the
    organisers alone) into its reference data. A submission is a zip of SR images, named as their HR images. The
    competition's Docker image needs srbench.

    Exit codes: 0 fine, 2 wrong usage, 4 data missing or the files cannot be written.
    """
    from srbench.data.catalog import resolve
    from srbench.export.challenge import PROGRAM, REFERENCE, challenge_files
    from srbench.export.folder import require_replaceable
    from srbench.plugins.registry import Registry
    from srbench.protocols.builtin import get_protocol
    from srbench.system.files import write_atomically, writing

    for name in (PROGRAM, REFERENCE):
        require_replaceable(out / name, overwrite=overwrite)
    data = resolve(dataset)
    files = challenge_files(data, scale, get_protocol(protocol), split(metrics), Registry())
    for name, content in files.items():
        with writing(f"{out / name} cannot be written", ": name another --out."):
            write_atomically(out / name, content)
        echo(out / name)
    if data.licence:
        echo(f"{REFERENCE} holds the images of {data.name} ({data.licence}): keep to their terms", err=True)
