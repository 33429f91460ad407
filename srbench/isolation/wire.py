"""Messages of hosts: JSON and raw arrays, never a pickle, since hosts are not trusted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.system.hashes import parse_json

MOST_HEAD = 2**26
"""Most bytes of a message without its arrays."""
_TYPES = ("float32", "float64", "uint8")


class GarbledError(Exception):
    """A message is invalid."""


def send(connection: Connection, head: Mapping[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> None:
    """Send a message: a table of plain data, and arrays of the types float32, float64 and uint8."""
    shapes = [[str(array.dtype), list(array.shape)] for array in arrays]
    connection.send_bytes(json.dumps({**head, "arrays": shapes}).encode())
    for array in arrays:
        connection.send_bytes(np.ascontiguousarray(array).data.cast("B"))


def receive(connection: Connection, most: int) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The next message.

    Args:
        connection: to read from.
        most: most elements of its arrays in all.

    Raises:
        GarbledError: it is invalid or too large.
        EOFError, OSError: the connection is closed.
    """
    content = connection.recv_bytes(MOST_HEAD)
    try:
        head = parse_json(content)
        shapes = [(str(kind), tuple(int(side) for side in shape)) for kind, shape in head.pop("arrays")]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise GarbledError from None
    if any(kind not in _TYPES or min(shape, default=0) < 0 for kind, shape in shapes):
        raise GarbledError
    if sum(math.prod(shape) for _, shape in shapes) > most:
        raise GarbledError
    arrays = []
    for kind, shape in shapes:
        size = math.prod(shape) * np.dtype(kind).itemsize
        content = connection.recv_bytes(max(size, 1))
        if len(content) != size:
            raise GarbledError
        arrays.append(np.frombuffer(content, kind).reshape(shape))
    return head, arrays
