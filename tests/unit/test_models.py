"""Models that are files: what their names mean, what is found out about them, and what is refused."""

from __future__ import annotations

import io
import json
import pickle
import re
import shutil
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch
from conftest import photograph, save
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from srbench.bench.options import Request
from srbench.bench.planning import make_plan
from srbench.data.own.folders import image_files
from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.suffixes import OTHER_SUFFIXES, SUFFIXES
from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.models import model
from srbench.models.fitting import run_fitted
from srbench.models.inspection import find_traits
from srbench.models.loaded import LoadedModel, open_file
from srbench.models.model import ANY_SCALE, SrImages, spec_hash
from srbench.models.parse import parse_options, parse_spec, with_distinct_names
from srbench.models.spec import MEASURED, ModelFile, ModelOptions
from srbench.plugins.registry import Registry
from srbench.system import source
from srbench.system.installed import install_command
from srbench.system.names import method_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return small_models.trained(steps=5)


@pytest.fixture(scope="module")
def files(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    small_models.save_all(network, folder)
    small_models.save_safetensors(network, folder / "small.safetensors")
    return folder


def nearest(scale: int = 2) -> nn.Module:
    return nn.Upsample(scale_factor=scale, mode="nearest")


# names and options ---------------------------------------------------------------------------------------------------


def test_a_label_of_a_model_is_its_name() -> None:
    assert method_of("onnx:espcn_x2") == "onnx:espcn_x2"
    assert method_of("fsrcnn:quick") == "fsrcnn"
    assert method_of("bicubic") == "bicubic"


def test_no_method_is_called_as_a_kind_of_models() -> None:
    facts: Any = {"family": "edge", "channels": "y", "input": "lr"}
    assert MethodInfo(name="onnx:RealESRGAN_x4+", **facts)
    for name in ("onnx", "images", "mine:other", "onnx:", "onnx:../a"):
        with pytest.raises(ValueError, match="a method's name"):
            MethodInfo(name=name, **facts)


def test_options_are_read() -> None:
    assert parse_options("", "onnx:a") == ModelOptions()
    assert ModelOptions().halo == MEASURED
    found = parse_options("channels=y&range=255&halo=16&scale=2&input=upsampled", "onnx:a")
    assert found == ModelOptions(channels="y", range=255.0, halo=16, scale=2, input="upsampled")
    assert parse_options("halo=none", "onnx:a").halo is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("chanels=y", "Did you mean channels"),
        ("channels=gray", "channels is y, rgb or any, not 'gray'"),
        ("range=0", "range is the value of white"),
        ("range=nan", "range is the value of white"),
        ("halo=-1", "halo is a number of pixels, or none"),
        ("halo=²", "halo is a number of pixels"),
        ("scale=17", "scale is a whole number from 1 to 16"),
        ("scale", "scale is a whole number"),
        ("label=", "label is a name of letters, digits"),
        ("label=a/b", "label is a name of letters, digits"),
        ("label=-a", "label is a name of letters, digits"),
    ],
)
def test_wrong_options_are_refused(query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_options(query, "onnx:model.onnx")


@pytest.mark.parametrize("query", ["channels=y", "range=255", "halo=8", "input=lr"])
def test_images_have_no_options_of_what_is_run(query: str) -> None:
    with pytest.raises(UsageError, match=r"no option of 'images:sr' called '\w+'. Known: label, scale"):
        parse_options(query, "images:sr")


@given(st.text(max_size=30))
@example("label=a\n")
def test_options_are_read_or_refused(query: str) -> None:
    try:
        found = parse_options(query, "onnx:model.onnx")
    except UsageError:
        return
    assert found.range > 0
    assert 0 <= found.scale <= 16
    assert not found.label or MethodInfo(name=f"onnx:{found.label}", family="prediction", channels="y", input="lr")


def test_a_model_is_named_by_its_file(tmp_path: Path) -> None:
    for file, name in (
        ("espcn.onnx", "onnx:espcn"),
        ("Real ESRGAN+x4.onnx", "onnx:Real-ESRGAN+x4"),
        (".hidden.onnx", "onnx:hidden"),
    ):
        (tmp_path / file).write_bytes(b"x")
        assert parse_spec(f"onnx:{tmp_path / file}").name == name


def test_scale_in_a_path_stands_for_those_that_are_there(tmp_path: Path) -> None:
    for name in ("espcn_x2.onnx", "espcn_x4.onnx", "espcn_x.onnx", "espcn_x4b.onnx", "espcn_x2.pth"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "espcn_x3.onnx").mkdir()
    spec = parse_spec(f"onnx:{tmp_path}/espcn_x{{scale}}.onnx")
    assert spec.name == "onnx:espcn"
    assert {entry.scale: entry.path.name for entry in spec.entries} == {2: "espcn_x2.onnx", 4: "espcn_x4.onnx"}
    with pytest.raises(UsageError, match="says the scale twice"):
        parse_spec(f"onnx:{tmp_path}/espcn_x{{scale}}.onnx?scale=2")
    with pytest.raises(DataError, match=r"no model .* for any scale"):
        parse_spec(f"onnx:{tmp_path}/other_x{{scale}}.onnx")


def test_scale_and_data_set_in_a_path_of_images(tmp_path: Path) -> None:
    for folder in ("set5/x2", "set5/x3", "urban/x2", "x2"):
        save(tmp_path / folder / "a.png", photograph(8, 8))
    spec = parse_spec(f"images:{tmp_path}/{{dataset}}/x{{scale}}")
    assert [(entry.dataset, entry.scale) for entry in spec.entries] == [("set5", 2), ("set5", 3), ("urban", 2)]
    assert spec.name == f"images:{tmp_path.name}"
    twice = parse_spec(f"images:{tmp_path}/{{dataset}}/../{{dataset}}/x{{scale}}")
    assert {entry.dataset for entry in twice.entries} == {"set5", "urban"}
    with pytest.raises(UsageError, match=r"only images: has a \{dataset\}"):
        parse_spec("onnx:{dataset}.onnx")


def written(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def names(tmp_path: Path, *patterns: str) -> list[str]:
    specs = [parse_spec(pattern.replace(":", f":{tmp_path}/", 1)) for pattern in patterns]
    return [spec.name for spec in with_distinct_names(list(dict.fromkeys(specs)), ())]


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for place in ("A/models/net.pth", "B/models/net.pth", "B/old models/net.pth", "B/models/net.safetensors", "x.pth"):
        written(tmp_path / place)
    assert names(tmp_path, "spandrel:A/models/net.pth", "spandrel:x.pth") == ["spandrel:net", "spandrel:x"]
    assert names(tmp_path, "spandrel:A/models/net.pth", "torchscript:B/models/net.pth") == [
        "spandrel:net",
        "torchscript:net",
    ]
    three = ("spandrel:A/models/net.pth", "spandrel:B/models/net.pth", "spandrel:B/old models/net.pth")
    assert names(tmp_path, *three) == ["spandrel:A-models-net", "spandrel:B-models-net", "spandrel:old-models-net"]
    assert names(tmp_path, three[0], f"{three[1]}?label=theirs") == ["spandrel:net", "spandrel:theirs"]
    assert names(tmp_path, three[0], f"{three[1]}?label=net") == ["spandrel:models-net", "spandrel:net"]
    assert names(tmp_path, f"{three[0]}?label=a", f"{three[0]}?label=b") == ["spandrel:a", "spandrel:b"]
    for alike in (
        ("spandrel:B/models/net.pth", "spandrel:B/models/net.safetensors"),
        ("spandrel:B/models/net.pth", "spandrel:B/models/net.pth?halo=8"),
        ("spandrel:A/models/net.pth?label=a", "spandrel:B/models/net.pth?label=a"),
    ):
        with pytest.raises(UsageError, match=r"Two models would be called .*; name one of them: .*\?label=NAME"):
            names(tmp_path, *alike)


def test_folders_of_one_name_are_told_apart_too(tmp_path: Path) -> None:
    for folder in ("A/set5/x2", "B/set5/x2", "A/sr", "B/sr"):
        save(tmp_path / folder / "a.png", photograph(8, 8))
        written(tmp_path / folder / "model.pth")
    assert names(tmp_path, "images:A/sr", "images:B/sr") == ["images:A-sr", "images:B-sr"]
    assert names(tmp_path, "hub:A/sr", "hub:B/sr") == ["hub:A-sr", "hub:B-sr"]
    templates = ("images:A/{dataset}/x{scale}", "images:B/{dataset}/x{scale}")
    assert names(tmp_path, *templates) == ["images:A", "images:B"]
    assert names(tmp_path, "hub:A/sr?label=mine") == ["hub:mine"]


def test_a_name_that_a_registry_gave_stays(photos: Path, tmp_path: Path) -> None:
    for folder in ("A", "B"):
        shutil.copytree(photos, tmp_path / folder / "sr")
    registry = Registry()
    patterns = [f"images:{tmp_path}/A/sr", f"images:{tmp_path}/B/sr"]
    assert [choice.label for choice in registry.select(patterns[:1])] == ["images:sr"]
    assert [choice.label for choice in registry.select(patterns)] == ["images:sr", "images:B-sr"]
    assert [choice.label for choice in registry.select([*patterns, *patterns])] == ["images:sr", "images:B-sr"]
    assert [choice.label for choice in registry.select(["images:B-sr"])] == ["images:B-sr"]
    label = registry.select([f"{patterns[0]}?label=mine"])[0]
    assert label.label == "images:mine"
    assert label.card.source_hash == registry.card("images:sr").source_hash  # a name decides no figure


def test_a_run_s_id_holds_what_its_models_are(photos: Path, tmp_path: Path) -> None:
    for folder in ("A", "B", "C"):
        shutil.copytree(photos, tmp_path / folder / "sr")
    save(tmp_path / "B/sr/first.png", photograph(48, 60, 9))

    def run_id(*methods: str) -> str:
        request = Request(methods=methods, datasets=(str(photos),), scales=(2,), metrics=("psnr",))
        return make_plan(request, Registry()).run_id

    before = run_id(f"images:{tmp_path}/A/sr")
    assert run_id(f"images:{tmp_path}/C/sr") == before
    assert run_id(f"images:{tmp_path}/B/sr") != before
    assert run_id(f"images:{tmp_path}/A/sr?label=mine") != before
    save(tmp_path / "A/sr/first.png", photograph(48, 60, 9))
    assert run_id(f"images:{tmp_path}/A/sr") != before


def test_what_a_folder_of_sr_images_is_known_by_is_all_that_is_read(tmp_path: Path) -> None:
    for suffix in SUFFIXES | OTHER_SUFFIXES:
        (tmp_path / f"a{suffix}").write_bytes(b"")
    expected = {tmp_path / f"a{suffix}" for suffix in SUFFIXES}
    assert set(ModelFile(tmp_path).files) == set(image_files(tmp_path)) == expected


def test_missing_files_are_one_sentence(tmp_path: Path) -> None:
    for pattern, message in (
        ("onnx:", "names no file"),
        ("onnx:gone.onnx", "There is no model 'gone.onnx'"),
        ("images:gone", "There is no folder 'gone'"),
        (f"images:{tmp_path}", "holds no images"),
        ("hub:gone", "There is no folder 'gone'"),
    ):
        with pytest.raises((DataError, UsageError), match=message):
            parse_spec(pattern)


# what is found out ---------------------------------------------------------------------------------------------------


def tried(network: nn.Module | Any, options: ModelOptions | None = None, **known: Any) -> Any:
    return find_traits(LoadedModel(run=network, says="a model", **known), options or ModelOptions(), "model")


# models of the upsampled image ---------------------------------------------------------------------------------------


def test_a_model_of_the_upsampled_image_has_the_scale_that_is_said() -> None:
    network = nn.Conv2d(1, 1, 5, padding=2)
    found = tried(network, ModelOptions(input="upsampled", scale=3))
    assert (found.input, found.scale, found.factor, found.halo) == ("upsampled", 3, 1, 2)
    assert run_fitted(network, torch.rand(1, 1, 9, 7), found).shape == (1, 1, 9, 7)
    told = tried(network, declared=ModelOptions(input="upsampled", scale=4, channels="any"))
    assert (told.input, told.scale, told.either) == ("upsampled", 4, True)
    own = tried(network, ModelOptions(input="lr"), declared=ModelOptions(input="upsampled", scale=4))
    assert (own.input, own.scale) == ("lr", 1)


@pytest.mark.parametrize(
    ("network", "options", "declared", "message"),
    [
        (
            nn.Identity(),
            ModelOptions(scale=2),
            ModelOptions(),
            "x1, not x2; if it takes the upsampled image, add input=upsampled",
        ),
        (nn.Identity(), ModelOptions(input="upsampled"), ModelOptions(), "add its scale"),
        (nn.Identity(), ModelOptions(scale=3), ModelOptions(input="upsampled", scale=2), "for x2, not x3"),
        (nearest(), ModelOptions(input="upsampled", scale=2), ModelOptions(), "upsamples x2 itself"),
    ],
)
def test_what_cannot_be_of_a_model_of_the_upsampled_image(
    network: nn.Module, options: ModelOptions, declared: ModelOptions, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        tried(network, options, declared=declared)


def test_an_onnx_file_says_by_its_inputs_name_that_it_takes_the_upsampled_image(tmp_path: Path) -> None:
    path = small_models.save_onnx(nn.Conv2d(1, 1, 3, padding=1), tmp_path / "sharpener_x3.onnx", 1, name="upsampled")
    with pytest.raises(UsageError, match="add its scale"):
        Registry().select([f"onnx:{path}"])
    (choice,) = Registry().select([f"onnx:{tmp_path}/sharpener_x{{scale}}.onnx"])
    assert (choice.card.info.input, choice.card.info.scales) == ("upsampled", {3})
    (choice,) = Registry().select([f"onnx:{path}?scale=2"])
    assert choice.card.info.scales == {2}


def test_files_of_both_kinds_are_no_one_method(tmp_path: Path) -> None:
    small_models.save_onnx(nn.Conv2d(1, 1, 3, padding=1), tmp_path / "m_x3.onnx", 1, name="upsampled")
    small_models.save_onnx(nearest(), tmp_path / "m_x2.onnx", 1)
    with pytest.raises(UsageError, match="Some files"):
        Registry().select([f"onnx:{tmp_path}/m_x{{scale}}.onnx"])


def test_channels_and_scale_are_found_out() -> None:
    luma = nn.Sequential(nn.Conv2d(1, 9, 3, padding=1), nn.PixelShuffle(3))
    found = tried(luma)
    assert (found.channels, found.either, found.scale, found.halo) == (1, False, 3, 1)
    colour = nn.Sequential(nn.Conv2d(3, 12, 5, padding=2), nn.PixelShuffle(2))
    found = tried(colour)
    assert (found.channels, found.either, found.scale, found.halo) == (3, False, 2, 2)
    found = tried(nearest(4))
    assert (found.channels, found.either, found.scale, found.halo) == (1, True, 4, 0)


def test_what_the_user_says_is_held_to() -> None:
    luma = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2))
    assert tried(luma, ModelOptions(channels="any")).either
    assert tried(luma, ModelOptions(halo=7)).halo == 7
    assert tried(luma, ModelOptions(halo=None)).halo is None
    with pytest.raises(UsageError, match="is a model for x2, not x3"):
        tried(luma, ModelOptions(scale=3))
    with pytest.raises(UsageError, match="takes 1 channels, which channels=rgb is not"):
        tried(luma, ModelOptions(channels="rgb"), channels=1)
    with pytest.raises(DataError, match="takes images of 4 channels"):
        tried(luma, channels=4)
    with pytest.raises(DataError, match=r"takes no image of 3 or 1 channels, 96x64 pixels \(.+\)"):
        tried(nn.Linear(5, 5))
    with pytest.raises(DataError, match="takes no image"):
        tried(nn.AdaptiveAvgPool2d(8))


class Pooled(nn.Module):
    """Takes sides that are multiples of 4, from 8 on, one image at once; anything else raises."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) != 1 or any(side % 4 or side < 8 for side in x.shape[-2:]):
            raise RuntimeError("no")
        return self.up(x)


def test_sizes_that_a_model_takes_are_found_out_and_kept_to() -> None:
    pooled = Pooled()
    found = tried(pooled)
    assert (found.multiple, found.least, found.batched) == (4, 8, False)
    x = torch.rand(3, 1, 5, 13)
    assert torch.equal(run_fitted(pooled, x, found), nearest()(x))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_images_of_any_size_come_out_whole(height: int, width: int, count: int) -> None:
    x = torch.rand(count, 1, height, width)
    assert torch.equal(run_fitted(Pooled(), x, POOLED), nearest()(x))


POOLED = tried(Pooled())


def test_a_model_that_looks_at_the_whole_image_is_not_tiled() -> None:
    class Bright(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nearest()(x * x.mean(dim=(2, 3), keepdim=True))

    assert tried(Bright()).halo is None
    assert tried(nearest(), tiles=False).halo is None


def test_a_model_that_depends_on_where_a_tile_begins_is_not_tiled() -> None:
    class Windows(nn.Module):
        """Means of 8x8 windows, that start at the image's corner: sides are padded."""

        def forward(self, x: Tensor) -> Tensor:
            height, width = x.shape[-2:]
            x = nn.functional.pad(x, (0, -width % 8, 0, -height % 8), mode="replicate")
            means = nn.functional.avg_pool2d(x, 8)
            return means.repeat_interleave(16, 2).repeat_interleave(16, 3)[..., : 2 * height, : 2 * width]

    assert tried(Windows()).halo is None


def test_a_range_of_255_is_the_model_s_own(tmp_path: Path) -> None:
    class Inverted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 255.0 - nearest()(x)

    path = small_models.save_onnx(Inverted(), tmp_path / "inverted.onnx")
    registry = Registry()
    (choice,) = registry.select([f"onnx:{path}?range=255"])
    method = registry.method(choice.card.name)()
    x = np.random.default_rng(0).random((3, 6, 7), np.float32)
    out = run_method(method, x, 2, CPU)
    np.testing.assert_allclose(out, 1 - x.repeat(2, 1).repeat(2, 2), atol=1e-6)


# the registry --------------------------------------------------------------------------------------------------------


def test_a_card_says_what_a_model_is_and_its_content_decides(files: Path, tmp_path: Path) -> None:
    registry = Registry()
    (choice,) = registry.select([f"onnx:{files}/small.onnx"])
    card = choice.card
    assert choice.label == "onnx:small"
    assert (card.info.channels, card.info.scales, card.info.halo) == ("rgb", frozenset({2}), 4)
    assert card.info.paper.startswith("ONNX model, small.onnx (sha256 ")
    assert card.info.paper.endswith("6,876 parameters")
    assert registry.card("onnx:small") == card
    assert Registry(models=pickle.loads(pickle.dumps(registry.models))).card("onnx:small") == card

    copy = tmp_path / "small.onnx"
    copy.write_bytes((files / "small.onnx").read_bytes())
    assert Registry().select([f"onnx:{copy}"])[0].card.source_hash == card.source_hash  # wherever it lies
    assert Registry().select([f"onnx:{copy}?halo=9"])[0].card.source_hash != card.source_hash
    other = small_models.save_onnx(nearest(), copy)
    assert Registry().select([f"onnx:{other}"])[0].card.source_hash != card.source_hash


def test_a_process_notices_that_a_file_was_changed(files: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    path.write_bytes((files / "small.onnx").read_bytes())
    spec = parse_spec(f"onnx:{path}")
    before = spec_hash(spec)
    small_models.save_onnx(nearest(), path)
    assert spec_hash(pickle.loads(pickle.dumps(spec))) != before


def test_a_model_is_tried_once(files: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Registry().select([f"onnx:{files}/small.onnx"])
    monkeypatch.setattr("srbench.models.probe._tried", None)
    assert Registry().select([f"onnx:{files}/small.onnx"])[0].card.info.halo == 4
    (kept,) = (own_cache / "models").iterdir()
    kept.write_text('{"says": 1}')
    with pytest.raises(TypeError):  # what was kept is damaged, so it would be tried again
        Registry().select([f"onnx:{files}/small.onnx"])


def test_one_method_of_several_files(tmp_path: Path) -> None:
    for scale in (2, 3):
        small_models.save_onnx(nearest(scale), tmp_path / f"near_x{scale}.onnx")
    registry = Registry()
    (choice,) = registry.select([f"onnx:{tmp_path}/near_x{{scale}}.onnx"])
    assert choice.card.info.scales == frozenset({2, 3})
    method = registry.method("onnx:near")()
    for scale in (2, 3):
        assert method.upscale(torch.rand(1, 3, 5, 4), scale).shape == (1, 3, 5 * scale, 4 * scale)
    (tmp_path / "near_x2.onnx").rename(tmp_path / "near_x4.onnx")
    with pytest.raises(UsageError, match=r"near_x4.onnx is a model for x2, not x4"):
        Registry().select([f"onnx:{tmp_path}/near_x{{scale}}.onnx"])


@pytest.mark.parametrize(
    ("package", "pattern"), [("spandrel", "spandrel:small.pth"), ("onnxruntime", "onnx:small.onnx")]
)
def test_a_missing_extra_is_one_sentence(
    package: str, pattern: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    kind, _, name = pattern.partition(":")
    with pytest.raises(UsageError, match=re.escape(f"{package} is not installed: {install_command(kind)} installs it")):
        Registry().select([f"{kind}:{files / name}"])


def test_images_are_scored_and_never_run(photos: Path) -> None:
    registry = Registry()
    (choice,) = registry.select([f"images:{photos}"])
    assert choice.card.supplied
    assert choice.card.info.scales == ANY_SCALE
    method = registry.method(choice.card.name)()
    assert isinstance(method, SrImages)
    assert method.folder("any", 3) == photos.resolve()
    with pytest.raises(MethodError, match="can be scored, not run"):
        method.upscale(torch.rand(1, 3, 4, 4), 2)
    before = choice.card.source_hash
    save(photos / "first.png", photograph(48, 60, 9))
    assert Registry().select([f"images:{photos}"])[0].card.source_hash != before


@pytest.mark.parametrize("module", ["sr_images.py", "folders.py", "stems.py"])
def test_the_code_that_finds_and_reads_images_is_part_of_their_hash(
    module: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decides what is scored, so that figures of another version must not be taken for today's."""
    spec = parse_spec(f"images:{photos}")
    before = spec_hash(spec)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == module))
    model._code.cache_clear()
    source.source_hash.cache_clear()
    try:
        assert spec_hash(spec) != before
    finally:
        model._code.cache_clear()
        source.source_hash.cache_clear()


# files that are damaged, or not what they seem ----------------------------------------------------------------------


def opened(kind: str, path: Path, *, probed: bool = False) -> Any:
    """A file opened in this process; ``probed`` as a run does it, which takes a process more."""
    return Registry().select([f"{kind}:{path}"])[0].card if probed else open_file(kind, path, CPU)


@pytest.mark.parametrize("kind", ["spandrel", "onnx", "torchscript", "exported"])
@pytest.mark.parametrize("damage", ["empty", "short", "text"])
def test_damaged_files_are_one_sentence(kind: str, damage: str, files: Path, tmp_path: Path) -> None:
    suffix = {"spandrel": "pth", "onnx": "onnx", "torchscript": "pt", "exported": "pt2"}[kind]
    whole = (files / f"small.{suffix}").read_bytes()
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes({"empty": b"", "short": whole[: len(whole) // 2], "text": b"<!DOCTYPE html>" * 50}[damage])
    with pytest.raises(DataError, match=rf"bad\.{suffix} ") as raised:
        opened(kind, path, probed=damage == "short")
    assert len(str(raised.value)) < 400


class Harm:
    """What a pickle may hold: code that runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("suffix", ["pth", "ckpt", "pt"])
def test_a_pth_that_holds_code_is_refused(suffix: str, tmp_path: Path) -> None:
    done = tmp_path / "done"
    torch.save({"params": Harm(done)}, tmp_path / f"bad.{suffix}")
    with pytest.raises(DataError, match="contains more than weights"):
        opened("spandrel", tmp_path / f"bad.{suffix}", probed=suffix == "pth")
    assert not done.exists()


def test_a_torchscript_program_is_not_opened_as_weights(files: Path) -> None:
    with pytest.raises(DataError, match=r"small\.pt "):
        Registry().select([f"spandrel:{files}/small.pt"])


def test_weights_of_no_known_architecture(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.zeros(3)}, tmp_path / "odd.pth")
    with pytest.raises(DataError, match=r"knows no architecture that odd\.pth fits"):
        Registry().select([f"spandrel:{tmp_path}/odd.pth"])
    torch.save([torch.zeros(3)], tmp_path / "odd.pth")
    with pytest.raises(DataError, match="contains no state dict, but a list"):
        Registry().select([f"spandrel:{tmp_path}/odd.pth"])


class ChannelsLast(nn.Module):
    """As TensorFlow has images: (N, h, w, C)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sr: torch.Tensor = self.inner(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return sr


class Downsampling(nn.Module):
    """Works at a third of the resolution inside: parts have to begin at multiples of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, groups=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = self.conv(nn.functional.avg_pool2d(x, 4))
        return nn.functional.interpolate(small, scale_factor=8, mode="nearest")


class Averaging(nn.Module):
    """Every pixel has influence everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(x - x.mean((2, 3), keepdim=True), scale_factor=2, mode="nearest")


def save_fixed(network: nn.Module, path: Path, shape: tuple[int, ...] = (1, 3, 32, 40), **axes: Any) -> Path:
    """An ONNX model of one input size, but for the axes that are free."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"input_names": ["lr"], "output_names": ["sr"]}
        torch.onnx.export(network, (torch.rand(shape),), str(path), **names, dynamic_axes=axes or None, dynamo=False)
    return path


def ready(spec: str) -> Method:
    """A model, ready."""
    registry = Registry()
    (choice,) = registry.select([spec])
    return registry.method(choice.card.name)()


def test_models_of_one_size_give_what_those_of_any_size_give(network: nn.Module, tmp_path: Path) -> None:
    """ONNX of 32x40 pixels, and of a batch of four; one exported: in parts that overlap by the halo."""
    torch.export.save(torch.export.export(network, (torch.rand(1, 3, 32, 40),)), tmp_path / "fixed.pt2")
    specs = [
        f"onnx:{save_fixed(network, tmp_path / 'fixed.onnx')}",
        f"onnx:{save_fixed(network, tmp_path / 'four.onnx', (4, 3, 32, 40))}",
        f"exported:{tmp_path / 'fixed.pt2'}",
    ]
    for spec in specs:
        method = ready(spec)
        assert method.info.scales == {2} and "run in parts of 40x32" in method.info.paper
        for height, width in ((32, 40), (33, 41), (70, 95), (64, 40)):
            x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
            with torch.inference_mode():
                torch.testing.assert_close(method.upscale(x, 2), network(x), rtol=0, atol=1e-5)
        with torch.inference_mode():
            assert method.upscale(torch.rand(2, 3, 9, 11), 2).shape == (2, 3, 18, 22)  # padded


def test_parts_begin_where_a_networks_strides_do(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Downsampling().eval()
    method = ready(f"onnx:{save_fixed(network, tmp_path / 'strides.onnx')}")
    x = torch.rand(1, 3, 96, 120)
    with torch.inference_mode():
        torch.testing.assert_close(method.upscale(x, 2), network(x), rtol=0, atol=1e-5)


def test_an_onnx_model_of_one_size_in_which_everything_has_influence_is_refused(tmp_path: Path) -> None:
    path = save_fixed(Averaging(), tmp_path / "averaging.onnx")
    with pytest.raises(DataError, match="takes images of 40x32 only, and larger ones cannot be put together"):
        Registry().select([f"onnx:{path}"])


def test_onnx_models_with_channels_last_are_turned_round(network: nn.Module, tmp_path: Path) -> None:
    free = {0: "n", 1: "h", 2: "w"}
    last = ChannelsLast(network)
    for path in (
        save_fixed(last, tmp_path / "last.onnx", (1, 32, 40, 3), lr=free, sr=free),
        save_fixed(last, tmp_path / "both.onnx", (1, 32, 40, 3)),
    ):
        method = ready(f"onnx:{path}")
        assert "channels last" in method.info.paper
        x = torch.rand(1, 3, 50, 61)
        with torch.inference_mode():
            torch.testing.assert_close(method.upscale(x, 2), network(x), rtol=0, atol=1e-5)


def altered(source: Path, path: Path, name: str, change: Any) -> Path:
    """A copy of an exported program with one file changed, or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        root = old.namelist()[0].partition("/")[0]
        contents = {each.partition("/")[2]: old.read(each) for each in old.namelist()}
        contents[name] = change(contents.get(name, b""))
        for each, content in contents.items():
            new.writestr(f"{root}/{each}", content)
    return path


def replaced(old: str, new: str) -> Any:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


def pickled(path: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(Harm(path), buffer)
    return buffer.getvalue()


GRAPH = "models/model.json"
EXPRESSION = "Symbol('s77', positive=True, integer=True)"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (GRAPH, "torch.ops.aten.conv2d.default", "torch.load", "has the target 'torch.load'"),
        (GRAPH, "torch.ops.aten.conv2d.default", "_operator.methodcaller", "has the target"),
        (GRAPH, "torch.ops.aten.conv2d.default", "torch.ops.aten.from_file.default", "has the target"),
        (GRAPH, "torch.ops.aten.conv2d.default", "torch.ops.aten.__class__.x", "has the target"),
        (GRAPH, EXPRESSION, "__import__(chr(111)+chr(115))", "has the expr_str"),
        (GRAPH, EXPRESSION, "Symbol('s77').__class__", "has the expr_str"),
        (GRAPH, '"guards_code": []', '"guards_code": ["harm()"]', "has the guards_code"),
        (GRAPH, '"name": "conv2d"', '"name": "x=harm()"', "has the name"),
        ("data/weights/model_weights_config.json", '"use_pickle": false', '"use_pickle": true', "pickled tensors"),
        ("data/weights/model_weights_config.json", "weight_0", "../custom_obj_0", "has the path_name"),
    ],
)
def test_an_exported_program_that_could_run_code_is_refused(
    name: str, old: str, new: str, message: str, files: Path, tmp_path: Path
) -> None:
    path = altered(files / "small.pt2", tmp_path / "bad.pt2", name, replaced(old, new))
    with pytest.raises(DataError, match=message):
        opened("exported", path)


@pytest.mark.parametrize(
    "name",
    ["data/sample_inputs/model.pt", "data/weights/model.pt", "data/constants/opaque_obj_0", "data/aotinductor/m/a.so"],
)
def test_pickles_in_an_exported_program_are_refused(name: str, files: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    path = altered(files / "small.pt2", tmp_path / "bad.pt2", name, lambda _: pickled(done))
    with pytest.raises(DataError, match=r"bad\.pt2 holds .* export the network alone, or as ONNX"):
        opened("exported", path)
    assert not done.exists()


def test_an_altered_copy_is_opened_where_nothing_was_altered(files: Path, tmp_path: Path) -> None:
    """Or the tests above would say nothing."""
    path = altered(files / "small.pt2", tmp_path / "same.pt2", GRAPH, lambda content: json.dumps(json.loads(content)))
    assert Registry().select([f"exported:{path}"])[0].card.info.halo == 4
