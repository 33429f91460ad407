"""``srbench data add`` and ``remove``: data sets of one's own that have a name."""

from __future__ import annotations

from typing import Annotated

import typer

from srbench.system.text import echo, warn


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What --datasets shall call it.")],
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder of images or of classes of them, or hr=DIR,lr=DIR.")
    ],
    title: Annotated[str, typer.Option(help="For people.", show_default="NAME")] = "",
    licence: Annotated[str, typer.Option(help="In a few words.")] = "not stated",
    citation: Annotated[str, typer.Option(help="BibTeX.")] = "",
    homepage: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    split: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPLIT=GLOB",
            help="Images of a split, as in 'train=train/*'; repeated. train… and val… may be trained on.",
            show_default="test=all",
        ),
    ] = None,
    url_base: Annotated[str, typer.Option(help="Where SOURCE is published: for a manifest that others can use.")] = "",
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the images beside the manifest, rather than use them where they are.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Describe anew what has this name already.")] = False,
) -> None:
    """Give images of yours a name: they are read once, and pinned by their hashes in a manifest.

    From then on `--datasets NAME` works everywhere; `verify` finds a file that changes, as does a run that reads it.
    A set without --split is a test set: it is never trained on. Manifests lie in SRBENCH_DATASETS.

    Exit codes: 0 fine, 2 wrong usage, 4 an image is missing or wrong.
    """
    from srbench.data import adding
    from srbench.data.own.describe import About

    about = About(title=title or name, licence=licence, homepage=homepage, citation=citation)
    manifest = adding.add(
        name,
        source,
        about,
        splits=split or [],
        url_base=url_base,
        copy=copy,
        replaced=replace,
        taken=_names_of_weights(),
    )
    counts = ", ".join(f"{part} {len(content.entries())}" for part, content in manifest.splits.items())
    echo(f"{name}: {manifest.kind}, {counts}; described in {manifest.file}")
    for note in adding.overlaps(manifest):
        warn(f"note: {note}")


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set of your own, or one as hf:org/name.")],
) -> None:
    """Forget a data set of your own; its images stay. What was fetched of hf:… is deleted.

    Exit codes: 0 fine, 2 wrong usage, 4 files cannot be removed.
    """
    from srbench.data.own.hub import remove_hub
    from srbench.data.own.hub_spec import is_hub
    from srbench.data.own.manifests import remove as forget

    if is_hub(name):
        folder = remove_hub(name)
        echo(f"{name}: removed {folder}" if folder else f"{name}: was not here")
        return
    path, copies = forget(name)
    echo(f"{name}: removed {path}" + (f"; the copies of its images stay in {copies}" if copies else ""))


def _names_of_weights() -> dict[str, str]:
    """Names that mean files of weights to the verbs of ``srbench data``."""
    from srbench.data.fetch.networks import NETWORKS
    from srbench.plugins.registry import Registry

    return {name: f"the metric {name}" for name in Registry().metrics.names} | {
        name: f"the network {name}" for name in NETWORKS
    }
