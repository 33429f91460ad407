"""What several verbs share: lists on the command line, and the config file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from srbench.errors import UsageError
from srbench.names import unknown


def split(values: str) -> tuple[str, ...]:
    """``a,b, c`` as a tuple; a data set ``hr=DIR,lr=DIR`` stays one."""
    parts: list[str] = []
    for part in values.split(","):
        part = part.strip()
        if part.startswith("lr=") and parts and parts[-1].startswith("hr="):
            parts[-1] += f",{part}"
        elif part:
            parts.append(part)
    return tuple(parts)


def numbers(name: str, values: str, least: int) -> tuple[int, ...]:
    """``2,3,4`` as a tuple.

    Raises:
        UsageError: something else than whole numbers from ``least`` on.
    """
    try:
        found = tuple(int(value) for value in split(values))
    except ValueError:
        raise UsageError(f"--{name} takes whole numbers such as 2,3,4, not '{values}'.") from None
    if not found or min(found) < least:
        raise UsageError(f"--{name} takes whole numbers from {least} on, not '{values}'.")
    return found


def _use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a TOML file's keys stand in for options that the command line does not give."""
    if path is None:
        return None
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no config file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"Config file {path} cannot be read: {error}.") from None
    options = {option.removeprefix("--"): p.name for p in context.command.params for option in p.opts}
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        if key not in options or key == "config":
            raise unknown(f"option for the key of {path}:", key, set(options) - {"config", "help"})
        defaults[str(options[key])] = ",".join(map(str, value)) if isinstance(value, list) else value
    if isinstance(table.get("plugin"), list):
        defaults[str(options["plugin"])] = table["plugin"]
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_use_config,
        is_eager=True,
        help="A TOML file whose keys are option names; the command line wins over it.",
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="A Python file with methods or metrics; it is executed. Can be repeated."),
]
Out = Annotated[Path, typer.Option("--out", help="The folder that holds runs.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of tables.")]
