"""``srbench degrade``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srbench.cli.options import Json, numbers, split
from srbench.errors import UsageError
from srbench.system.names import join_names
from srbench.system.text import counted, echo, echo_json, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from srbench.data.degrading import Degraded

SCALES = (2, 3, 4)


def degrade(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that gets a folder for each data set.")],
    datasets: Annotated[
        str, typer.Option(help="Data sets of HR images: names, name:split, or folders; comma separated.")
    ] = "embedded",
    scales: Annotated[
        str | None, typer.Option(help="The factors.", show_default="2,3,4, or those that the protocol is for")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="That makes LR: edsr, bd, dn, … (see `srbench list`), or a TOML file.")
    ] = "edsr",
    layout: Annotated[
        str,
        typer.Option(metavar="basicsr|edsr", help="GTmod2 and LRbicx2, or HR and LR_bicubic/X2 with HR not cropped."),
    ] = "basicsr",
    json: Json = False,
) -> None:
    """Write the LR images that a protocol makes, and their HR images, as PNG for other programs.

    Each data set's folder appears whole or not at all, with degraded.json: how each file was made.
    The same command again checks what is there; other content is never replaced.

    Example: srbench degrade lr/ --datasets set5,set14 --scales 3 --protocol bd

    Exit codes: 0 fine, 2 wrong usage, 4 data missing or corrupt, or OUT not writable; 130 interrupted.
    """
    from srbench.cli.console import stderr
    from srbench.data.catalog import resolve
    from srbench.data.degrading import degrade_dataset, require_degradable
    from srbench.protocols.builtin import get_protocol
    from srbench.system.console import make_bars

    found = get_protocol(protocol)
    factors = numbers("scales", scales, 1) if scales else found.scales or SCALES
    specs = (datasets,) if "," in datasets and Path(datasets).is_dir() else split(datasets)
    sets = [resolve(spec) for spec in specs]
    if not sets:
        raise UsageError("--datasets needs at least one.")
    require_degradable(found, factors, sets, layout)
    for note in (dataset.note for dataset in sets if dataset.note):
        warn(f"note: {note}")
    if found.lr == "double":
        warn(f"note: '{found.name}' does not round LR and PNG does: scores of these files differ from the protocol's.")
    done = []
    with make_bars(stderr()) as bars:
        bars.disable = not stderr().is_terminal
        for dataset in sets:
            task = bars.add_task(dataset.name, total=len(dataset.items))
            done.append(
                degrade_dataset(dataset, found, factors, out, layout, lambda task=task: bars.advance(task))  # type: ignore[misc]
            )
    _show(done, factors, as_json=json)


def _show(done: Sequence[Degraded], scales: Sequence[int], *, as_json: bool) -> None:
    if as_json:
        from json import dumps

        rows = [
            {"folder": str(one.folder), "made": one.made}
            | one.record.model_dump(mode="json", exclude={"schema_version", "images"})
            | {"pairs": {f"x{scale}": one.pairs(scale) for scale in scales}}
            for one in done
        ]
        echo_json(dumps({"schema_version": 1, "datasets": rows}, indent=1, ensure_ascii=False))
        return
    for one in done:
        count = len({pair.name for pair in one.record.images})
        state = "written" if one.made else "there already, unchanged"
        echo(f"{one.folder}: {counted(count, 'image')} x {counted(len(scales), 'scale')} {state}")
        for scale in scales:
            pairs = join_names([one.pairs(scale)])
            words = ("srbench", "run", "--datasets", pairs, "--scales", str(scale), "--protocol", one.read_back)
            echo(f"  x{scale}: {shlex.join(words)}")
