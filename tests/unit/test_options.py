"""Options, as command line and config file give them."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

import srbench
from srbench.bench.options import Options, Request
from srbench.cli.main import app
from srbench.cli.options import _as_given, _use_config, numbers
from srbench.cli.run import run as run_verb
from srbench.errors import UsageError
from srbench.system.names import join_names, split_names


def test_fractions_in_a_config_file_may_be_whole_numbers() -> None:
    for value in (30, 0.5):
        assert _as_given(Path("c.toml"), "cell-timeout", value, float) == value
    for wrong in ("30 s", True, [1, 2]):
        with pytest.raises(UsageError, match="cell-timeout cannot be"):
            _as_given(Path("c.toml"), "cell-timeout", wrong, float)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b, c", ("a", "b", "c")),
        (" ,a,,", ("a",)),
        ("set5,hr=x,lr=y,z", ("set5", "hr=x,lr=y", "z")),
        (r"./Oslo\, May,set5", ("./Oslo, May", "set5")),
        (r"hr=a\,b,lr=c", ("hr=a,b,lr=c",)),
        (r"C:\pictures,b", ("C:\\pictures", "b")),
    ],
)
def test_lists(text: str, names: tuple[str, ...]) -> None:
    assert split_names(text) == names
    assert split_names(join_names(names)) == names


@given(st.lists(st.text("ab,:= ./hrl", min_size=1).map(str.strip).filter(bool), max_size=5))
def test_whatever_names_are_joined_can_be_split(names: list[str]) -> None:
    """Which the command that resumes a run relies on."""
    if not any(name.startswith(("hr=", "lr=")) for name in names):  # two of these in a row are a pair
        assert split_names(join_names(names)) == tuple(names)


def test_a_list_in_a_config_file_may_hold_names_with_commas() -> None:
    assert split_names(_as_given(Path("c.toml"), "datasets", ["./a, b", "hr=x,lr=y"], str)) == ("./a, b", "hr=x,lr=y")


COMMANDS = typer.main.get_command(app).commands
HINTS = {verb: get_type_hints(command.callback) for verb, command in COMMANDS.items() if command.callback}


@pytest.mark.parametrize("verb", [verb for verb, hints in HINTS.items() if "config" in hints])
def test_every_option_may_stand_in_a_config_file(verb: str, tmp_path: Path) -> None:
    """Whatever its default: the number of workers has none, and could not be set."""
    command, hints = COMMANDS[verb], HINTS[verb]
    given: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for parameter in command.params:
        name = parameter.opts[0].removeprefix("--")
        if not parameter.opts[0].startswith("--") or name in ("config", "help"):
            continue
        hint = str(hints[parameter.name])
        kind = next(kind for kind in ("list", "Path", "str", "bool", "int", "float") if kind in hint)
        value = {"list": ["a"], "Path": "a", "str": "a", "bool": True, "int": 2, "float": 0.5}[kind]
        given[name] = expected[str(parameter.name)] = value
    path = tmp_path / "c.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
    context = command.make_context(verb, ["--help"], resilient_parsing=True)
    _use_config(context, path)
    assert context.default_map == expected


@given(st.floats(0.0, 1e9, exclude_min=True), st.floats(0.01, 1.0))
def test_the_words_of_a_command_give_the_values_back(seconds: float, share: float) -> None:
    options = Options(cell_timeout=seconds, cell_memory=share, gpu_share=share)
    words = options.words()
    values = dict(zip(words[::2], words[1::2], strict=True))
    assert float(values["--cell-timeout"]) == seconds
    assert float(values["--cell-memory"]) == share
    assert float(values.get("--gpu-share", 1.0)) == share


def test_whole_values_are_written_short() -> None:
    assert Options(cell_timeout=600.0, threads=2).words() == ["--threads", "2", "--cell-timeout", "600"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"cell_memory": math.inf}, "--cell-memory is a number from 0 to 1000000, not inf."),
        ({"cell_memory": math.nan}, "--cell-memory is a number from 0 to 1000000, not nan."),
        ({"cell_timeout": math.inf}, "--cell-timeout is a number from 0 to 1000000000, not inf."),
        ({"cell_timeout": 1e300}, "--cell-timeout is a number from 0 to 1000000000, not 1e+300."),
        ({"threads": 100_000}, "--threads is a number from 0 to 1024, not 100000."),
        ({"threads": 10**12}, "--threads is a number from 0 to 1024, not 1000000000000."),
        ({"threads": -1}, "--threads is a number from 0 to 1024, not -1."),
        ({"jobs": -1}, "--jobs is 0 or more, not -1."),
        ({"device": "meta"}, "Device 'meta' cannot be used: --device takes auto, cpu, cuda, cuda:1 or mps."),
    ],
)
def test_limits_that_no_machine_has_are_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        Options(**given).check()
    assert str(raised.value) == sentence
    Options(cell_memory=0.5, cell_timeout=1e6, threads=1024, device="cuda:1").check()


def test_limits_need_a_worker() -> None:
    out = Path("runs")
    assert Options(out=out).workers == 0
    assert Options(out=out, cell_timeout=1.0).workers == 1
    assert Options(out=out, cell_memory=1.0).workers == 1
    assert Options(out=out, jobs=3, cell_timeout=1.0).workers == 3


def test_whole_numbers_have_limits() -> None:
    assert numbers("seeds", "0,7", 0, 7) == (0, 7)
    with pytest.raises(UsageError, match="--seeds takes whole numbers up to 7, not '1,8'"):
        numbers("seeds", "1,8", 0, 7)


def test_a_runs_options_are_the_same_in_python_and_on_the_command_line() -> None:
    """Names, order of meaning and defaults have one source; Python's signature shows them as literals."""
    asked = {option.name: option.default for kind in (Request, Options) for option in fields(kind)}
    del asked["command"]
    python = {name: p.default for name, p in inspect.signature(srbench.run).parameters.items()}
    line = {name: p.default for name, p in inspect.signature(run_verb).parameters.items()}
    for name, default in asked.items():
        many = isinstance(default, tuple)
        assert python[name] in (default, default[0] if many and len(default) == 1 else default), name
        assert line[name] == (join_names(default) if many and default else default) or line[name] is None, name
    own = {"speed", "plugins", "progress"}
    assert python.keys() - asked.keys() == own
    for name in python:
        assert f"\n        {name}: " in (srbench.run.__doc__ or ""), name
