"""``srbench verify``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Plugins, split
from srbench.errors import UsageError
from srbench.system.text import echo, echo_json

if TYPE_CHECKING:
    from srbench.proof.verdict import Verification
    from srbench.proof.verify import Means


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle of `srbench bundle`.")],
    depth: Annotated[
        str,
        typer.Option(metavar="whole|rescored|reproduced", help="How deep to go.", show_default="as deep as possible"),
    ] = "",
    name: Annotated[str, typer.Option(metavar="srb:DIGEST", help="The claim's name: another bundle is refused.")] = "",
    datasets: Annotated[str, typer.Option(help="Folders of HR images, if the bundle's sets are not known by name.")] = (
        ""
    ),
    images: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="SR images to score in place of the bundle's; {method}, {dataset}, {scale} are filled in.",
        ),
    ] = "",
    methods: Annotated[
        str, typer.Option(help="Models of the bundle, as for `srbench run`: onnx:FILE and the like.")
    ] = "",
    run_code: Annotated[
        bool,
        typer.Option("--run-code", help="Run code from the bundle, with your rights, where a method is not here."),
    ] = False,
    device: Annotated[str, typer.Option(help="Where methods run: auto, cpu, cuda, cuda:1, mps.")] = "cpu",
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write a page.")] = None,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Verify a claim: whether a bundle is whole, its SR images score as it says, and its figures come out here too.

    Three depths. whole: every file has its hash, and the figures agree with one another. rescored: the SR images in it
    are scored against the HR images that are here. reproduced: the methods run again here. On a processor figures have
    to be equal to 1e-6; on another device than the claim's to 0.001 dB. Nothing in a bundle is executed without
    --run-code.

    Exit codes: 0 verified as deep as was asked, 1 refuted, 2 wrong usage, 4 no whole bundle, or something is missing
    for the depth.
    """
    from srbench.proof.verdict import DEPTHS

    if depth not in ("", *DEPTHS):
        raise UsageError(f"--depth is {', '.join(DEPTHS[:-1])} or {DEPTHS[-1]}, not '{depth}'.")
    with redirect_stdout(sys.stderr):  # stdout is for results: what a method prints is not one
        from srbench.cli.console import stderr
        from srbench.proof.verify import Means

        console = stderr()
        means = Means(
            depth=depth or None,  # type: ignore[arg-type]  # checked above
            datasets=split(datasets),
            images=images,
            methods=split(methods),
            plugins=tuple(plugin or ()),
            run_code=run_code,
            device=device,
            step=lambda what: console.print(what, markup=False, soft_wrap=True),
        )
        found = _verify(bundle, name, means)
    if page is not None:
        from srbench.proof.page import verification_page
        from srbench.system.files import write_atomically, writing

        with writing(f"{page} cannot be written", "; name another file."):
            write_atomically(page, verification_page(found))
    if json:
        from srbench.proof.text import document

        echo_json(document(found))
    else:
        from srbench.proof.text import paragraphs

        for line in paragraphs(found):
            echo(line)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _verify(bundle: Path, name: str, means: Means) -> Verification:
    """Read a bundle and verify it."""
    from srbench.errors import DataError
    from srbench.proof.reading import read_bundle
    from srbench.proof.verify import verify as verify_bundle

    read = read_bundle(bundle)
    if name and not (len(name) >= 12 and f"srb:{read.sha256}".startswith(name)):
        raise DataError(f"{bundle} is {read.name}, and not {name}: get the bundle of that name.")
    return verify_bundle(read, means)
