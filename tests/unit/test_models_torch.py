"""Networks whose class is in a file of the user: usual checkpoints open, and every wrong guess is one sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import paper_networks
import pytest
import torch
from torch import nn

from srbench.errors import DataError, SrbenchError, UsageError
from srbench.models.inspection import find_traits
from srbench.models.loaded import LoadedModel, open_file
from srbench.models.model import spec_hash
from srbench.models.parse import parse_spec
from srbench.models.source_file import imported
from srbench.models.spec import SCALE_ARGUMENTS, Code, ModelOptions
from srbench.plugins.registry import Registry

CPU = torch.device("cpu")
COMMON = """
from torch import nn

class Residual(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(n, n, 3, padding=1), nn.ReLU(), nn.Conv2d(n, n, 3, padding=1))

    def forward(self, x):
        return x + self.body(x)
"""
NETWORKS = """
import torch
from torch import nn
from torch.nn import functional
from common import Residual


class Vdsr(nn.Module):
    '''Residual learning on the upsampled image.'''
    def __init__(self, depth=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        return x + self.layers(x)


class Espcn(nn.Module):
    '''Sub-pixel convolution of luma.'''
    def __init__(self, upscale_factor):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, upscale_factor**2, 3, padding=1),
            nn.PixelShuffle(upscale_factor))

    def forward(self, x):
        return self.layers(x)


class Edsr(nn.Module):
    '''Residual blocks without normalization, 0..255.'''
    def __init__(self, scale=2, n_feats=8, n_resblocks=2):
        super().__init__()
        self.head = nn.Conv2d(3, n_feats, 3, padding=1)
        self.body = nn.Sequential(*(Residual(n_feats) for _ in range(n_resblocks)))
        self.tail = nn.Sequential(nn.Conv2d(n_feats, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        self.register_buffer("mean", torch.tensor([114.4, 111.5, 103.0])[:, None, None])

    def forward(self, x):
        features = self.head(x - self.mean)
        return self.tail(features + self.body(features)) + self.mean


class SrResNet(nn.Module):
    '''Batch normalization.'''
    def __init__(self, num_feat=8, upscale=4):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, num_feat, 9, padding=4), nn.PReLU())
        self.norm = nn.BatchNorm2d(num_feat)
        self.last = nn.Conv2d(num_feat, 3, 3, padding=1)
        self.upscale = upscale

    def forward(self, x):
        return self.last(functional.interpolate(self.norm(self.first(x)), scale_factor=self.upscale))


class Windowed(nn.Module):
    '''Attention in windows of 4x4, whose sides must be multiples of them.'''
    def __init__(self, upscale=2, window=4, dim=8):
        super().__init__()
        self.window = window
        self.embed = nn.Conv2d(3, dim, 1)
        self.attention = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.out = nn.Sequential(nn.Conv2d(dim, 3 * upscale**2, 3, padding=1), nn.PixelShuffle(upscale))

    def forward(self, x):
        x = self.embed(x)
        n, c, h, w = x.shape
        k = self.window
        parts = x.reshape(n, c, h // k, k, w // k, k).permute(0, 2, 4, 3, 5, 1).reshape(-1, k * k, c)
        parts = self.attention(parts, parts, parts, need_weights=False)[0]
        parts = parts.reshape(n, h // k, w // k, k, k, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)
        return self.out(x + parts)


class Gated(nn.Module):
    '''Channel attention over the whole image, which cannot be tiled.'''
    def __init__(self, upscale=3):
        super().__init__()
        self.head = nn.Conv2d(3, 8, 3, padding=1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.tail = nn.Sequential(nn.Conv2d(8, 3 * upscale**2, 3, padding=1), nn.PixelShuffle(upscale))

    def forward(self, x):
        x = self.head(x)
        return self.tail(x * self.gate(x))


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Noisy(nn.Module):
    def forward(self, x, sigma):
        return x


def make_edsr(scale):
    return Edsr(scale, n_feats=4)


def broken(scale=2):
    raise RuntimeError("no such block")


def number():
    return 3
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "common.py").write_text(COMMON)
    (tmp_path / "net.py").write_text(NETWORKS + Path(paper_networks.__file__).read_text().partition("annotations")[2])
    return tmp_path / "net.py"


def built(net: Path, name: str, **arguments: Any) -> nn.Module:
    torch.manual_seed(0)
    with imported(net) as module:
        made: nn.Module = getattr(module, name)(**arguments)
    return made.eval()


def opened(net: Path, name: str, state: Any, scale: int = 0, **arguments: str) -> LoadedModel:
    path = net if state is None else net.with_name("w.pth")
    if state is not None:
        torch.save(state, path)
    return open_file("torch", path, CPU, Code(net, name, tuple(arguments.items())), scale)


WRAPPINGS = {
    "plain": lambda state: state,
    "basicsr": lambda state: {"params": {k: v + 1 for k, v in state.items()}, "params_ema": state},
    "params": lambda state: {"params": state},
    "parallel": lambda state: {f"module.{k}": v for k, v in state.items()},
    "trainer": lambda state: {
        "epoch": 3,
        "state_dict": state,
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}},
    },
    "lightning": lambda state: {
        "state_dict": {**{f"model.{k}": v for k, v in state.items()}, "loss.vgg.weight": torch.zeros(2)},
    },
    "both": lambda state: {"model": {f"module.model.{k}": v for k, v in state.items()}},
    "counted": lambda state: state | {"total_ops": torch.zeros(1), "head.total_params": torch.zeros(1)},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize(
    ("name", "scale", "arguments", "facts"),
    [
        ("Vdsr", 2, {"depth": 3}, (1, 2, "upsampled", 1)),
        ("Espcn", 3, {"upscale_factor": 3}, (1, 3, "lr", 1)),
        ("Edsr", 2, {"n_feats": 4}, (3, 2, "lr", 1)),
        ("SrResNet", 4, {}, (3, 4, "lr", 1)),
        ("Windowed", 2, {}, (3, 2, "lr", 4)),
        ("Gated", 3, {}, (3, 3, "lr", 1)),
        ("Rcan", 2, {"n_resgroups": 1}, (3, 2, "lr", 1)),
        ("Imdn", 4, {"nf": 16}, (3, 4, "lr", 1)),
        ("Rdn", 3, {"config": (2, 2, 4)}, (3, 3, "lr", 1)),
        ("LapSrn", 4, {}, (1, 4, "lr", 1)),
        ("Dbpn", 4, {"scale_factor": 4}, (3, 4, "lr", 1)),
        ("Pan", 3, {"in_nc": 3, "out_nc": 3, "scale": 3}, (3, 3, "lr", 1)),
    ],
)
def test_networks_open_whatever_their_weights_are_wrapped_in(
    net: Path, wrapping: str, name: str, scale: int, arguments: dict[str, Any], facts: tuple[int, int, str, int]
) -> None:
    network = built(net, name, **arguments)
    written = {key: str(value) for key, value in arguments.items() if key not in SCALE_ARGUMENTS}
    found = opened(net, name, WRAPPINGS[wrapping](network.state_dict()), scale, **written)
    x = torch.rand(1, facts[0], 24, 32)
    with torch.inference_mode():
        assert torch.equal(found.run(x), network(x))
    assert found.parameters == sum(weight.numel() for weight in network.parameters())
    if wrapping == "plain":
        options: Any = {"input": facts[2], "range": 255 if name == "Edsr" else 1}
        traits = find_traits(found, ModelOptions(**options), "w.pth", scale)
        assert (traits.channels, traits.scale, traits.input, traits.multiple) == facts
        assert (traits.halo is None) == (name in ("Gated", "Rcan"))


def test_a_function_may_make_the_network_and_it_says_what_was_assumed(net: Path) -> None:
    found = opened(net, "make_edsr", {"params_ema": built(net, "Edsr", n_feats=4).state_dict()}, 2)
    assert found.says == "make_edsr(scale=2) with params_ema"


@pytest.mark.parametrize(
    ("name", "scale", "arguments", "message"),
    [
        ("Edsrr", 2, {}, r"no network in net.py called 'Edsrr'. Did you mean Edsr"),
        ("Edsr", 2, {"n_feat": "8"}, r"no argument of Edsr called 'n_feat'. Did you mean n_feats"),
        ("Edsr", 3, {}, r"does not fit Edsr\(scale=3\) of net.py: tail.0.weight is \(12, 8, 3, 3\) in the file and"),
        ("Edsr", 2, {"n_resblocks": "3"}, r"4 of its 17 weights are missing \(body.2.body.0.weight, .*correct arg"),
        ("Edsr", 2, {"n_resblocks": "1"}, r"4 are unexpected \(body.1.body.0.weight"),
        ("Espcn", 0, {}, r"Espcn of net.py needs upscale_factor: add 'scale=2' after the '\?'"),
        ("Dbpn", 3, {}, r"Dbpn of net.py cannot be built \(KeyError: 3\); its arguments are \?arg.NAME=VALUE"),
        ("Pan", 2, {}, r"Pan of net.py needs in_nc, out_nc: add 'arg.in_nc=VALUE&arg.out_nc=VALUE' after the '\?'"),
        ("Imdn", 2, {"nf": "12"}, r"w.pth does not fit Imdn\(nf=12, upscale=2\) of net.py: .* are missing \(fea_conv"),
        ("broken", 2, {}, r"broken of net.py cannot be built \(RuntimeError: no such block\)"),
        ("number", 0, {}, r"number of net.py is not a network"),
        ("Noisy", 0, {}, r"Noisy takes 2 inputs \(x, sigma\)"),
    ],
)
def test_a_wrong_guess_is_one_sentence(
    net: Path, name: str, scale: int, arguments: dict[str, str], message: str
) -> None:
    state = built(net, "Edsr").state_dict() if name != "Noisy" else None
    with pytest.raises(SrbenchError, match=message) as caught:
        opened(net, name, state, scale, **arguments)
    assert "\n" not in str(caught.value)


def test_a_network_of_several_scales_is_told_the_scale(net: Path) -> None:
    net.write_text(
        "from torch import nn\nclass Multi(nn.Module):\n    def forward(self, x, scale):\n"
        "        return nn.functional.interpolate(x, scale_factor=scale)\n"
    )
    assert open_file("torch", net, CPU, Code(net, "Multi"), 3).run(torch.ones(1, 3, 4, 5)).shape == (1, 3, 12, 15)
    with pytest.raises(DataError, match=r"Multi takes 2 inputs \(x, scale\)"):
        open_file("torch", net, CPU, Code(net, "Multi"))


def test_what_a_run_shows_wrong_is_one_sentence_too(net: Path) -> None:
    edsr = opened(net, "Edsr", built(net, "Edsr").state_dict(), 2)
    with pytest.raises(UsageError, match=r"w.pth is a model for x2, not x4"):
        find_traits(edsr, ModelOptions(scale=4), "w.pth")
    with pytest.raises(DataError, match=r"w.pth takes no image of 1 channels"):
        find_traits(edsr, ModelOptions(channels="y"), "w.pth")
    with pytest.raises(DataError, match=r"its forward returns a tuple, and srbench needs the image alone"):
        find_traits(opened(net, "Pair", None), ModelOptions(), "w.pth")


def test_a_whole_pickled_model_is_refused_and_the_way_to_its_weights_shown(net: Path) -> None:
    with pytest.raises(DataError, match=r"torch.save\(torch.load\('w.pth', weights_only=False\).state_dict\(\)"):
        opened(net, "Edsr", nn.Conv2d(3, 3, 3))


def test_a_network_without_weights_must_have_none_to_learn(net: Path) -> None:
    with pytest.raises(UsageError, match=r"random weights until they are loaded: add '\?weights=FILE.pth'"):
        open_file("torch", net, CPU, Code(net, "Edsr"), 2)
    net.write_text("from torch import nn\nclass Nearest(nn.Upsample):\n    pass\n")
    found = open_file("torch", net, CPU, Code(net, "Nearest", (("scale_factor", "2"),)))
    assert found.run(torch.ones(1, 3, 4, 4)).shape == (1, 3, 8, 8)


# the file and what it imports ----------------------------------------------------------------------------------------


def test_a_file_sees_its_own_neighbours_and_leaves_nothing_behind(tmp_path: Path) -> None:
    paths, modules = [*sys.path], {*sys.modules}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "common.py").write_text(f"WHO = {name!r}\n")
        (tmp_path / name / "net.py").write_text("import common\nWHO = common.WHO\n")
    sys.modules["common"] = before = type(sys)("common")  # of the program that runs
    try:
        for name in ("a", "b"):
            with imported(tmp_path / name / "net.py") as module:
                assert name == module.WHO
            assert sys.modules["common"] is before
    finally:
        del sys.modules["common"]
    assert sys.path == paths
    assert {*sys.modules} <= modules | {"common"}


def test_a_file_of_a_package_imports_relatively(tmp_path: Path) -> None:
    (folder := tmp_path / "archs" / "sr").mkdir(parents=True)
    for place in (folder, folder.parent):
        (place / "__init__.py").touch()
    (folder.parent / "blocks.py").write_text("WHO = 'blocks'\n")
    (folder / "net.py").write_text("from ..blocks import WHO\nfrom archs import blocks\nSAME = blocks.WHO == WHO\n")
    with imported(folder / "net.py") as module:
        assert module.SAME
    assert not [name for name in sys.modules if name.partition(".")[0] == "archs"]


def test_a_folder_without_init_may_import_relatively(tmp_path: Path) -> None:
    (folder := tmp_path / "net-1.0" / "model").mkdir(parents=True)
    (tmp_path / "net-1.0" / "sizes.py").write_text("N = 3\n")
    (folder / "block.py").write_text("from ..sizes import N\n")
    (folder / "net.py").write_text("from . import block as B\nfrom ..sizes import N\nSAME = B.N == N\n")
    modules = {*sys.modules}
    with imported(folder / "net.py") as module:
        assert module.SAME
    assert {*sys.modules} == modules
    assert [path.name for path in Code(folder / "net.py", "Net").files] == ["net.py", "block.py", "sizes.py"]


def test_a_file_imports_by_names_from_the_folder_of_its_repository(tmp_path: Path) -> None:
    (folder := tmp_path / "net" / "model").mkdir(parents=True)
    (util := tmp_path / "net" / "util").mkdir()
    (folder / "block.py").write_text("from util.tools import WHO\n")
    (util / "tools.py").write_text("WHO = 'tools'\n")
    (tmp_path / "net" / "torch.py").write_text("raise OSError('an installed package comes first')\n")
    (folder / "net.py").write_text("import torch\nfrom model import block\nWHO = block.WHO\n")
    with imported(folder / "net.py") as module:
        assert module.WHO == "tools"
    assert {"net.py", "block.py", "tools.py"} <= {path.name for path in Code(folder / "net.py", "Net").files}
    before = spec_hash(parse_spec(f"torch:{folder / 'net.py'}:Net"))
    (util / "tools.py").write_text("WHO = 'others'\n")
    assert spec_hash(parse_spec(f"torch:{folder / 'net.py'}:Net")) != before


def test_a_package_whose_init_fails_is_imported_without_it(tmp_path: Path) -> None:
    (folder := tmp_path / "frame" / "archs").mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("from .archs import *\nfrom .version import VERSION\n")
    (folder / "__init__.py").write_text("from . import net_arch\n")
    (folder / "blocks.py").write_text("WHO = 'blocks'\n")
    (folder.parent / "registry.py").write_text("FOUND = []\n")
    (folder / "net_arch.py").write_text(
        "from frame.registry import FOUND\nimport frame.archs.blocks as blocks\nassert not FOUND\nFOUND.append(1)\n"
    )
    modules = {*sys.modules}
    with imported(folder / "net_arch.py") as module:
        assert module.blocks.WHO == "blocks"
    assert {*sys.modules} == modules
    (folder / "net_arch.py").write_text("from frame import NAME\n")
    with (
        pytest.raises(
            UsageError, match=r"cannot import name 'NAME'.*; frame/__init__.py: ModuleNotFoundError: .*version"
        ),
        imported(folder / "net_arch.py"),
    ):
        pass


def test_a_file_is_run_once_as_a_registry_of_a_library_takes_a_class_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library := tmp_path / "site-packages").mkdir()
    (library / "registry_of_a_library.py").write_text("FOUND = []\n")
    monkeypatch.syspath_prepend(library)
    path = tmp_path / "net.py"
    for text in ("", "CHANGED = True\n"):
        path.write_text(f"from registry_of_a_library import FOUND\nFOUND.append(1)\n{text}")
        for _ in (2, 4):
            with imported(path) as module:
                assert len(module.FOUND) == 1 + bool(text)


@pytest.mark.parametrize(
    "text", ["raise OSError('gone')", "import sys; sys.exit(1)", "def f(:", "import no_such_thing"]
)
def test_a_file_that_cannot_be_imported_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "net.py").write_text(text)
    with pytest.raises(UsageError, match=r"net.py cannot be imported: \w+:"), imported(tmp_path / "net.py"):
        pass


# what the user writes, and the key -----------------------------------------------------------------------------------


def test_a_spec_names_the_class_its_weights_and_its_arguments(net: Path) -> None:
    for scale in (2, 4):
        net.with_name(f"edsr_x{scale}.pth").write_bytes(b"x")
    weights = net.with_name("edsr_x{scale}.pth")
    spec = parse_spec(f"torch:{net}:Edsr?weights={weights}&arg.n_feats=8&range=255")
    assert spec.name == "torch:edsr"
    assert {entry.scale: entry.path.name for entry in spec.entries} == {2: "edsr_x2.pth", 4: "edsr_x4.pth"}
    assert spec.code == Code(net.resolve(), "Edsr", (("n_feats", "8"),))
    assert spec.options == ModelOptions(range=255)
    assert [path.name for path in spec.files] == ["edsr_x2.pth", "edsr_x4.pth", "net.py", "common.py"]
    assert parse_spec(f"torch:{net}:Vdsr").name == "torch:Vdsr"
    moved = spec.moved(lambda path: Path("/there") / path.name)
    assert moved.code is not None
    assert moved.code.path == Path("/there/net.py")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{net}", r"names no class of net.py \(it has Vdsr, Espcn, .*\); write torch:.*net.py:Vdsr"),
        ("{net}:", r"names no class of net.py"),
        ("{net}2:Edsr", r"There is no Python file '.*net.py2'; write torch:FILE.py:Class"),
        ("{net}:Edsr?weights={net}3", r"There is no model '.*net.py3'"),
        ("{net}:Edsr?weights=", r"names no file of weights"),
        ("{net}:Edsr?weights={net}&weights={net}", r"names two files of weights"),
        ("{net}:Edsr?arg.n_feats", r"arg.n_feats is no argument of the class; write arg.NAME=VALUE"),
        ("{net}:Edsr?weight={net}", r"option .* called 'weight'. Did you mean weights"),
        ("{net}:Edsr?arg=3", r"option .* called 'arg'"),
    ],
)
def test_what_is_no_spec_is_one_sentence(net: Path, written: str, message: str) -> None:
    with pytest.raises(SrbenchError, match=message):
        parse_spec(f"torch:{written.format(net=net)}")


def test_the_key_holds_the_weights_the_class_its_neighbours_and_the_arguments(net: Path) -> None:
    weights = net.with_name("w.pth")

    def key(more: str = "") -> str:
        return spec_hash(parse_spec(f"torch:{net}:Edsr?weights={weights}{more}"))

    torch.save(built(net, "Edsr").state_dict(), weights)
    keys = [
        key(),
        key("&arg.n_feats=8"),
        key("&range=255"),
        spec_hash(parse_spec(f"torch:{net}:Gated?weights={weights}")),
    ]
    assert key() == keys[0]
    torch.save({name: value + 1 for name, value in built(net, "Edsr").state_dict().items()}, weights)
    keys.append(key())
    net.write_text(NETWORKS.replace("114.4", "114.5"))
    keys.append(key())
    net.with_name("common.py").write_text(COMMON.replace("ReLU", "GELU"))
    keys.append(key())
    assert len({*keys}) == len(keys)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./x2.pth", r"write torch:FILE.py:Class\?weights=./x2.pth&scale=N .* or spandrel:./x2.pth for"),
        ("net.py", r"write --plugin net.py for methods in it or torch:net.py:Class\?weights=W.pth&scale=N"),
        ("a/x2.onnx", r"'a/x2.onnx' is a file and not a method's name: write onnx:a/x2.onnx\."),
        ("EDSR", r"spandrel:EDSR_x2.pth as published, onnx:EDSR_x2.onnx, or torch:FILE.py:Class"),
        ("bicubik", r"Did you mean bicubic"),
    ],
)
def test_a_file_or_an_architecture_alone_is_told_the_roads(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Registry().select([name])


def test_the_network_in_a_file_alone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a network and its weights has them in the table at the second try."""
    monkeypatch.chdir(tmp_path)
    text = "class Helper: ...\nclass Block(nn.Module): ...\nclass Own(nn.Module): ...\ndef main(): ...\n"
    Path("net.py").write_text(f"from torch import nn\n{text}")
    with pytest.raises(UsageError, match=r"torch:net.py:Own\?weights=W.pth&scale=N for a network in it"):
        Registry().select(["net.py"])
    Path("net.py").write_text("class (")
    with pytest.raises(UsageError, match=r"torch:net.py:Class\?"):
        Registry().select(["net.py"])
