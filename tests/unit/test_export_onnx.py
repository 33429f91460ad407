"""Graphs: every learned method is one, it computes what torch computes, and it tells nothing of the machine."""

from __future__ import annotations

import dataclasses
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import srbench
from srbench.errors import DataError, MethodError, UsageError
from srbench.export import onnx as exporting
from srbench.export.onnx import OPSET, NoGraph, make_graph
from srbench.export.subject import ExportSubject, make_subjects
from srbench.inference import run_method
from srbench.method import LearnedMethod, Method, MethodInfo
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.system.installed import install_command

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.usefixtures("torchlib")

REGISTRY = Registry()
ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
LEARNED = [name for name in REGISTRY.method_names if REGISTRY.card(name).learned]
NO_GRAPH = {"nearest", "bilinear", "lanczos", "bicubic-ibp", "dcci", "dcci-ibp", "gradient-prior"}


def subject(name: str, scale: int) -> ExportSubject:
    """A method with the weights that come with it, or with some that are no identity."""
    with suppress(DataError):
        return make_subjects(REGISTRY, name, (scale,))[0]
    method = REGISTRY.method(name)()
    assert isinstance(method, LearnedMethod)
    torch.manual_seed(0)
    method.model = method.network(scale).eval()
    with torch.no_grad():
        for parameter in method.model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return ExportSubject(REGISTRY.select((name,))[0], scale, 0, method)


def of_class(method_class: type[Method]) -> ExportSubject:
    card = dataclasses.replace(REGISTRY.card("bicubic"), info=method_class.info)
    return ExportSubject(Choice(card, ""), 2, 0, method_class())


def session(content: bytes) -> Any:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


CASES = [
    *((name, 3) for name in [*LEARNED, "bicubic"]),
    ("bicubic", 1),
    *((name, scale) for name in ("bicubic", "fsrcnn", "srcnn-y") for scale in (2, 4)),
]
"""Each network once, and one of each kind at each scale: enlarged before it, and by it."""


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_every_learned_method_is_a_graph_for_any_size(name: str, scale: int) -> None:
    exported = subject(name, scale)
    graph = make_graph(exported)
    assert graph.difference < 1e-5
    model = onnx.load_from_string(graph.content)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import if not opset.domain] == [OPSET]

    info = exported.card.info
    running = session(graph.content)
    (taken,), (given,) = running.get_inputs(), running.get_outputs()
    channels = 3 if info.channels == "rgb" else 1
    grown = f"{scale}*" if info.input == "lr" else ""
    assert (taken.name, given.name) == (info.input, "sr")
    assert taken.shape == ["batch", channels, "height", "width"]
    assert given.shape == ["batch", channels, f"{grown}height", f"{grown}width"]
    planes = np.random.default_rng(1).random((channels, 19, 47), np.float32)
    expected = run_method(exported.method, planes, scale, CPU)
    assert np.abs(running.run(None, {info.input: planes[None]})[0][0] - expected).max() < 1e-5


@pytest.mark.parametrize("name", sorted(NO_GRAPH))
def test_methods_that_read_the_image_s_size_cannot_be_one(name: str) -> None:
    with pytest.raises(
        NoGraph, match=f"^{name} x2 cannot be exported to ONNX: its code depends on the size or content of images"
    ):
        make_graph(subject(name, 2))


def test_the_page_names_those_methods() -> None:
    page = (ROOT / "docs" / "how-to" / "export-a-model.md").read_text("utf-8")
    (listed,) = re.findall(r"cannot be a graph: (.*?)\.", page, re.DOTALL)
    assert set(re.findall(r"`([a-z0-9-]+)`", listed)) == NO_GRAPH
    assert NO_GRAPH | {"bicubic"} == set(REGISTRY.method_names) - set(LEARNED)


class Cheat(Method):
    """Computes one thing, and shows the exporter another."""

    info: ClassVar[MethodInfo] = MethodInfo(name="cheat", family="interpolation", channels="any", input="upsampled")

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        return x * 1.0001 if torch.compiler.is_exporting() else x


class Narrow(Method):
    """Does something else with images larger than the one that it is traced with."""

    info: ClassVar[MethodInfo] = MethodInfo(name="narrow", family="interpolation", channels="any", input="upsampled")

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        return x if x.shape[2] < 64 else x * 0.5


class Peeks(Method):
    """Decides by what the image holds."""

    info: ClassVar[MethodInfo] = MethodInfo(name="peeks", family="interpolation", channels="any", input="upsampled")

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        return x if x.mean() > 0.5 else 1 - x


def test_a_graph_that_computes_something_else_is_not_given() -> None:
    with pytest.raises(MethodError, match=r"^cheat x2 was not exported: its ONNX graph differs from torch by 1\.0e-04"):
        make_graph(of_class(Cheat))


@pytest.mark.parametrize("method", [Peeks, Narrow])
def test_neither_is_one_that_is_right_for_some_images_alone(method: type[Method]) -> None:
    with pytest.raises(MethodError, match=rf"^{method.info.name} x2 (cannot be|was not) exported"):
        make_graph(of_class(method))


def test_the_metadata_says_what_it_is_and_the_file_where_it_was_made_does_not() -> None:
    exported = subject("fsrcnn", 2)
    graph = make_graph(exported)
    assert make_graph(exported).content == graph.content
    for place in (ROOT, Path(srbench.__file__).parents[1], Path(torch.__file__).parent, Path.home(), Path.cwd()):
        assert str(place).encode() not in graph.content

    about = session(graph.content).get_modelmeta().custom_metadata_map
    assert about["method"] == "fsrcnn"
    assert about["recipe"] == "standard"
    assert (about["scale"], about["channels"], about["input"]) == ("2", "y", "lr")
    assert about["data"] == "t91, general100, bsds200"
    assert about["licence"] == "apache-2.0"
    assert about["weights_sha256"] == exported.sha256
    assert about["srbench"] == srbench.__version__
    assert f"by at most {graph.difference:.1e} on 1x1x1," in about["check"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(UsageError, match=re.escape(f"need onnxscript: {install_command('onnx')}")):
        exporting.require_packages()
