"""Graphs of models that are files, and of methods of luma in RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import photograph
from small_models import save_all, save_onnx, trained

from srbench.errors import MethodError, UsageError
from srbench.export.network import InRgb, bicubic, bicubic_phases
from srbench.export.onnx import make_graph
from srbench.export.subject import make_subjects
from srbench.imaging.tensor import resize
from srbench.plugins.registry import Registry

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.usefixtures("torchlib")

NET = """
from torch import nn

class Windowed(nn.Module):
    '''Sides must be multiples of 4; luma.'''
    def __init__(self, scale=2):
        super().__init__()
        self.down, self.up = nn.PixelUnshuffle(4), nn.PixelShuffle(4 * scale)
        self.body = nn.Conv2d(16, 16 * scale**2, 3, padding=1)

    def forward(self, x):
        return self.up(self.body(self.down(x)))
"""


def run(content: bytes, x: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(["sr"], {session.get_inputs()[0].name: x.numpy()})[0]
    return found


@pytest.mark.parametrize("white", [1, 255])
def test_a_model_in_a_file_of_any_kind_is_a_graph(tmp_path: Path, white: int) -> None:
    pytest.importorskip("spandrel")
    x = torch.rand(2, 3, 13, 18)
    for name in save_all(trained(steps=2), tmp_path):
        registry = Registry(hosted=False)
        (subject,) = make_subjects(registry, f"{name}?range={white}")
        assert subject.onnx_name == "small_x2.onnx"
        graph = make_graph(subject)
        assert graph.difference < 1e-5
        with torch.inference_mode():
            expected = subject.method.upscale(x, 2).numpy()
        assert np.abs(run(graph.content, x) - expected).max() < 1e-5
        (tmp_path / "again.onnx").write_bytes(graph.content)
        (again,) = make_subjects(Registry(hosted=False), f"onnx:{tmp_path / 'again.onnx'}")
        assert np.abs(run(make_graph(again).content, x) - expected).max() < 1e-5, "its names are srbench's own"


def test_images_are_padded_in_the_graph_of_a_network_that_needs_multiples(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    torch.manual_seed(0)
    torch.save({"body.weight": torch.randn(64, 16, 3, 3) * 0.1, "body.bias": torch.zeros(64)}, tmp_path / "w.pth")
    pattern = f"torch:{tmp_path / 'net.py'}:Windowed?weights={tmp_path / 'w.pth'}&scale=2&luma=full"
    (subject,) = make_subjects(Registry(hosted=False), pattern)
    assert subject.card.info.multiple == 4
    assert make_graph(subject).difference < 1e-5  # on 7x5 pixels too
    (subject,) = make_subjects(Registry(hosted=False), pattern, rgb=True)
    assert subject.onnx_name == "w_x2_rgb.onnx"
    assert run(make_graph(subject).content, torch.rand(1, 3, 7, 5)).shape == (1, 3, 14, 10)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_in_graphs_is_srbenchs(scale: int) -> None:
    x = torch.rand(2, 3, 9, 11)
    expected = resize(x, scale, border="replicate")
    assert (bicubic(x, bicubic_phases(scale), scale) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["fsrcnn", "srcnn-y"])
def test_rgb_in_rgb_out_has_the_methods_luma(name: str) -> None:
    (subject,) = make_subjects(Registry(), name, (2,), rgb=True)
    x = torch.from_numpy(photograph(20, 24, 3)).permute(2, 0, 1)[None].float() / 255
    sr = run(make_graph(subject).content, x)[0]
    rows = torch.tensor([65.481, 128.553, 24.966]) / 255
    luma = torch.einsum("c,nchw->nhw", rows, x)[:, None] + 16 / 255
    given = resize(luma, 2, border="replicate") if name == "srcnn-y" else luma
    with torch.inference_mode():
        expected = subject.method.upscale(given, 2)[0, 0]
    found = torch.einsum("c,chw->hw", rows, torch.from_numpy(sr)) + 16 / 255
    assert (found - expected).abs().max() < 1e-5


def test_gray_in_is_gray_out() -> None:
    gray = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    out = InRgb(torch.nn.Upsample(scale_factor=2), 2, upsampled=False)(gray)
    assert (out - out[:, :1]).abs().max() < 1e-5


def test_what_is_no_network_for_all_images_is_one_sentence(tmp_path: Path) -> None:
    path = save_onnx(trained(steps=1), tmp_path / "fixed.onnx", free=False, side=48)
    (subject,) = make_subjects(Registry(hosted=False), f"onnx:{path}")
    with pytest.raises(MethodError, match=r"onnx:fixed takes images of some sizes or types only"):
        make_graph(subject)
    with pytest.raises(UsageError, match=r"autoencoder:\w+ is no method of luma|srcnn-rgb:\w+ is no method of luma"):
        make_subjects(Registry(), "srcnn-rgb", (2,), rgb=True)
    (tmp_path / "sr").mkdir()
    (tmp_path / "sr" / "a.png").touch()
    with pytest.raises(UsageError, match=r"images:sr is a folder of SR images, and no network"):
        make_subjects(Registry(), f"images:{tmp_path / 'sr'}", (2,))
