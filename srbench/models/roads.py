"""What to write for a network, for those who wrote its file or its name alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path, PurePath

from srbench.errors import UsageError
from srbench.system.names import unknown

_KINDS = {
    ".pth": ("torch", "spandrel"),
    ".ckpt": ("torch", "spandrel"),
    ".safetensors": ("torch", "spandrel"),
    ".pt": ("torch", "torchscript"),
    ".onnx": ("onnx",),
    ".pt2": ("exported",),
    ".yml": ("basicsr",),
    ".yaml": ("basicsr",),
    ".py": ("--plugin", "torch:FILE"),
}
"""By the suffix of a file: the kinds that read it."""
_EXAMPLES = {
    "torch": "torch:FILE.py:Class?weights={path}&scale=N with its class in a Python file",
    "torch:FILE": "torch:{path}:{name}?weights=W.pth&scale=N for a network in it",
    "--plugin": "--plugin {path} for methods in it",
    "basicsr": "basicsr:{path} for options of BasicSR or traiNNer-redux",
    "spandrel": "spandrel:{path} for an architecture that spandrel knows",
    "torchscript": "torchscript:{path} for a program of torch.jit.save",
}
_PUBLISHED = (
    *("bsrn", "carn", "dat", "dbpn", "drct", "drrn", "edsr", "elan", "esrgan", "fdat", "han", "hat", "imdn", "lapsrn"),
    *("mambair", "mdsr", "plksr", "rcan", "rdn", "realesrgan", "realplksr", "rfdn", "rlfn", "rrdbnet", "safmn", "san"),
    *("span", "spanplus", "srgan", "srresnet", "swin2sr", "swinir", "vdsr"),
)
"""Architectures that users ask for by their names."""


def _network(path: Path) -> str:
    """The class of a Python file that is a network by its bases; a word for it if there is none."""
    try:
        tree = ast.parse(path.expanduser().read_text("utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return "Class"
    found = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any("Module" in ast.unparse(base) for base in node.bases)
    ]
    return found[-1] if found else "Class"  # what it consists of comes before it


def no_method(name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is no method's: the kinds of models that read such a file, or have such a network."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _KINDS or "/" in name:
        kinds = _KINDS.get(suffix, ("torch", "spandrel", "onnx"))
        network = _network(Path(name)) if suffix == ".py" else ""
        roads = " or ".join(_EXAMPLES.get(kind, f"{kind}:{{path}}").format(path=name, name=network) for kind in kinds)
        return UsageError(f"'{name}' is a file and not a method's name: write {roads}.")
    if name.lower() in _PUBLISHED:
        return UsageError(
            f"There is no method '{name}', but a file of its weights is one: spandrel:{name}_x2.pth as published, "
            f"onnx:{name}_x2.onnx, or torch:FILE.py:Class?weights={name}_x2.pth&scale=2 with its class in a Python "
            "file."
        )
    return unknown("method", name, known)
