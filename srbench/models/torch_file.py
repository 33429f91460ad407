"""Networks whose class is in a Python file of the user: the class is built, and its weights are loaded.

The file is executed, as a plugin is.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from srbench.errors import DataError, UsageError
from srbench.models.code import networks
from srbench.models.loaded import LoadedModel, image_alone, require_one_input
from srbench.models.source_file import imported
from srbench.models.spec import SCALE, SCALE_ARGUMENTS, Code
from srbench.models.state_dict import read_state_dict, tables
from srbench.system.names import unknown
from srbench.system.text import first_line

PREFERRED = ("params_ema", "model_ema", "ema", "params", "state_dict", "model_state_dict", "model", "net")
"""Tables of a checkpoint, the best first: an average of weights is what papers test."""
IGNORED = ("num_batches_tracked", "total_ops", "total_params")
"""Ends of names that counters have, which are no weights."""
MOST_NAMED = 3
_WORDS = {"true": True, "false": False, "none": None}


def open_file(path: Path, device: torch.device, code: Code, scale: int) -> LoadedModel:
    """Build a network, and load its weights.

    Args:
        path: of the weights; the Python file itself if there are none.
        device: for the network.
        code: its class or function, and the arguments.
        scale: for the constructor; 0 if unknown.

    Raises:
        UsageError: the file cannot be imported, has no such class, or the class takes other arguments.
        DataError: the weights are damaged, or do not fit the network.
    """
    with imported(code.path) as module:
        make = vars(module).get(code.name)
        if not callable(make):
            raise unknown(f"network in {code.path.name} called", code.name, networks(code.path))
        arguments = _arguments(make, code, scale)
        network = _made(make, arguments, code)
        if path == code.path:
            _require_determined(network, _made(make, arguments, code, seed=1), code)
    called = f"{code.name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
    table = "" if path == code.path else _load(network, path, f"{called} of {code.path.name}", code.table)
    network.to(device).eval().requires_grad_(requires_grad=False)
    parameters = sum(weight.numel() for weight in network.parameters())
    inputs = _required(network.forward)
    if scale and len(inputs) > 1 and inputs[1] in SCALE_ARGUMENTS:
        network = _AtScale(network, inputs.pop(1), scale)
    require_one_input(code.name, inputs)
    says = called + (f" with {table}" if table else "")
    return LoadedModel(run=image_alone(network), says=says, parameters=parameters, module=network)


class _AtScale(nn.Module):
    """A network of several scales at one of them."""

    def __init__(self, network: nn.Module, name: str, scale: int) -> None:
        super().__init__()
        self.network, self.given = network, {name: scale}

    def forward(self, x: Tensor) -> Any:
        """(N, C, h, w) to (N, C, H, W)."""
        return self.network(x, **self.given)


def _arguments(make: Callable[..., Any], code: Code, scale: int) -> dict[str, Any]:
    """The arguments of the constructor, with the scale where it takes one.

    Raises:
        UsageError: it takes others.
    """
    given = {name: _value(value, scale) for name, value in code.arguments}
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return given
    named = {
        name: each for name, each in parameters.items() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }
    if len(named) == len(parameters) and (wrong := next((name for name in given if name not in named), None)):
        raise unknown(f"argument of {code.name} called", wrong, named)
    if scale and not given.keys() & {*SCALE_ARGUMENTS}:
        given |= {name: scale for name in SCALE_ARGUMENTS if name in named}
    if lacking := [name for name in _required(make) if name not in given]:
        hint = "&".join("scale=2" if name in SCALE_ARGUMENTS else f"arg.{name}=VALUE" for name in lacking)
        raise UsageError(f"{code.name} of {code.path.name} needs {', '.join(lacking)}: add '{hint}' after the '?'.")
    return given


def _required(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments without a default."""
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in kinds]


def _value(text: str, scale: int) -> Any:
    """A value as Python writes it; other text is a string."""
    text = text.replace(SCALE, str(scale)) if scale else text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _made(make: Callable[..., Any], arguments: Mapping[str, Any], code: Code, seed: int = 0) -> nn.Module:
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = make(**arguments)
    except Exception as error:  # any error of a constructor
        why = f"{type(error).__name__}: {first_line(error).rstrip('.')}"
        raise UsageError(
            f"{code.name} of {code.path.name} cannot be built ({why}); its arguments are ?arg.NAME=VALUE."
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(f"{code.name} of {code.path.name} is not a network: name a torch.nn.Module's class.")
    return network


def _require_determined(network: nn.Module, other: nn.Module, code: Code) -> None:
    """Reject a network with random weights.

    Raises:
        UsageError: it has.
    """
    again = other.state_dict()
    if not all(torch.equal(value, again[name]) for name, value in network.state_dict().items()):
        raise UsageError(
            f"{code.name} of {code.path.name} has random weights until they are loaded: add '?weights=FILE.pth'."
        )


def _load(network: nn.Module, path: Path, what: str, table: str = "") -> str:
    """Load the weights; returns the table of the file that they are from.

    Raises:
        DataError: they do not fit.
    """
    wanted = network.state_dict()
    best: tuple[int, str, dict[str, Tensor]] = (-1, "", {})
    for name, state in _candidates(read_state_dict(path), wanted, table):
        score = sum(key in state and state[key].shape == value.shape for key, value in wanted.items())
        if score == len(wanted) == len(state):
            try:
                network.load_state_dict(state)
            except Exception as error:  # of a network that loads in a way of its own
                raise DataError(f"{path.name} does not fit {what} ({first_line(error).rstrip('.')}).") from None
            return name
        best = max(best, (score, name, state), key=lambda each: each[0])
    raise DataError(f"{path.name} does not fit {what}: {_mismatch(wanted, best[2])}; correct arg.NAME=VALUE or scale.")


def _candidates(
    checkpoint: dict[str, Any], wanted: Mapping[str, Tensor], table: str
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """What of a checkpoint may be the weights: its tables, as they are and without a prefix of their names.

    Args:
        checkpoint: a file's content.
        wanted: the network's weights.
        table: the only one that is meant, where the checkpoint has it.
    """
    found = tables(checkpoint)
    found = [each for each in found if each[0] == table] or found if table else found
    last = {name: name.rpartition(".")[2] for name, _ in found}
    found.sort(key=lambda each: PREFERRED.index(last[each[0]]) if last[each[0]] in PREFERRED else len(PREFERRED))
    first = next(iter(wanted), "")
    for name, entries in found:
        state = {str(key): value for key, value in entries.items() if isinstance(value, Tensor)}
        prefixes = {key.removesuffix(first) for key in state if first and key.endswith(f".{first}")}
        for prefix in ("", *sorted(prefixes, key=lambda each: (len(each), each))):
            part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            yield name, {key: value for key, value in part.items() if key in wanted or not key.endswith(IGNORED)}


def _mismatch(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """How the best candidate differs, in words."""
    said = []
    if missing := [name for name in wanted if name not in state]:
        said.append(f"{len(missing)} of its {len(wanted)} weights are missing ({_some(missing)})")
    if unexpected := [name for name in state if name not in wanted]:
        said.append(f"{len(unexpected)} are unexpected ({_some(unexpected)})")
    for name, value in wanted.items():
        if name in state and state[name].shape != value.shape:
            said.append(f"{name} is {tuple(state[name].shape)} in the file and {tuple(value.shape)} in the class")
            break
    return ", ".join(said)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
