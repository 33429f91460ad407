"""``srbench bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from srbench.cli.options import Out, split
from srbench.errors import UsageError
from srbench.system.places import RUNS
from srbench.system.text import echo, warn

SUFFIX = ".srb.zip"


def bundle(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] OUT.srb.zip", help="A run by path, id or a start of it (else the newest), and the file."
        ),
    ],
    out: Out = RUNS,
    sr: Annotated[str, typer.Option(metavar="none|sample|all", help="The SR images that the bundle holds.")] = "all",
    with_weights: Annotated[
        bool, typer.Option("--with-weights", help="Put in weights: srbench's own, and those trained here.")
    ] = False,
    datasets: Annotated[
        str, typer.Option(help="Data sets of the run that are no longer where its command names them.")
    ] = "",
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", help="A file with methods of the run, whose source is put in; it is executed."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Put a run into one file that a stranger can verify, and print its name.

    The file has the figures of every image, the protocol, the hashes of the data sets' pixels and of the weights, the
    methods' source, the environment, the command, and the SR images that were scored; it never has HR images. The same
    run gives the same bytes. `srbench verify` is its counterpart.

    Example: srbench bundle set5-vdsr-1f3a claim.srb.zip

    Exit codes: 0 fine, 2 wrong usage, 4 something of the run is missing or changed.
    """
    if len(paths) > 2:
        raise UsageError(f"A bundle is of one run, and these are {len(paths)} names: give [RUN] OUT{SUFFIX}.")
    *run, file = paths
    if not file.endswith(SUFFIX):
        raise UsageError(f"The file comes last, and its name ends in {SUFFIX}: '{file}' does not.")
    from srbench.proof.manifest import Sr

    if sr not in get_args(Sr):
        raise UsageError(f"--sr is {', '.join(get_args(Sr)[:-1])} or all, not '{sr}'.")
    from srbench.bench.store import find_run, read_run
    from srbench.export.folder import require_replaceable
    from srbench.proof.bundle import make_bundle

    require_replaceable(Path(file), overwrite=overwrite)
    loaded = read_run(find_run(run[0] if run else None, out))
    made = make_bundle(
        loaded,
        Path(file),
        sr=sr,  # type: ignore[arg-type]  # checked above
        with_weights=with_weights,
        plugins=plugin or [],
        datasets=split(datasets),
    )
    for note in made.manifest.left_out:
        warn(f"left out: {note}")
    echo(f"{made.name}  {made.path}")
    size = made.path.stat().st_size / 1e6
    echo(f"{len(loaded.cells)} cells, {len(made.manifest.sr_images)} SR images, {size:.1f} MB", err=True)
