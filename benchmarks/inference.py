"""How fast networks run on this CPU: srbench, plain PyTorch, ONNX Runtime and OpenCV, with the same weights.

    python -m benchmarks.inference

Each side takes one luma image (LR for FSRCNN, the enlarged one for SRCNN) and gives the same pixels; the last column
says by how much they differ. *plain* are the same layers, called one after the other, each padding by replication as
the authors' test code does. ONNX Runtime and OpenCV run that very graph, exported. Needs onnx and onnxruntime.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from srbench.methods.fsrcnn import FsrcnnNetwork
from srbench.methods.srcnn import SrcnnNetwork
from torch import Tensor, nn

from benchmarks._timing import Side, arguments, on_one_thread, race, show
from srbench.method import LearnedMethod
from srbench.plugins.registry import Registry

CASES = (("fsrcnn", 2, 256), ("fsrcnn", 3, 256), ("fsrcnn", 4, 256), ("srcnn-y", 2, 512), ("srcnn-y-955", 2, 512))
"""Method, scale, and the side of its input."""


class Plain(nn.Module):
    """The layers of a network, as the papers draw them."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        net = self.net
        if isinstance(net, SrcnnNetwork):
            x = F.relu(net.extract(padded(x, net.extract)))
            x = F.relu(net.map(padded(x, net.map)))
            return net.reconstruct(padded(x, net.reconstruct))
        assert isinstance(net, FsrcnnNetwork)
        for layer, slope in zip(net.convolutions, net.slopes, strict=True):
            x = slope(F.conv2d(padded(x, layer), layer.weight, layer.bias))
        margin = 3 * net.scale
        return net.deconvolution(F.pad(x, (3,) * 4, mode="replicate"))[..., margin:-margin, margin:-margin]


def padded(x: Tensor, layer: Any) -> Tensor:
    reach = layer.kernel_size[0] // 2
    return F.pad(x, (reach,) * 4, mode="replicate") if reach else x


def sides(name: str, scale: int, side: int) -> dict[str, Side]:
    method = Registry().method(name)()
    assert isinstance(method, LearnedMethod)
    torch.manual_seed(0)
    net = method.network(scale).eval()
    plain = Plain(copy.deepcopy(net)).eval()
    method.model = net.to(memory_format=torch.channels_last)
    x = torch.rand(1, 1, side, side)
    exported = export(plain, x)

    def eager(run: Callable[[Tensor], Tensor]) -> Side:
        def inferred() -> np.ndarray:
            with torch.inference_mode():
                return run(x).numpy()

        return Side(inferred)

    found = {
        "srbench": eager(lambda x: method.upscale(x, scale)),
        "plain": eager(plain),
        "ONNX Runtime": Side(by_onnxruntime(exported, x.numpy())),
    }
    if (opencv := by_opencv(exported, x.numpy())) is not None:
        found["OpenCV"] = Side(opencv)
    return found


def export(model: nn.Module, x: Tensor) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x,), buffer, dynamo=False, opset_version=17)
    return buffer.getvalue()


def by_onnxruntime(exported: bytes, x: np.ndarray) -> Callable[[], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})[0]


def by_opencv(exported: bytes, x: np.ndarray) -> Callable[[], np.ndarray] | None:
    """None where OpenCV cannot read the graph."""
    try:
        net = cv2.dnn.readNetFromONNX(np.frombuffer(exported, np.uint8))

        def run() -> np.ndarray:
            net.setInput(x)
            return net.forward()

        run()
    except cv2.error:
        return None
    return run


def apart(result: np.ndarray, first: np.ndarray) -> str:
    return f"{float(np.abs(result - first).max()):.1e}"


def main() -> None:
    options = arguments(__doc__, repeats=15)
    on_one_thread()
    rows = []
    for name, scale, side in CASES:
        rows += race(f"{name} x{scale}, {side}x{side}", sides(name, scale, side), apart, options.repeats)
    show(rows, "largest difference", options.json)


if __name__ == "__main__":
    main()
