"""Names that users type: globs, did-you-mean, and what a label is made of."""

from __future__ import annotations

import difflib
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


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return UsageError(f"There is no {kind} '{name}'. Did you mean {' or '.join(near)}?")
    return UsageError(f"There is no {kind} '{name}'. Known: {', '.join(known) or 'none'}.")
