"""``srbench verify``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, Plugins, split
from srbench.errors import DataError, UsageError
from srbench.system.text import echo, echo_json

if TYPE_CHECKING:
    from srbench.proof.verify import Means

SHORTEST_NAME = 12
"""Characters of a claim's name that are asked for."""


def verify(
    claim: Annotated[
        Path, typer.Argument(metavar="BUNDLE|CLAIM", help="A bundle, or figures of a paper: .toml, .csv or .json.")
    ],
    depth: Annotated[
        str,
        typer.Option(
            metavar="whole|rescored|reproduced", help="Bundles: how deep to go.", show_default="as deep as possible"
        ),
    ] = "",
    name: Annotated[
        str, typer.Option(metavar="srb:DIGEST", help="Bundles: the claim's name; any other is refused.")
    ] = "",
    datasets: Annotated[
        str, typer.Option(help="Folders of HR images, if the data sets are not known by name: DIR or NAME=DIR.")
    ] = "",
    images: Annotated[
        str,
        typer.Option(metavar="DIR", help="SR images to score; {method}, {dataset} and {scale} in it are filled in."),
    ] = "",
    methods: Annotated[
        str,
        typer.Option(
            help="Models as for `srbench run`: torch:FILE.py:Class, onnx:FILE, …, or NAME=onnx:FILE for the "
            "paper's name."
        ),
    ] = "",
    run_code: Annotated[
        bool,
        typer.Option(
            "--run-code", help="Bundles: run code from the bundle, with your rights, where a method is not here."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="Where methods run: auto, cpu, cuda, cuda:1, mps.")] = "cpu",
    badge: Annotated[
        Path | None, typer.Option(metavar="FILE.svg|json", help="Bundles: also write a badge; json is for shields.io.")
    ] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write a page.")] = None,
    json: Json = False,
    plugin: Plugins = None,
) -> None:
    """Verify a claim: whether figures are true here.

    Of a bundle (`srbench bundle`) at three depths. whole: every file has its hash, and the figures agree with one
    another. rescored: the SR images in it are scored against the HR images that are here. reproduced: the methods run
    again here. On a processor figures have to be equal to 1e-6; on another device than the claim's to 0.001 dB. Nothing
    in a bundle is executed without --run-code.

    Of figures that a paper prints (`srbench claim init`): each is computed again, and is confirmed to the printed
    digit, or off by so much; then `srbench explain` says which choices would give it.

    Exit codes: 0 verified as deep as was asked, 1 refuted, 2 wrong usage, 4 no whole bundle, or something is missing
    for the depth or a figure.
    """
    from srbench.proof.verdict import DEPTHS

    if badge is not None and badge.suffix not in (".svg", ".json"):
        raise UsageError(f"--badge is a .svg or .json file, not '{badge}'.")
    if depth not in ("", *DEPTHS):
        raise UsageError(f"--depth is {', '.join(DEPTHS[:-1])} or {DEPTHS[-1]}, not '{depth}'.")
    if claim.suffix.lower() in (".toml", ".csv", ".json"):
        for option, value in {"--depth": depth, "--name": name, "--run-code": run_code, "--badge": badge}.items():
            if value:
                raise UsageError(f"{option} is for bundles, and {claim} is none: leave it out.")
        shown = _check_claim(claim, split(methods), images, split(datasets), plugin or [], device)
    else:
        from srbench.proof.verify import Means

        means = Means(
            depth=depth or None,  # type: ignore[arg-type]  # checked above
            datasets=split(datasets),
            images=images,
            methods=split(methods),
            plugins=tuple(plugin or ()),
            run_code=run_code,
            device=device,
            step=_say,
        )
        shown = _verify_bundle(claim, name, means)
    for path in filter(None, (page, badge)):
        from srbench.system.files import write_atomically, writing

        with writing(f"{path} cannot be written", "; name another file."):
            write_atomically(path, shown.page() if path is page else shown.badge(path.suffix))
    if json:
        echo_json(shown.document())
    else:
        for line in shown.lines:
            echo(line)
    if shown.exit_code:
        raise typer.Exit(shown.exit_code)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What came out, in each of its forms."""

    exit_code: int
    lines: list[str]
    document: Callable[[], str]
    page: Callable[[], str]
    badge: Callable[[str], str] = str


def _say(what: str) -> None:
    from srbench.cli.console import stderr

    stderr().print(what, markup=False, soft_wrap=True)


def _verify_bundle(path: Path, name: str, means: Means) -> _Shown:
    """Read a bundle and verify it."""
    from srbench.proof.badge import badge_json, badge_svg
    from srbench.proof.page import verification_page
    from srbench.proof.reading import read_bundle
    from srbench.proof.text import document, paragraphs
    from srbench.proof.verify import verify as verify_bundle

    bundle = read_bundle(path)
    if name and not (len(name) >= SHORTEST_NAME and f"srb:{bundle.sha256}".startswith(name)):
        raise DataError(f"{path} is {bundle.name}, and not {name}: get the bundle of that name.")
    with redirect_stdout(sys.stderr):  # stdout is for results: what a method prints is not one
        found = verify_bundle(bundle, means)
    return _Shown(
        found.exit_code,
        list(paragraphs(found)),
        partial(document, found),
        partial(verification_page, found),
        lambda suffix: badge_svg(found) if suffix == ".svg" else badge_json(found),
    )


def _check_claim(
    path: Path, methods: tuple[str, ...], images: str, datasets: tuple[str, ...], plugins: list[Path], device: str
) -> _Shown:
    """Read the figures of a paper and check them."""
    from srbench.proof.check_claim import ClaimMeans, check_claim
    from srbench.proof.claim import read_claim
    from srbench.proof.claim_text import claim_document, claim_paragraphs
    from srbench.proof.page import claim_page

    claim = read_claim(path)
    means = ClaimMeans(
        methods=methods, images=images, datasets=datasets, plugins=tuple(plugins), device=device, step=_say
    )
    with redirect_stdout(sys.stderr):
        found = check_claim(path, claim, means)
    return _Shown(
        found.exit_code, list(claim_paragraphs(found)), partial(claim_document, found), partial(claim_page, found)
    )
