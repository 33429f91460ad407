"""Programs written by ``torch.export.save``, checked before torch opens them.

``torch.export.load`` unpickles anything but plain tensors, evaluates expressions of shapes as Python, and calls any
function of torch that a node names. Networks need none of that, so it is rejected.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from srbench.errors import DataError
from srbench.models.loaded import LoadedModel, require_honest_zip, require_one_input
from srbench.system.hashes import parse_json
from srbench.system.text import first_line

_LARGEST = 2**28
"""Bytes of a graph."""
_TARGET = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file\b)(?!\w*__)[A-Za-z]\w*\.\w+|torch\.ops\.aten\._(?!\w*__)\w+\.\w+"
    r"|torch\.sym_[a-z]+|math\.[a-z0-9]+"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_|not_)"
)
_NAME = re.compile(r"[\w.]*", re.ASCII)  # they become part of code that torch generates
_TENSOR = re.compile(r"(weight|tensor)_\d+", re.ASCII)
_SYMBOL = r"'[A-Za-z]+\d+'"
_WORDS = (
    *("Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Max", "Min", "Mod", "PythonMod", "FloorDiv"),
    *("CeilDiv", "CleanDiv", "IntTrueDiv", "Where", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not"),
    *("positive", "integer", "nonnegative", "real", "True", "False", "floor", "ceiling"),
)
_EXPRESSION = re.compile(rf"(?:{_SYMBOL}|(?:{'|'.join(_WORDS)})\b|[a-z]{{1,2}}\d+\b|\d+(?:\.\d+)?|[-+*/%(),=<> ])*")


def open_file(path: Path, device: torch.device) -> LoadedModel:
    """Open an exported program.

    Raises:
        DataError: the file is damaged, or contains something harmful that no network needs.
    """
    try:
        _check_archive(path)
        with _silent():
            program = torch.export.load(path)
        if device.type != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
        module = program.module()
    except DataError:
        raise
    except Exception as error:  # of zipfile, of torch, and any other for damaged archives
        raise DataError(
            f"{path.name} cannot be opened as an exported program ({first_line(error).rstrip('.')})."
        ) from None
    require_one_input(path.name, list(map(str, program.graph_signature.user_inputs)))
    size = _size(program)
    return LoadedModel(
        run=module,
        says="exported program" + (f", run in parts of {size[1]}x{size[0]}" if size else ""),
        parameters=sum(weight.numel() for weight in program.parameters()),
        size=size,
        module=module,
    )


def _size(program: Any) -> tuple[int, int] | None:
    """(h, w) of the only images that a program takes; None where both are free."""
    wanted = program.graph_signature.user_inputs
    shapes = [
        node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in wanted
    ]
    if len(shapes) != 1 or len(shapes[0]) != 4 or not all(isinstance(side, int) for side in shapes[0][2:]):
        return None
    return int(shapes[0][2]), int(shapes[0][3])


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Suppress torch's log of an exception that it then raises."""
    log = logging.getLogger("torch.export")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _check_archive(path: Path) -> None:
    """Reject archives that could run code.

    Raises:
        DataError: it could.
    """

    def refuse(what: str) -> DataError:
        return DataError(f"{path.name} {what}, which opening it could run; export the network alone, or as ONNX.")

    require_honest_zip(path)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            inner = info.filename.partition("/")[2]
            if inner.startswith("data/sample_inputs/"):
                try:
                    torch.load(io.BytesIO(archive.read(info)), weights_only=True)
                except Exception:
                    raise refuse("holds sample inputs that are not tensors") from None
            elif inner.startswith(("data/weights/", "data/constants/")):
                if inner.endswith(".json"):
                    for key, value in _pairs(_json(archive, info)):
                        if key == "use_pickle" and value:
                            raise refuse("holds pickled tensors")
                        if key == "path_name" and not _TENSOR.fullmatch(str(value)):
                            raise refuse(f"has the path_name '{str(value)[:80]}'")
                elif not _TENSOR.fullmatch(inner.rpartition("/")[2]):
                    raise refuse("holds objects that are not tensors")
            elif inner.startswith("data/aotinductor/"):
                raise refuse("holds compiled code")
            elif inner.startswith("models/"):
                for key, value in _pairs(_json(archive, info)):
                    if isinstance(value, str) and not _is_plain(key, value):
                        raise refuse(f"has the {key} '{value[:80]}'")
            elif not inner.startswith((".data/", "archive_", "byteorder", "extra/")):
                raise refuse(f"holds '{inner[:80]}'")


def _is_plain(key: str, value: str) -> bool:
    """Whether a string in a graph is harmless."""
    if key in ("target", "expr_str"):
        return (_TARGET if key == "target" else _EXPRESSION).fullmatch(value) is not None
    if key == "guards_code":
        return False
    return _NAME.fullmatch(value) is not None or not key.endswith(("name", "names", "fqn"))


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    if info.file_size > _LARGEST:
        raise ValueError("its graph is too large")
    return parse_json(archive.read(info))


def _pairs(data: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value at any depth; items of a list have its key."""
    queue = [("", data)]
    while queue:
        key, item = queue.pop()
        yield key, item
        if isinstance(item, dict):
            queue += item.items()
        elif isinstance(item, list):
            queue += [(key, value) for value in item]
