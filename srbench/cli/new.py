"""``srbench new``: creates packages from templates."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from srbench.system.text import echo

app = typer.Typer(help="Create a package from a template.", no_args_is_help=True)


@app.callback()
def _verbs() -> None:
    """Keep ``method`` a subcommand although it is the only one."""


@app.command()
def method(
    name: Annotated[str, typer.Argument(help="The method's name: lower case, digits and hyphens.")],
    out: Annotated[Path, typer.Option("--out", help="The parent folder of the package.")] = Path(),
    learned: Annotated[
        bool, typer.Option("--learned/--plain", help="A network that srbench trains, or a formula.")
    ] = True,
    channels: Annotated[
        str,
        typer.Option(
            help="Its channels: luma, RGB, or any plane.",
            metavar="y|rgb|any",
            show_default="y, or any with --plain",
        ),
    ] = "",
    input: Annotated[
        str, typer.Option(help="Its input: LR, or the image that the protocol has upsampled.", metavar="lr|upsampled")
    ] = "lr",
) -> None:
    """Create a Python package that adds a method to srbench.

    It works as written: replace its network or formula with yours. Its tests check srbench's contract and a lower
    limit of PSNR.

    Exit codes: 0 fine, 2 wrong usage, 4 the folder cannot be written to.
    """
    from srbench.cli.console import stderr
    from srbench.plugins.registry import Registry
    from srbench.scaffold.package import NewMethod, write
    from srbench.system.files import writing

    new = NewMethod(
        name=name,
        learned=learned,
        channels=channels or ("y" if learned else "any"),  # type: ignore[arg-type]  # checked there
        input=input,  # type: ignore[arg-type]
    )
    with writing(f"{out} cannot be written", ": name another --out."):
        folder = write(new, out, Registry())
    echo(folder)
    quoted = shlex.quote(str(folder))
    stderr().print(
        f"The method is {folder / 'src' / new.module / '__init__.py'}. Try it:\n"
        f"  pip install -e {quoted}\n"
        f"  srbench run --methods bicubic,{name} --scales 2\n"
        f"  python -m pytest {quoted}",
        markup=False,
        soft_wrap=True,
    )
