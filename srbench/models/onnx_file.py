"""ONNX models, run by onnxruntime: data, not code."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from srbench.errors import DataError, MethodError, UsageError
from srbench.models.loaded import LoadedModel, require, require_one_input
from srbench.models.parse import parse_options
from srbench.models.spec import ModelOptions
from srbench.system.text import first_line


def open_file(path: Path, device: torch.device) -> LoadedModel:
    """Open an ONNX model that takes one image batch, (N, C, h, w) in floating point.

    Raises:
        UsageError: onnxruntime is not installed.
        DataError: the file is damaged, or takes something else.
        MethodError: onnxruntime does not support the device.
    """
    runtime = require("onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # the same as for other methods
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # errors are raised
    try:
        session = runtime.InferenceSession(str(path), options, providers=_providers(runtime, device))
    except MethodError:
        raise
    except Exception as error:  # onnxruntime's errors have no common base
        raise DataError(f"{path.name} cannot be opened as an ONNX model ({first_line(error).rstrip('.')}).") from None
    inputs = session.get_inputs()
    require_one_input(path.name, [each.name for each in inputs])
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
        takes = ", ".join(f"{each.name} {each.type}{each.shape}" for each in inputs)
        raise DataError(f"{path.name} takes {takes}, not one image batch (N, C, h, w) in floating point.")
    shape = [side if isinstance(side, int) else 0 for side in inputs[0].shape]
    channels_last = shape[3] in (1, 3) and shape[1] not in (1, 3)  # as TensorFlow has them
    batch, channels, height, width = [shape[0], shape[3], *shape[1:3]] if channels_last else shape
    name, output, kind = inputs[0].name, session.get_outputs()[0].name, _TYPES[inputs[0].type]

    def run(x: Tensor) -> Tensor:
        given = x.expand(batch, -1, -1, -1) if batch > len(x) == 1 else x
        given = given.permute(0, 2, 3, 1) if channels_last else given
        found = session.run([output], {name: given.to("cpu", kind).contiguous().numpy()})[0]
        sr = torch.from_numpy(found)[: len(x)].to(x.device, torch.float32)
        return sr.permute(0, 3, 1, 2) if channels_last and sr.shape[-1] == x.shape[1] else sr

    return LoadedModel(
        run=run,
        says="ONNX model"
        + (", channels last" if channels_last else "")
        + (f", run in parts of {width or height}x{height or width}" if height or width else ""),
        parameters=_parameters(path),
        channels=channels,
        size=(height or width, width or height) if height or width else None,
        declared=_declared(name, session.get_modelmeta().custom_metadata_map),
        graph=path,
    )


_TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}


def _declared(name: str, metadata: Mapping[str, str]) -> ModelOptions:
    """The options in srbench's metadata of a graph; for other graphs what the name of the input tells."""
    if "srbench" not in metadata:
        return ModelOptions(input="upsampled" if name == "upsampled" else "")
    words = (f"{key}={metadata[key]}" for key in ("channels", "scale", "input") if key in metadata)
    try:
        return parse_options("&".join(words), name)
    except UsageError:  # edited by somebody: probed like any other file
        return ModelOptions()


def _providers(runtime: Any, device: torch.device) -> list[Any]:
    """The execution providers; never a silent fallback to the CPU."""
    if device.type == "cpu":
        return ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        exact = {"device_id": device.index or 0, "use_tf32": 0}
        return [("CUDAExecutionProvider", exact), "CPUExecutionProvider"]
    raise MethodError(f"onnxruntime has no {device.type} here: `pip install onnxruntime-gpu` for CUDA, or --device cpu")


def _parameters(path: Path) -> int | None:
    """The number of parameters; None without the package onnx."""
    if importlib.util.find_spec("onnx") is None:
        return None
    import onnx

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception:  # onnxruntime read it
        return None
    learned = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    sizes: list[int] = [math.prod(each.dims) for each in graph.initializer if each.data_type in learned]
    return sum(sizes)
