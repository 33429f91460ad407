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

from srbench.errors import DataError, SrbenchError, UsageError
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


def scales_of(pattern: str) -> tuple[str, dict[int, str]]:
    """A model's name, and the name of each scale's file with that of its folder."""
    spec = parse_spec(pattern)
    return spec.name, {entry.scale: "/".join(entry.path.parts[-2:]) for entry in spec.entries}


def test_a_scale_in_a_name_is_a_repository_a_file_or_a_folder_for_each(server: Hub, tmp_path: Path) -> None:
    for scale in (2, 4):
        server.repositories[f"org/EDSR_x{scale}"] = {"model.safetensors": b"%d" % scale}
        (tmp_path / f"EDSR_x{scale}").mkdir()
        (tmp_path / f"EDSR_x{scale}" / "w.pth").write_bytes(b"%d" % scale)
    server.repositories["org/EDSR_x2_old"] = {"model.safetensors": b"x"}
    server.repositories["org/all"] = {f"weights/net_x{scale}.pth": b"%d" % scale for scale in (2, 3)} | {"a.pt": b""}
    found = {
        "hub:org/EDSR_x{scale}": ("hub:EDSR", dict.fromkeys((2, 4), f"{COMMIT}/model.safetensors")),
        "hub:org/all/weights/net_x{scale}.pth": ("hub:net", {scale: f"weights/net_x{scale}.pth" for scale in (2, 3)}),
        f"hub:{tmp_path}/EDSR_x{{scale}}": ("hub:EDSR", {scale: f"EDSR_x{scale}/w.pth" for scale in (2, 4)}),
    }
    assert {pattern: scales_of(pattern) for pattern in found} == found
    assert scales_of("hub:org/all/weights/net_x3.pth@v1") == ("hub:net_x3", {0: "weights/net_x3.pth"})
    assert parse_spec("hub:org/all/weights/net_x{scale}.pth").origin == f"org/all at {COMMIT[:12]}"
    server.shutdown()
    server.server_close()
    assert {pattern: scales_of(pattern) for pattern in found} == found, "without a network, as fetched"


def test_exports_of_one_scale_each_are_one_method(tmp_path: Path) -> None:
    for scale, path in SHIPPED.items():
        folder = export(tmp_path / f"mine_x{scale}", weights={str(scale): path.name})
        (folder / path.name).write_bytes(path.read_bytes())
    (choice,) = Registry().select([f"hub:{tmp_path}/mine_x{{scale}}"])
    assert (choice.label, choice.card.info.scales) == ("hub:mine", frozenset({2, 3}))
    x = np.random.default_rng(0).random((1, 9, 11), np.float32)
    registry = Registry()
    registry.select([f"hub:{tmp_path}/mine_x{{scale}}"])
    for scale in SHIPPED:
        assert run_method(registry.method("hub:mine")(), x, scale, CPU).shape == (1, 9 * scale, 11 * scale)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("hub:org/EDSR_x{scale}?scale=2", r"says the scale twice; leave out \?scale or {scale}"),
        ("hub:org/RCAN_x{scale}", r"There is no model 'hub:org/RCAN_x{scale}' for any scale"),
        ("hub:org/EDSR_x{scale}@v{scale}", r"{scale} stands in the name of a repository, a file or a folder"),
        ("hub:org/EDSR_x2/net_x{scale}.pth", r"There is no model 'hub:org/EDSR_x2/net_x{scale}.pth' for any scale"),
        ("hub:org/EDSR_x2/modle.onnx", r"no file of hub:org/EDSR_x2 called 'modle.onnx'. Did you mean model.onnx"),
        ("hub:org/EDSR_x{scale}", r"has models of different kinds; name them one by one"),
        ("hub:./EDSR_x{scale}", r"There is no model 'hub:./EDSR_x{scale}' for any scale"),
    ],
)
def test_a_wrong_name_with_a_scale_is_one_sentence(server: Hub, pattern: str, message: str) -> None:
    server.repositories |= {"org/EDSR_x2": {"model.onnx": b"....ORTM"}, "org/EDSR_x4": {"model.pth": b"4"}}
    with pytest.raises(SrbenchError, match=message) as caught:
        parse_spec(pattern)
    assert "\n" not in str(caught.value)


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
