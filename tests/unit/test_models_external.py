"""Weights that lie beside an ONNX model decide its figures, whatever their files are called."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
import small_models
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from torch import nn

from srbench.errors import DataError
from srbench.models.external_data import external_files, locations
from srbench.models.spec import parse_spec
from srbench.registry import Registry


def network(value: float) -> nn.Module:
    conv = nn.Conv2d(3, 12, 3, padding=1)
    for weight in conv.parameters():
        nn.init.constant_(weight, value)
    return nn.Sequential(conv, nn.PixelShuffle(2))


def save(value: float, path: Path, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(small_models.save_onnx(network(value), path))
    onnx.save_model(model, path, save_as_external_data=True, size_threshold=0, **how)
    return path


LAYOUTS: dict[str, dict[str, Any]] = {
    "net.onnx.data": {"location": "net.onnx.data"},
    "net.data": {"location": "net.data"},
    "weights.bin": {"location": "weights.bin"},
    "in a folder": {"location": "parts/weights.pb"},
    "a file a tensor": {"all_tensors_to_one_file": False},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_weights_are_another_model(layout: str, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    path = tmp_path / "net.onnx"
    graphs, hashes, halves = [], [], []
    for value in (1.0, 0.5):
        for old in [each for each in tmp_path.rglob("*") if each.is_file()]:
            old.unlink()
        save(value, path, **LAYOUTS[layout])
        graphs.append(path.read_bytes())
        registry = Registry()
        (choice,) = registry.select([f"onnx:{path}"])
        hashes.append(choice.card.source_hash)
        halves.append(float(registry.method("onnx:net")().upscale(torch.full((1, 3, 16, 16), 0.01), 2).mean()))
    assert graphs[0] == graphs[1]  # so that the weights alone tell
    assert hashes[0] != hashes[1]
    assert halves[1] == pytest.approx(halves[0] / 2)


def external(location: str, name: str = "w") -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value=location)
    return tensor


def test_tensors_are_found_wherever_a_model_may_have_them(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["c"], value=external("constant"))
    inner = helper.make_graph([helper.make_node("Constant", [], ["d"], value=external("inner"))], "inner", [], [])
    branch = helper.make_node("If", ["c"], ["e"], then_branch=inner, else_branch=inner)
    sparse = onnx.SparseTensorProto(values=external("values"), indices=external("indices"), dims=[1])
    several = helper.make_attribute("several", [external("first"), external("second")])
    other = helper.make_node("Other", [], ["f"], domain="own", sparse=sparse)
    other.attribute.append(several)
    inside = TensorProto(name="i", data_type=TensorProto.FLOAT, dims=[1], raw_data=b"abcd")
    unread = external("unread")
    unread.data_location = TensorProto.DEFAULT
    graph = helper.make_graph([constant, branch, other], "g", [], [], [external("weights"), inside, unread])
    graph.sparse_initializer.append(sparse)
    model = helper.make_model(graph)
    model.training_info.add().algorithm.initializer.append(external("training"))
    function = model.functions.add(name="f", domain="own")
    function.node.append(helper.make_node("Constant", [], ["g"], value=external("function")))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    wanted = "constant inner values indices first second weights training function"
    assert sorted(locations(path)) == sorted(wanted.split())


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("gone.bin", r"weights in 'gone\.bin', which is not in "),
        ("", "weights in '', which is not in "),
        ("a\0b", "which is not in "),
        ("../secret.bin", r"weights in '\.\./secret\.bin', outside its folder"),
        ("inner/../../secret.bin", "outside its folder"),
        ("link.bin", r"weights in 'link\.bin', outside its folder"),
        ("/etc/hostname", "outside its folder"),
        ("*/_ORT_MEM_ADDR_/*", "which is not in "),
    ],
)
def test_weights_that_are_missing_or_lie_elsewhere_are_refused(location: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "inner").mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    graph = helper.make_graph([], "g", [], [], [external(location)])
    (folder / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(DataError, match=message):
        Registry().select([f"onnx:{folder}/net.onnx"])


def test_a_model_hub_s_cache_of_links_is_read(tmp_path: Path) -> None:
    whole = save(1.0, tmp_path / "whole" / "net.onnx", location="w.bin")
    for folder in ("blobs", "snapshot"):
        (tmp_path / folder).mkdir()
    for number, name in enumerate(("net.onnx", "w.bin")):
        shutil.copy(whole.parent / name, tmp_path / "blobs" / str(number))
        (tmp_path / "snapshot" / name).symlink_to(f"../blobs/{number}")
    assert external_files(tmp_path / "snapshot" / "net.onnx") == [tmp_path / "snapshot" / "w.bin"]
    (choice,) = Registry().select([f"hub:{tmp_path}/snapshot"])
    assert choice.card.info.scales == frozenset({2})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save(1.0, tmp_path_factory.mktemp("sound") / "net.onnx", location="w.bin").read_bytes()


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_damaged_is_walked_through_or_refused(data: st.DataObject, sound: bytes, tmp_path: Path) -> None:
    content = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "net.onnx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = locations(path)
    except DataError as error:
        assert "cannot be opened as an ONNX model" in str(error)
        return
    assert all(isinstance(location, str) for location in found)


def test_weights_are_shipped_with_their_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    """To a node that has neither; the object store stands in for a cluster's."""
    from srbench.bench.engines.shipping import Receiver, Sender

    def same(content: Any) -> Any:
        return content

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(put=same, get=same))
    (tmp_path / "parts").mkdir()
    spec = parse_spec(f"onnx:{save(1.0, tmp_path / 'net.onnx', location='parts/w.bin')}")
    content = spec.content
    shipment = Sender("here", alone=False).files(spec.files)
    places = Receiver("there").tree(shipment)
    moved = spec.moved(lambda path: places[str(path)])
    assert moved.entries[0].path.is_relative_to(own_cache)
    shutil.rmtree(tmp_path / "parts")
    (tmp_path / "net.onnx").unlink()
    assert moved.content == content
    assert Registry(models=[moved]).card("onnx:net").info.scales == frozenset({2})
