"""Names that users type: globs, did-you-mean, and what a label is made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from srbench.errors import UsageError

MODEL_KINDS = ("spandrel", "onnx", "torchscript", "exported", "images", "hub")
"""What comes before the colon where a method is a file, a folder or a model hub's: no method can be called so."""
PACKAGE_OF = {"spandrel": "spandrel", "onnx": "onnxruntime", "hub": "huggingface_hub"}
"""What a kind needs that srbench does not bring; the extra that brings it is called as the kind is."""


def method_of(label: str) -> str:
    """The method in ``name:recipe``; a model's label, such as ``onnx:espcn_x2``, is its name as a whole."""
    name = label.partition(":")[0]
    return label if name in MODEL_KINDS else name


def split_names(values: str) -> tuple[str, ...]:
    r"""``a,b, c`` as a tuple; a data set ``hr=DIR,lr=DIR`` stays one, and ``\,`` is a comma in a name."""
    parts: list[str] = []
    for escaped in re.split(r"(?<!\\),", values):
        part = escaped.replace(r"\,", ",").strip()
        pair = {part[:3], parts[-1][:3]} if parts else set()
        if pair == {"lr=", "hr="}:
            parts[-1] += f",{part}"
        elif part:
            parts.append(part)
    return tuple(parts)


def join_names(names: Iterable[object]) -> str:
    """The text that :func:`split_names` makes these names of."""
    written = (str(name) for name in names)
    return ",".join(name if split_names(name) == (name,) else name.replace(",", r"\,") for name in written)


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return UsageError(f"There is no {kind} '{name}'. Did you mean {' or '.join(near)}?")
    return UsageError(f"There is no {kind} '{name}'. Known: {', '.join(known) or 'none'}.")
