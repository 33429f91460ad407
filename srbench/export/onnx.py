"""Exports methods as ONNX graphs for images of any size, verified against torch."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from srbench.errors import MethodError, UsageError
from srbench.export.known_graph import OPSET as OPSET
from srbench.export.known_graph import NoGraph as NoGraph
from srbench.export.known_graph import known_graph
from srbench.export.network import network_of
from srbench.export.subject import ExportSubject
from srbench.models.model import FileMethod
from srbench.system.installed import install_command
from srbench.system.text import first_line
from srbench.version import __version__

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
CHECKED_SIZES = ((1, 1, 1), (1, 7, 5), (1, 97, 100), (2, 33, 20))
"""Image batches that a graph is checked on: number, height and width, all different from the traced one."""
TRACED = (2, 21, 18)
TOLERANCE = 1e-5
"""The largest difference from torch, of values in [0, 1]: 1/400 of a gray level."""
AXES = {0: "batch", 2: "height", 3: "width"}


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX graph.

    Attributes:
        content: of the file.
        difference: the largest difference from torch over :data:`CHECKED_SIZES`.
    """

    content: bytes
    difference: float


def make_graph(subject: ExportSubject) -> Graph:
    """Export a method's ``upscale`` at a scale, and verify it.

    The input is called ``lr``, or ``upsampled`` where the method takes the upsampled image, the output ``sr``; both are
    float32, (N, C, H, W), with N, H and W free.

    Raises:
        UsageError: the packages are not installed.
        NoGraph: the method cannot be exported.
        MethodError: the graph gives other results.
    """
    require_packages()
    model = _traced(subject)
    difference = _difference(subject, model.SerializeToString(deterministic=True))
    if not difference <= TOLERANCE:
        raise MethodError(
            f"{subject} was not exported: its ONNX graph differs from torch by {difference:.1e}, more than "
            f"{TOLERANCE:.0e}, so its result depends on more than the pixels."
        )
    for key, value in graph_metadata(subject, difference).items():
        model.metadata_props.add(key=key, value=value)
    return Graph(model.SerializeToString(deterministic=True), difference)


def require_packages() -> None:
    """Require the packages for making and running ONNX graphs.

    Raises:
        UsageError: one is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"ONNX graphs need {', '.join(missing)}: {install_command('onnx')} installs them.")


def input_name(subject: ExportSubject) -> str:
    """The name of the graph's input: ``lr`` or ``upsampled``."""
    return "lr" if subject.rgb else subject.card.info.input


def channels(subject: ExportSubject) -> int:
    """The channels of the graph; 1 for methods that process each plane alike."""
    return 3 if subject.rgb or subject.card.info.channels == "rgb" else 1


def graph_metadata(subject: ExportSubject, difference: float) -> dict[str, str]:
    """The graph's metadata."""
    info, recipe = subject.card.info, subject.recipe
    sizes = ", ".join(f"{count}x{height}x{width}" for count, height, width in CHECKED_SIZES)
    found = {
        "srbench": __version__,
        "method": info.name,
        "method_version": str(info.version),
        "paper": info.paper,
        "scale": str(subject.scale),
        "channels": "rgb" if subject.rgb else info.channels,
        "input": input_name(subject),
        "range": "[0, 1]; luma is Y/255 of ITU-R BT.601 in studio swing (16 to 235); clip the output",
        "licence": subject.licence,
        "check": f"differs from torch {torch.__version__} by at most {difference:.1e} on {sizes}",
    }
    if recipe is not None:
        found |= {
            "recipe": subject.choice.recipe,
            "recipe_hash": recipe.hash,
            "recipe_content": json.dumps(recipe.content(), sort_keys=True),
            "seed": str(subject.seed),
            "data": ", ".join(recipe.data),
            "weights_sha256": subject.sha256,
        }
    return {key: value for key, value in found.items() if value}


def _traced(subject: ExportSubject) -> Any:
    """The graph as an ``onnx.ModelProto``, without traces of this machine."""
    method = subject.method
    count, height, width = TRACED
    x = torch.rand(count, channels(subject), height, width)
    if isinstance(method, FileMethod) and not subject.rgb:
        with _silence():
            known = known_graph(method, subject.scale, input_name(subject), x)
        if known is not None:
            return _anonymous(known, subject)
    network = network_of(method, subject.scale, rgb=subject.rgb)
    try:
        with _silence(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (x,),
                input_names=[input_name(subject)],
                output_names=["sr"],
                opset_version=OPSET,
                dynamic_shapes=(dict.fromkeys(AXES, torch.export.Dim.DYNAMIC),),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # any error of a method that is traced
        raise NoGraph(
            f"{subject} cannot be exported to ONNX: its code depends on the size or content of images, "
            f"which graphs cannot express ({_root(error)})."
        ) from error
    assert program is not None
    return _anonymous(program.model_proto, subject)


def _anonymous(model: Any, subject: ExportSubject) -> Any:
    """Remove the exporter's notes, which contain paths of this machine, and name the axes."""
    graph = model.graph
    model.producer_name, model.producer_version = "srbench", __version__
    model.doc_string = graph.doc_string = ""
    graph.name = f"{subject.card.name}_x{subject.scale}"
    for noted in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del noted.metadata_props[:]
        noted.doc_string = ""
    del graph.value_info[:]
    dims = graph.input[0].type.tensor_type.shape.dim
    names = {dims[axis].dim_param: name for axis, name in AXES.items()}
    for value in (*graph.input, *graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = re.sub(r"\w+", lambda found: names.get(found[0], found[0]), dim.dim_param)
    return model


def _difference(subject: ExportSubject, content: bytes) -> float:
    """The largest difference between a graph in ONNX Runtime and the method in torch.

    Infinity if the graph cannot be run, or gives another shape or NaN.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    largest = 0.0
    method, scale = subject.method, subject.scale
    upscale = network_of(method, scale, rgb=True) if subject.rgb else lambda x: method.upscale(x, scale)
    generator = torch.Generator().manual_seed(0)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        for count, height, width in CHECKED_SIZES:
            x = torch.rand((count, channels(subject), height, width), generator=generator)
            with torch.inference_mode():
                expected = upscale(x).numpy()
            found = session.run(["sr"], {input_name(subject): x.numpy()})[0]
            if found.shape != expected.shape:
                return float("inf")
            largest = max(largest, float(np.abs(found - expected).max(initial=0.0)))
            if not np.isfinite(found).all():
                return float("inf")
    except Exception:  # onnxruntime's own exceptions share no base class
        return float("inf")
    return largest


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Silence the exporter: errors are in its exceptions."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _root(error: BaseException) -> str:
    """The first cause of an error, in a line."""
    while error.__cause__ is not None:
        error = error.__cause__
    message = first_line(error).rstrip(".")
    return f"{type(error).__name__}: {message}" if str(error).strip() else message
