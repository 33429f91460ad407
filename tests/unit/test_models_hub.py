"""Models of a model hub, and of folders like one's: what is fetched, what is opened, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch
from hub_server import COMMIT, Hub, hub
from torch import nn

from srbench.errors import DataError, UsageError
from srbench.inference import run_method
from srbench.models.parse import parse_spec
from srbench.plugins.registry import Registry
from srbench.weights import load_weights

CPU = torch.device("cpu")
SHIPPED = {scale: next(Path("methods/weights").glob(f"fsrcnn_x{scale}_*.safetensors")) for scale in (2, 3)}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    import huggingface_hub.constants

    with hub() as running:
        for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):
            own = running.url + ("" if name == "ENDPOINT" else "/{repo_id}/resolve/{revision}/{filename}")
            monkeypatch.setattr(huggingface_hub.constants, name, own)
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return small_models.trained(steps=5)


def export(folder: Path, **changes: Any) -> Path:
    """A folder as `srbench export --format hub` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for scale, path in SHIPPED.items():
        weights[str(scale)] = f"fsrcnn_x{scale}.safetensors"
        (folder / weights[str(scale)]).write_bytes(path.read_bytes())
    own = {"schema_version": 1, "method": "fsrcnn", "method_version": 1, "recipe": "standard", "weights": weights}
    (folder / "config.json").write_text(json.dumps({"srbench": own | changes}))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_export_is_the_method_with_those_weights(tmp_path: Path) -> None:
    folder = export(tmp_path / "mine")
    registry = Registry()
    (choice,) = registry.select([f"hub:{folder}"])
    info = choice.card.info
    base = registry.card("fsrcnn")
    assert choice.label == "hub:mine"
    assert (info.scales, info.channels, info.halo) == (frozenset({2, 3}), base.info.channels, base.info.halo)
    assert "weights of fsrcnn, fsrcnn_x2.safetensors (sha256 " in info.paper
    x = np.random.default_rng(0).random((1, 9, 11), np.float32)
    method: Any = registry.method("fsrcnn")()
    for scale, path in SHIPPED.items():
        method.model = method.network(scale).eval().to(memory_format=torch.channels_last)
        load_weights(path, method.model)
        out = run_method(registry.method("hub:mine")(), x, scale, CPU)
        assert np.array_equal(out, run_method(method, x, scale, CPU))


def test_an_export_of_a_method_that_is_not_known_here_is_its_onnx(network: nn.Module, tmp_path: Path) -> None:
    for changes in ({"method": "elsewhere"}, {"method_version": 99}):
        folder = export(tmp_path / changes.__repr__().strip("{}")[1:6], **changes)
        with pytest.raises(UsageError, match=r"has weights of '\w+' version \d+, which is not known here"):
            Registry().select([f"hub:{folder}"])
        small_models.save_onnx(network, folder / "model_x2.onnx")
        export(folder, onnx={"2": "model_x2.onnx"}, **changes)
        (choice,) = Registry().select([f"hub:{folder}"])
        assert choice.card.info.paper.startswith("ONNX model, model_x2.onnx (sha256 ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "exported by another srbench"),
        ({"weights": {"2": "../secret.safetensors"}}, "is damaged"),
        ({"weights": {"2": "/etc/passwd"}}, "is damaged"),
        ({"weights": {"two": "a.safetensors"}}, "is damaged"),
        ({"weights": {"0": "a.safetensors"}}, "is damaged"),
        ({"weights": ["a.safetensors"]}, "is damaged"),
        ({"weights": {}}, "names no file"),
        ({"weights": {"2": "gone.safetensors"}}, "names gone.safetensors, which is missing"),
    ],
)
def test_a_damaged_config_is_one_sentence(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = export(tmp_path / "mine", **changes)
    with pytest.raises(DataError, match=message):
        parse_spec(f"hub:{folder}")


def test_the_safest_file_is_opened(network: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["Somebody else\'s"]}')
    small_models.save_torchscript(network, tmp_path / "model.pt")
    with pytest.raises(DataError, match=r"has neither an srbench export nor a \.onnx, \.safetensors or \.pth"):
        parse_spec(f"hub:{tmp_path}")
    small_models.save_pth(network, tmp_path / "model.pth")
    assert parse_spec(f"hub:{tmp_path}").entries[0].path.name == "model.pth"
    small_models.save_safetensors(network, tmp_path / "model.safetensors")
    assert parse_spec(f"hub:{tmp_path}").entries[0].path.name == "model.safetensors"
    small_models.save_onnx(network, tmp_path / "model.onnx")
    assert parse_spec(f"hub:{tmp_path}").kind == "onnx"
    small_models.save_onnx(network, tmp_path / "other.onnx")
    with pytest.raises(DataError, match=r"has model\.onnx and other\.onnx: fetch it and name one of them"):
        parse_spec(f"hub:{tmp_path}")


def test_a_model_is_fetched_once_and_its_commit_is_said(server: Hub, network: nn.Module, tmp_path: Path) -> None:
    small_models.save_safetensors(network, tmp_path / "model.safetensors")
    files = contents(tmp_path) | {"model.pth": b"x" * 1000, "README.md": b"hello"}
    server.repositories["org/small"] = files
    for pattern in ("hub:org/small", "hub:org/small@v1", f"hub:org/small@{COMMIT}"):
        (choice,) = Registry().select([pattern])
        assert choice.label == "hub:small"
        said = f"org/small at {COMMIT[:12]}: model.safetensors (sha256 "
        assert said in choice.card.info.paper
    gets = [line for line in server.requests if line.startswith("GET /org/")]
    assert gets == [f"GET /org/small/resolve/{COMMIT}/model.safetensors"]  # that file alone, and once


def test_an_export_is_fetched_whole(server: Hub, tmp_path: Path) -> None:
    server.repositories["org/fsrcnn"] = contents(export(tmp_path)) | {"big.bin": b"x"}
    (choice,) = Registry().select(["hub:org/fsrcnn"])
    assert choice.card.info.scales == frozenset({2, 3})
    assert not any("big.bin" in line for line in server.requests)


def test_names_that_a_hub_has_not_are_one_sentence(server: Hub) -> None:
    server.repositories["org/small"] = {"README.md": b"hello"}
    for pattern, message in (
        ("hub:org/gone", r"hub:org/gone: the model hub has no such model"),
        ("hub:org/small@gone", r"hub:org/small@gone: there is no such revision"),
        ("hub:org/small", r"hub:org/small has neither an srbench export"),
    ):
        with pytest.raises(DataError, match=message):
            parse_spec(pattern)


def test_without_a_network_what_was_fetched_is_used(server: Hub, network: nn.Module, tmp_path: Path) -> None:
    small_models.save_safetensors(network, tmp_path / "model.safetensors")
    server.repositories["org/small"] = contents(tmp_path)
    before = Registry().select([f"hub:org/small@{COMMIT}"])[0].card
    server.shutdown()
    server.server_close()
    assert Registry().select([f"hub:org/small@{COMMIT}"])[0].card.source_hash == before.source_hash
    with pytest.raises(DataError, match=r"hub:org/other cannot be fetched \(.+\); check the network"):
        parse_spec("hub:org/other")


@pytest.mark.parametrize("location", ["model.onnx.data", "weights.bin", "parts/weights.bin"])
def test_weights_in_a_file_beside_the_model_are_fetched_with_it(
    location: str, server: Hub, network: nn.Module, tmp_path: Path
) -> None:
    import onnx

    folder = tmp_path / "folder"
    (folder / location).parent.mkdir(parents=True)
    model = onnx.load(small_models.save_onnx(network, tmp_path / "whole.onnx"))
    path = folder / "model.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location=location, size_threshold=0)
    files = {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    server.repositories["org/small"] = files | {"unasked.bin": b"x"}
    (choice,) = Registry().select(["hub:org/small"])
    assert f"{location} (sha256 " in choice.card.info.paper
    assert not any("unasked" in line for line in server.requests)
    assert "6,876 parameters" in choice.card.info.paper
