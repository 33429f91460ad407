"""Models that are ONNX graphs already, with srbench's names and range of values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srbench.errors import MethodError
from srbench.export.network import CPU
from srbench.models.model import BLACK, SPAN, FileMethod
from srbench.system.text import first_line

OPSET = 18
"""The native opset of PyTorch's exporter; ONNX Runtime supports it since 1.14."""


class NoGraph(MethodError):
    """A method that cannot be traced."""


def known_graph(method: FileMethod, scale: int, name: str, x: Tensor) -> Any:
    """The graph of a model as an ``onnx.ModelProto`` on [0, 1], its weights inside.

    Args:
        method: the model.
        scale: the scale.
        name: for its input.
        x: images to trace a TorchScript program with.

    Returns:
        None if its file is neither a graph nor a TorchScript program.

    Raises:
        MethodError: it takes images of some sizes only, or images whose channels are last.
    """
    opened, traits = method.opened(scale, CPU), method.traits[scale]
    is_script = isinstance(opened.module, torch.jit.ScriptModule)
    if opened.graph is None and not is_script:
        return None
    import onnx
    from onnx import helper

    fixed = traits.size is not None or traits.multiple > 1 or traits.least > 1
    model = None
    if not fixed:
        model = onnx.load(opened.graph) if opened.graph is not None else _of_script(opened.module, x)
        graph = model.graph
        constants = {each.name for each in graph.initializer}
        (image,) = (each for each in graph.input if each.name not in constants)
        tensor = image.type.tensor_type
    if model is None or tensor.shape.dim[1].dim_value not in (0, 1, 3) or tensor.elem_type != onnx.TensorProto.FLOAT:
        raise MethodError(f"{method.info.name} takes images of some sizes or types only, which no graph for all can.")
    white, full = method.spec.options.range, method.spec.options.luma == "full"
    gain, shift = (white / SPAN, -BLACK * white / SPAN) if full else (white, 0.0)
    mark = "srbench"
    taken = {*constants, *(value for node in graph.node for value in (*node.input, *node.output))}
    while any(value.startswith(mark) for value in taken):  # an export that is exported again
        mark += "_"
    for key, value in (("gain", gain), ("shift", shift)):
        graph.initializer.append(helper.make_tensor(f"{mark}_{key}", onnx.TensorProto.FLOAT, [1], [value]))
    inner = {image.name: f"{mark}_input", graph.output[0].name: f"{mark}_output"}
    _renamed(graph, {name: f"{mark}_lr", "sr": f"{mark}_sr"} | inner)  # the outer names may be inner ones
    before = [
        helper.make_node("Mul", [name, f"{mark}_gain"], [f"{mark}_scaled"]),
        helper.make_node("Add", [f"{mark}_scaled", f"{mark}_shift"], [f"{mark}_input"]),
    ]
    after = [
        helper.make_node("Sub", [f"{mark}_output", f"{mark}_shift"], [f"{mark}_moved"]),
        helper.make_node("Div", [f"{mark}_moved", f"{mark}_gain"], ["sr"]),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    image.name, graph.output[0].name = name, "sr"
    del graph.output[1:]
    return model


def _of_script(program: Any, x: Tensor) -> Any:
    """The graph of a TorchScript program, which torch's newer exporter does not take."""
    import onnx

    axes = {0: "batch", 2: "height", 3: "width"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        try:
            torch.onnx.export(
                program,
                (x,),
                str(path),
                input_names=["x"],
                output_names=["y"],
                opset_version=OPSET,
                dynamic_axes={"x": axes, "y": axes},
                dynamo=False,
            )
        except Exception as error:  # any error of a program that is converted
            raise NoGraph(
                f"A TorchScript program cannot be exported to ONNX ({first_line(error).rstrip('.')})."
            ) from error
        return onnx.load(path)


def _renamed(graph: Any, names: dict[str, str]) -> None:
    """Rename values inside a graph."""
    for node in graph.node:
        for values in (node.input, node.output):
            for k, value in enumerate(values):
                values[k] = names.get(value, value)
