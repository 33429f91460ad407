"""``srbench board``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srbench.errors import EXIT_DATA
from srbench.system.text import echo, warn

FILES = ("index.html", "compare.html", "feed.xml", "board.json", "places/", "methods/", "claims/")


def board(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders with bundles and runs.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the site.")] = Path("board"),
    title: Annotated[str, typer.Option(help="Of the first page.")] = "Image super-resolution",
    url: Annotated[str, typer.Option(help="Where the site will lie, for RSS.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing board.")] = False,
) -> None:
    """Write a static site of bundles and runs: a page a data set, scale and protocol, a method, and a claim.

    A bundle X.srb.zip is checked to be whole; its rows are marked with the depth that `srbench verify --json` wrote to
    X.srb.zip.json beside it. Published values of the same images and protocol stand apart. Pages open without a server.

    Example: srbench verify x.srb.zip --json > x.srb.zip.json; srbench board .

    Exit codes: 0 fine, 2 wrong usage, 4 a bundle or run was left out, or the site cannot be written.
    """
    from srbench.analysis.references import load_references
    from srbench.board.entries import collect
    from srbench.board.site import site
    from srbench.errors import UsageError
    from srbench.export.folder import require_replaceable
    from srbench.system.files import replaced_folder, writing

    require_replaceable(out, overwrite=overwrite, own=FILES)
    entries = collect(folders)
    for sentence in entries.left_out:
        warn(f"left out: {sentence}")
    if not entries.rows and not entries.claims:
        raise UsageError(f"There is no bundle and no run in {', '.join(map(str, folders))}: name other folders.")
    count = 0
    with writing(f"{out} cannot be written", ": name another --out."), replaced_folder(out) as new:
        for folder in ("places", "methods", "claims"):
            (new / folder).mkdir()
        for name, content in site(entries, load_references(None), title, url):
            (new / name).write_text(content, encoding="utf-8")
            count += 1
    echo(out / "index.html")
    echo(f"{count} files: {len(entries.claims)} claims, {len(entries.rows)} rows", err=True)
    if entries.left_out:
        raise typer.Exit(EXIT_DATA)
