"""Counts the work of ONNX graphs from the shapes of their tensors; nothing is run."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from srbench.speed.roofline import Work

_OF_INPUT = {"BatchNormalization": 2, "LayerNormalization": 5, "InstanceNormalization": 5, "GlobalAveragePool": 1}
"""What fvcore counts for an element of input."""


def count_onnx(path: Path, x: tuple[int, int, int, int]) -> Work | None:
    """The work of a graph for an input (N, C, h, w); None without the package onnx, or where a shape is unknown."""
    if importlib.util.find_spec("onnx") is None:
        return None
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
        graph = model.graph
        constants = {each.name: tuple(each.dims) for each in graph.initializer}
        (image,) = (each for each in graph.input if each.name not in constants)
        if not _fix(image.type.tensor_type.shape.dim, x):
            return None
        del graph.value_info[:]
        for each in graph.output:
            each.type.tensor_type.ClearField("shape")
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
        known = constants | {
            each.name: tuple(dim.dim_value for dim in each.type.tensor_type.shape.dim)
            for each in (*graph.input, *graph.value_info, *graph.output)
        }
        return _counted(graph, known)
    except Exception:  # onnx's errors have no common base, and an unusual graph is one whose work is unknown
        return None


def _fix(dims: Any, x: tuple[int, int, int, int]) -> bool:
    """Give the input its size; False if it has another."""
    if len(dims) == 4 and dims[3].dim_value == x[1] and dims[1].dim_value != x[1]:  # as TensorFlow has them
        x = (x[0], x[2], x[3], x[1])
    for dim, side in zip(dims, x, strict=True):
        if dim.dim_value not in (0, side):
            return False
        dim.dim_value = side
    return True


def _counted(graph: Any, known: Mapping[str, tuple[int, ...]]) -> Work | None:
    macs = values = other = activations = convolutions = 0
    for node in graph.node:
        shapes = [known.get(name, ()) for name in node.input if name]
        out = known.get(node.output[0], ())
        own = 0
        if node.op_type in ("Conv", "ConvTranspose"):
            # of a convolution each output takes a weight's inner part, of a transposed one each input does
            own = math.prod(out if node.op_type == "Conv" else shapes[0]) * math.prod(shapes[1][1:])
            activations += math.prod(out)
            convolutions += 1
        elif node.op_type in ("MatMul", "Gemm"):
            turned = any(each.name == "transA" and each.i for each in node.attribute)
            own = math.prod(out) * shapes[0][-2 if turned else -1]
        elif node.op_type in _OF_INPUT:
            other += _OF_INPUT[node.op_type] * math.prod(shapes[0])
        elif node.op_type == "Resize":
            mode = next((each.s for each in node.attribute if each.name == "mode"), b"nearest")
            other += {b"nearest": 1, b"linear": 4}.get(mode, 0) * math.prod(out)
        else:
            continue
        if not out or not all(out) or not all(map(all, shapes)):
            return None
        macs += own
        values += sum(map(math.prod, (*shapes, out))) if own else 0
    return Work(
        macs=macs,
        values=values,
        flops=macs + other,
        activations=activations,
        convolutions=convolutions,
        parameters=None,
    )
