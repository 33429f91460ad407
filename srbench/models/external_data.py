"""Finds the external files of an ONNX model's weights.

The model is parsed without being loaded: planning needs the files, but neither onnx nor memory for the weights.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from srbench.errors import DataError

# of onnx.proto: which fields of a message lead to tensors, and to what message
_INNER = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}
_DATA_LOCATION, _EXTERNAL = 14, 1
_KEY, _VALUE = 1, 2
_FIXED = {1: 8, 5: 4}
"""Bytes of a field, by its wire type."""

Field = tuple[int, int, int]
"""The field number, and start and end of the content; for an integer, its value and -1."""


def external_files(path: Path) -> list[Path]:
    """The external files with tensors of an ONNX model, each once.

    Raises:
        DataError: one is missing or lies outside the model's folder, or the model is damaged.
    """
    homes = {path.parent.resolve(), path.resolve().parent}  # a model hub's cache links to both
    return [_inside(path, location, homes) for location in locations(path)]


def locations(path: Path) -> list[str]:
    """The external locations that the tensors of an ONNX model name, each once.

    Raises:
        DataError: the model cannot be read, or is damaged.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] == b"ORTM":  # onnxruntime's own format, which holds everything
                return []
            return list(dict.fromkeys(_locations(data)))
    except OSError as error:
        raise DataError(f"The model {path} cannot be read ({error.strerror}); check its permissions.") from None
    except ValueError:  # also of mmap, for an empty file
        raise DataError(f"{path.name} cannot be opened as an ONNX model (it is damaged, or another format).") from None


def _inside(path: Path, location: str, homes: set[Path]) -> Path:
    file = path.parent / location
    try:
        there = file.resolve()
        is_inside = not os.path.isabs(location) and any(there.is_relative_to(home) for home in homes)  # noqa: PTH117
        is_file = there.is_file()
    except (OSError, ValueError):  # an impossible file name
        is_inside, is_file = True, False
    if not is_inside or ".." in PurePosixPath(location).parts:
        raise DataError(f"{path.name} has weights in '{location}', outside its folder; save both in one folder.")
    if not is_file:
        raise DataError(f"{path.name} has weights in '{location}', which is not in {path.parent}; put it there.")
    return file


def _locations(data: mmap.mmap) -> Iterator[str]:
    waiting = [("model", 0, len(data))]
    while waiting:
        message, start, end = waiting.pop()
        fields = list(_fields(data, start, end))
        if message == "tensor" and (_DATA_LOCATION, _EXTERNAL, -1) not in fields:
            continue
        if message == "entry":
            texts = {number: data[begin:stop] for number, begin, stop in fields if stop >= 0}
            if texts.get(_KEY) == b"location":
                yield os.fsdecode(texts.get(_VALUE, b""))
        inner = _INNER[message]
        waiting += [(inner[number], begin, stop) for number, begin, stop in fields if number in inner and stop >= 0]


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[Field]:
    """The fields of a message.

    Raises:
        ValueError: it is invalid.
    """
    while at < end:
        tag, at = _number(data, at, end)
        kind = tag & 7
        if kind == 0:
            value, at = _number(data, at, end)
            yield tag >> 3, value, -1
            continue
        length = _FIXED.get(kind, 0)
        if kind == 2:
            length, at = _number(data, at, end)
        elif not length:
            raise ValueError
        if at + length > end:
            raise ValueError
        yield tag >> 3, at, at + length
        at += length


def _number(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError
