"""Options of BasicSR and traiNNer-redux as rows, and weights that only their names tell what they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import photograph, save
from torch import nn

import srbench
from srbench.errors import SrbenchError
from srbench.models.fingerprints import architecture
from srbench.models.model import spec_hash
from srbench.models.parse import parse_spec
from srbench.models.source_file import imported
from srbench.plugins.registry import Registry

ARCH = """
from torch import nn


class MyNet(nn.Module):
    def __init__(self, num_in_ch, num_out_ch, num_feat=8, upscale=4, kernels=(3, 3)):
        super().__init__()
        self.up = nn.Upsample(scale_factor=upscale, mode="bilinear")
        self.body = nn.Sequential(
            nn.Conv2d(num_in_ch, num_feat, kernels[0], padding=kernels[0] // 2), nn.Conv2d(num_feat, num_out_ch, 1))

    def forward(self, x):
        x = self.up(x)
        return x + 0.05 * self.body(x)
"""
OPTIONS = """
name: MyNet_x2
model_type: SRModel
scale: 2
num_gpu: 1
datasets:
  test_1: {name: Set5, type: PairedImageDataset, dataroot_gt: datasets/Set5}
network_g:
  type: MyNet
  num_in_ch: 3
  num_out_ch: 3
  num_feat: 4
  upscale: 2
  kernels: [5, 3]
path:
  pretrain_network_g: experiments/net_g.pth
  param_key_g: params
  strict_load_g: true
train:
  optim_g: {type: Adam, lr: !!float 1e-4}
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that builds on BasicSR, and its two tables of weights."""
    for folder in ("traiNNer/archs", "options/test", "experiments", "photos"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "traiNNer/archs/broken_arch.py").write_text("class MyNet(:")
    (tmp_path / "traiNNer/archs/mynet_arch.py").write_text(ARCH)
    (tmp_path / "options/test/mynet_x2.yml").write_text(OPTIONS)
    save(tmp_path / "photos/a.png", photograph(49, 61, 1))
    write_weights(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(folder: Path) -> nn.Module:
    torch.manual_seed(0)
    with imported(folder / "traiNNer/archs/mynet_arch.py") as module:
        made: nn.Module = module.MyNet(3, 3, num_feat=4, upscale=2, kernels=[5, 3])
    return made.eval()


def write_weights(folder: Path, gain: float = 1.0) -> None:
    state = {name: value * gain for name, value in network(folder).state_dict().items()}
    torch.save(
        {"params": state, "params_ema": {name: value + 1 for name, value in state.items()}},
        folder / "experiments/net_g.pth",
    )


def psnr(methods: Any, folder: Path) -> tuple[str, str, float]:
    run = srbench.run(methods, folder / "photos", scales=2, metrics="psnr", jobs=0, progress=False, device="cpu")
    run.raise_for_failures()
    (cell,) = run.loaded.cells
    return cell.id.method, cell.key, float(cell.values["psnr"])


def test_options_are_the_network_that_they_name(repository: Path) -> None:
    name, key, value = psnr("basicsr:options/test/mynet_x2.yml", repository)
    assert name == "basicsr:mynet_x2"
    assert value == psnr(network(repository), repository)[2], "params, not params_ema"
    write_weights(repository, 2.0)
    _, other_key, other = psnr("basicsr:options/test/mynet_x2.yml", repository)
    assert (other_key != key, other != value) == (True, True)


def test_what_options_say_decides_the_key_and_nothing_else_does(repository: Path) -> None:
    path = repository / "options/test/mynet_x2.yml"

    def key(old: str = "", new: str = "", more: str = "") -> str:
        path.write_text(OPTIONS.replace(old, new) if old else OPTIONS)
        return spec_hash(parse_spec(f"basicsr:{path}{more}"))

    assert key("num_gpu: 1", "num_gpu: 4") == key()
    other = repository / "other.py"
    other.write_text(ARCH + "\n")
    changed = [
        key("num_feat: 4", "num_feat: 5"),
        key("param_key_g: params", "param_key_g: params_ema"),
        key(more="?range=255"),
        key(more=f"?class={other}"),
    ]
    assert len({key(), *changed}) == 5
    assert parse_spec(f"basicsr:{path}?label=mine&class={other}").name == "basicsr:mine"


def test_a_file_for_each_scale_is_one_method(repository: Path) -> None:
    folder = repository / "options/test"
    for scale in (2, 4):
        text = OPTIONS.replace("scale: 2", f"scale: {scale}").replace("net_g.pth", f"net_x{scale}.pth")
        (folder / f"mynet_x{scale}.yml").write_text(text)
        torch.save(network(repository).state_dict(), repository / f"experiments/net_x{scale}.pth")
    (choice,) = Registry(hosted=False).select([f"basicsr:{folder}/mynet_x{{scale}}.yml"])
    assert (choice.card.name, choice.card.info.scales) == ("basicsr:mynet", {2, 4})
    named = parse_spec(f"basicsr:{folder}/mynet_x{{scale}}.yml?weights=experiments/net_x{{scale}}.pth")
    assert {(entry.scale, entry.path.name) for entry in named.entries} == {(2, "net_x2.pth"), (4, "net_x4.pth")}
    (folder / "mynet_x4.yml").write_text(text.replace("kernels: [5, 3]", "kernels: [7, 3]"))
    with pytest.raises(SrbenchError, match=r"have different networks; name them one by one"):
        parse_spec(f"basicsr:{folder}/mynet_x{{scale}}.yml")


def test_the_class_may_be_in_a_plugin_file_or_be_named_as_torch_names_it(repository: Path) -> None:
    value = psnr("basicsr:options/test/mynet_x2.yml", repository)[2]
    arch = repository / "traiNNer/archs/mynet_arch.py"
    arch.rename(mine := repository / "mine.py")
    with pytest.raises(SrbenchError, match=r"names the network MyNet"):
        psnr("basicsr:options/test/mynet_x2.yml", repository)
    assert plugged(repository, ["basicsr:options/test/mynet_x2.yml"], mine) == value
    mine.write_text(ARCH.replace("MyNet", "Net"))
    for named in ("mine.py:Net", "torch:mine.py:Net"):
        assert psnr(f"basicsr:options/test/mynet_x2.yml?class={named}", repository)[2] == value


def plugged(folder: Path, methods: list[str], plugin: Path) -> float:
    """PSNR by a run with a plugin, in hosts as on the command line."""
    run = srbench.run(methods, folder / "photos", scales=2, metrics="psnr", plugins=[plugin], progress=False)
    run.raise_for_failures()
    return float(run.loaded.cells[0].values["psnr"])


def test_a_plugin_with_networks_alone_must_be_of_use(repository: Path) -> None:
    (plugin := repository / "mine.py").write_text(ARCH)
    message = r"mine.py defines no method and no metric; its network is a row as torch:.*mine.py:MyNet\?weights=W.pth"
    for hosted in (True, False):
        with pytest.raises(SrbenchError, match=message):
            Registry([plugin], hosted=hosted).select(["bicubic"])
    plugin.write_text("class Nothing:\n    pass\n")
    with pytest.raises(SrbenchError, match=r"mine.py defines no method and no metric\.$"):
        Registry([plugin])


@pytest.mark.parametrize(
    ("old", "new", "more", "message"),
    [
        (
            "network_g:",
            "network_d:",
            "",
            r"mynet_x2.yml has no network_g with a type; basicsr: reads options of BasicSR",
        ),
        ("scale: 2\nnum", "num", "", r"has no scale from 1 to 16"),
        ("scale: 2\nnum", "scale: two\nnum", "", r"has no scale from 1 to 16"),
        ("pretrain_network_g", "root", "", r"no path.pretrain_network_g; add it, or '\?weights=FILE.pth'"),
        ("net_g.pth", "gone.pth", "", r"no file 'experiments/gone.pth', which mynet_x2.yml names"),
        ("type: MyNet", "type: YourNet", "", r"names the network YourNet, .* by --plugin FILE.py, or by '\?class=FILE"),
        ("", "", "?class=gone.py", r"no Python file 'gone.py'; name the one with the class MyNet"),
        ("", "", "?class=torch:gone.py:Net", r"no Python file 'gone.py'; name the one with the class Net"),
        ("", "", "?klass=gone.py", r"called 'klass'. Did you mean class"),
        ("network_g:", "network_g: [", "", r"cannot be read as YAML"),
        (OPTIONS, "- 1", "", r"is no table of options"),
    ],
)
def test_what_is_wrong_with_options_is_one_sentence(
    repository: Path, old: str, new: str, more: str, message: str
) -> None:
    path = repository / "options/test/mynet_x2.yml"
    path.write_text(OPTIONS.replace(old, new) if old else OPTIONS)
    with pytest.raises(SrbenchError, match=message) as caught:
        parse_spec(f"basicsr:{path}{more}")
    assert "\n" not in str(caught.value)


def test_a_file_of_options_alone_is_told_the_road() -> None:
    with pytest.raises(SrbenchError, match=r"write basicsr:a/test.yml for options of BasicSR or traiNNer-redux"):
        Registry().select(["a/test.yml"])


# what weights are of -------------------------------------------------------------------------------------------------

NAMES = {
    "EDSR": "head.0.weight body.0.body.0.weight body.0.body.2.weight tail.0.0.weight",
    "RCAN": "head.0.weight body.0.body.0.body.0.weight body.0.body.0.body.3.conv_du.0.weight tail.0.0.weight",
    "IMDN": "fea_conv.weight IMDB1.c1.weight IMDB1.cca.conv_du.0.weight c.0.weight LR_conv.weight",
    "RFDN": "fea_conv.weight B1.c1_d.weight B1.esa.conv1.weight c.0.weight",
    "BSRN": "fea_conv.pw.weight fea_conv.dw.weight B1.c1_d.weight",
    "VDSR": "residual_layer.0.conv.weight input.weight output.weight",
    "": "a.weight b.weight",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_weights_tell_the_architecture(name: str) -> None:
    assert architecture(NAMES[name].split()) == name
    assert architecture(f"module.{each}" for each in NAMES[name].split()) == name


def test_spandrel_names_the_architecture_that_it_lacks(tmp_path: Path) -> None:
    pytest.importorskip("spandrel")
    path = tmp_path / "w.pth"
    torch.save({"params": {name: torch.zeros(3, 3, 3, 3) for name in NAMES["IMDN"].split()}}, path)
    with pytest.raises(SrbenchError, match=r"w.pth fits \(its names are those of IMDN\); .* torch:FILE.py:Class"):
        Registry(hosted=False).select([f"spandrel:{path}"])
