"""What several verbs share: lists on the command line, and the config file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from srbench.errors import UsageError
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


def _use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a TOML file's keys stand in for options that the command line does not give."""
    if path is None:
        return None
    table = read_toml(path, "config")
    options = {option.removeprefix("--"): str(p.name) for p in context.command.params for option in p.opts}
    for key in ("config", "help", "h"):
        options.pop(key, None)
    # the kind of an option is that of its default in the verb's signature; only those that can be repeated have none
    signature = inspect.signature(context.command.callback or _use_config).parameters
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        if key not in options:
            raise unknown("option that a config file may set called", key, options)
        defaults[options[key]] = _as_given(path, key, value, signature[options[key]].default)
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _as_given(path: Path, key: str, value: Any, default: Any) -> Any:
    """A config file's value as the command line would give it: lists may be lists or comma separated."""
    values = value if isinstance(value, list) else [value]
    if default is None and all(isinstance(item, str) for item in values):
        return values
    if isinstance(default, str) and all(type(item) in (str, int, float) for item in values):
        return join_names(values) if isinstance(value, list) else str(value)
    if (isinstance(default, bool | int) and type(value) is type(default)) or (
        isinstance(default, Path) and isinstance(value, str)
    ):
        return value
    if isinstance(default, float) and type(value) in (int, float):
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
Json = Annotated[bool, typer.Option("--json/--no-json", help="One JSON document on stdout instead of tables.")]
