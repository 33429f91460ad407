"""Shared by verbs: lists on the command line, and the config file."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from srbench.errors import UsageError
from srbench.system.factors import Factor, factor
from srbench.system.names import join_names, split_names, unknown
from srbench.system.toml import read_toml

split = split_names


def numbers(name: str, values: str, least: int, most: int | None = None) -> tuple[int, ...]:
    """``2,3,4`` as a tuple, each number once.

    Raises:
        UsageError: something else than whole numbers from ``least`` on, and up to ``most``.
    """
    try:
        found = tuple(dict.fromkeys(int(value) for value in split(values)))
    except ValueError:
        raise UsageError(f"--{name} takes whole numbers such as 2,3,4, not '{values}'.") from None
    if not found or min(found) < least:
        raise UsageError(f"--{name} takes whole numbers from {least} on, not '{values}'.")
    if most is not None and max(found) > most:
        raise UsageError(f"--{name} takes whole numbers up to {most}, not '{values}'.")
    return found


def factors(name: str, values: str) -> tuple[Factor, ...]:
    """``2,3,1.5`` as a tuple, each scale once; whole ones as ints.

    Raises:
        UsageError: something else than numbers from 1 on.
    """
    try:
        found = tuple(dict.fromkeys(factor(value) for value in split(values)))
    except ValueError:
        found = ()
    if not found:
        raise UsageError(f"--{name} takes numbers from 1 on such as 2,3,4 or 1.5, not '{values}'.")
    return found


def _use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a TOML file's keys stand in for options that the command line does not give."""
    if path is None:
        return None
    table = read_toml(path, "config")
    options = {option.removeprefix("--"): str(p.name) for p in context.command.params for option in p.opts}
    for key in ("config", "help", "h"):
        options.pop(key, None)
    kinds = get_type_hints(context.command.callback)
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        if key not in options:
            raise unknown("option that a config file may set called", key, options)
        defaults[options[key]] = _as_given(path, key, value, kinds[options[key]])
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _as_given(path: Path, key: str, value: Any, kind: Any) -> Any:
    """A config file's value as the command line would give it: lists may be lists or comma separated.

    Args:
        kind: The option's type in its verb's signature, such as ``int | None``.
    """
    kinds = {get_origin(kind) or kind}
    if kinds <= {Union, UnionType}:
        kinds = {get_origin(one) or one for one in get_args(kind)}
    values = value if isinstance(value, list) else [value]
    if list in kinds and all(isinstance(item, str) for item in values):
        return values
    if str in kinds and all(type(item) in (str, int, float) for item in values):
        return join_names(values) if isinstance(value, list) else str(value)
    if type(value) in kinds or (Path in kinds and isinstance(value, str)):
        return value
    if float in kinds and type(value) is int:
        return value
    raise UsageError(f"{path}: {key} cannot be {_as_toml(value)}; write it as on the command line.")


def _as_toml(value: Any) -> str:
    """A TOML value, for messages."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


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
Published = Annotated[
    str,
    typer.Option(
        metavar="all|none|FILE.csv",
        help="Published values to show: all, none, or those of a file.",
        show_default="those of the methods shown",
    ),
]
Json = Annotated[bool, typer.Option("--json/--no-json", help="One JSON document on stdout instead of tables.")]
