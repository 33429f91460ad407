"""The fields of a protocol and of its steps, as TOML files have them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from srbench.errors import UsageError
from srbench.imaging.blur import read_kernel
from srbench.protocols.degradations import STEPS, Step
from srbench.system.names import unknown


def checked(path: Path, key: str, value: Any, expected: Any) -> Any:
    """The value of a protocol's field or of a step's.

    Args:
        path: of the file.
        key: the field.
        value: as TOML has it.
        expected: the field's type.

    Raises:
        UsageError: it does not fit.
        DataError: a kernel's file cannot be read.
    """
    if key == "degradation":
        return _steps(path, value)
    if expected == tuple[int, ...]:
        if not isinstance(value, list) or any(type(each) is not int or each < 1 for each in value):
            raise UsageError(f"{path}: {key} must be a list of whole numbers such as [2, 3, 4], not {value!r}.")
        return tuple(sorted(set(value)))
    if key == "kernel" and get_origin(expected) is tuple:
        if not isinstance(value, str):
            raise UsageError(f"{path}: kernel of a blur must be the path of a .npy, .mat or .png file, not {value!r}.")
        return tuple(map(tuple, read_kernel(path.parent / value).tolist()))
    choices = () if get_origin(expected) is tuple else get_args(expected)
    if key == "enlarged_range":
        if value is False:
            return None
        numbers = [v for v in value if type(v) in (int, float)] if isinstance(value, list) else []
        if len(numbers) != 2 or len(value) != 2 or not -math.inf < numbers[0] < numbers[1] < math.inf:
            raise UsageError(f"{path}: {key} must be two rising numbers such as [16, 235], or false.")
        return (float(value[0]), float(value[1]))
    if expected == tuple[float, float]:  # the sigma of a blur
        both = value if isinstance(value, list) else [value, value]
        if len(both) != 2 or any(type(each) not in (int, float) for each in both):
            raise UsageError(f"{path}: sigma of a blur must be a number or two such as [2.0, 0.8], not {value!r}.")
        return (float(both[0]), float(both[1]))
    if choices:
        if value not in choices:
            raise UsageError(f"{path}: {key} must be one of {', '.join(map(str, choices))}, not {value!r}.")
    elif expected is float:
        if type(value) not in (int, float) or not math.isfinite(value):
            raise UsageError(f"{path}: {key} must be a number, not {value!r}.")
        return float(value)
    elif type(value) is not expected or (expected is int and value < 0):
        kind = "a whole number from 0 on" if expected is int else f"of type {expected.__name__}"
        raise UsageError(f"{path}: {key} must be {kind}, not {value!r}.")
    return value


def _steps(path: Path, tables: Any) -> tuple[Step, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path}: degradation must be [[degradation]] tables, one a step, not {tables!r}.")
    return tuple(_step(path, table) for table in tables)


def _step(path: Path, table: dict[str, Any]) -> Step:
    table = dict(table)
    name = table.pop("step", None)
    if not isinstance(name, str) or name not in STEPS:
        raise unknown(f"step of protocol file {path}", str(name), list(STEPS))
    fields = get_type_hints(STEPS[name])
    del fields["step"]
    for key, value in table.items():
        if key not in fields:
            raise unknown(f"key of step {name} in protocol file {path}", key, list(fields))
        table[key] = checked(path, key, value, fields[key])
    try:
        return STEPS[name](**table)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
