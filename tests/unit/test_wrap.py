"""Networks of a Python session as rows: the same figures as by the command line, kept by what they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph, save
from torch import Tensor, nn

import srbench
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.models.source_file import imported
from srbench.plugins.notebook_source import class_source

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, scale=2, width=4):
        super().__init__()
        self.up = nn.Upsample(scale_factor=scale, mode="bilinear")
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.Conv2d(width, 3, 1))

    def forward(self, x):
        x = self.up(x)
        return x + 0.02 * self.body(x)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    save(tmp_path / "photos" / "a.png", photograph(49, 61, 1))
    return tmp_path / "photos"


@pytest.fixture
def net(tmp_path: Path) -> nn.Module:
    (tmp_path / "net.py").write_text(NET)
    torch.manual_seed(0)
    with imported(tmp_path / "net.py") as module:
        made: nn.Module = module.Net()
    torch.save(made.state_dict(), tmp_path / "net.pth")
    return made


def nearest(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def rows(methods: Any, photos: Path, **options: Any) -> dict[str, Any]:
    """The cells of a run by method."""
    run = srbench.run(methods, photos, scales=2, metrics="psnr", out=photos.parent / "out", device="cpu", **options)
    run.raise_for_failures()
    return {cell.id.method: cell for cell in run.loaded.cells}


def psnr(cell: Any) -> float:
    return float(cell.values["psnr"])


def test_a_network_scores_the_same_from_python_and_by_its_files(net: nn.Module, photos: Path, tmp_path: Path) -> None:
    """It is in training mode here, and its weights are in a file there."""
    assert net.training
    here = rows(["bicubic", net], photos)
    there = rows(f"torch:{tmp_path / 'net.py'}:Net?weights={tmp_path / 'net.pth'}", photos, jobs=0)
    assert {*here} == {"bicubic", "torch:Net"}
    assert psnr(here["torch:Net"]) == psnr(there["torch:net"])
    assert net.training


def test_a_network_is_computed_again_when_it_was_trained_and_not_otherwise(net: nn.Module, photos: Path) -> None:
    first, again = (rows(net, photos)["torch:Net"] for _ in range(2))
    assert again == first
    with torch.no_grad():
        net.get_parameter("body.0.weight").mul_(3)
    trained = rows(net, photos)["torch:Net"]
    assert trained.key != first.key
    assert psnr(trained) != psnr(first)


def test_the_key_holds_weights_buffers_settings_and_code(net: nn.Module, tmp_path: Path) -> None:
    def key(network: Any, **options: Any) -> str:
        found, is_read = class_source(srbench.wrap(network, name="net", **options))
        assert is_read
        return found

    state = {name: value.clone() for name, value in net.state_dict().items()}

    def anew() -> Any:
        with imported(tmp_path / "net.py") as module:
            copy = module.Net()
        copy.load_state_dict(state)
        return copy

    keys = [key(net)]
    assert key(anew()) == keys[0]
    keys.append(key(net, range=255))
    net.get_buffer("body.1.running_mean").add_(1)
    keys.append(key(net))
    (tmp_path / "net.py").write_text(NET.replace("0.02", "0.03"))
    keys += [key(anew()), key(nearest), key(lambda x: nearest(x) * 0.5), key(lambda x: nearest(x) * 0.25)]
    assert len({*keys}) == len(keys)


def test_what_cannot_be_read_is_never_kept_and_its_row_says_so(photos: Path) -> None:
    class Handle:
        """As a session of another library: callable, and made of what Python does not see."""

        def __call__(self, x: Tensor) -> Tensor:
            return nearest(x)

        def __reduce_ex__(self, protocol: Any) -> Any:
            raise TypeError("cannot pickle")

    first, again = (rows(Handle(), photos)["torch:Handle"] for _ in range(2))
    assert first.key != again.key
    assert any("cannot be read, so other runs do not reuse" in note for note in first.notes)
    assert not first.reusable
    kept = rows(nearest, photos)["torch:nearest"]
    assert kept.reusable
    assert not kept.notes
    assert psnr(kept) == psnr(first)


def test_a_sequential_is_one_network_and_a_list_is_several(photos: Path) -> None:
    up = nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"))
    assert psnr(rows(up, photos)["torch:Sequential"]) == psnr(rows([nearest], photos)["torch:nearest"])
    with pytest.raises(UsageError, match=r"Two networks are called 'torch:Sequential': srbench.wrap\(net, name="):
        srbench.run([up, nn.Sequential(up)], photos, scales=2)
    assert {*rows([up, srbench.wrap(up, name="other")], photos)} == {"torch:Sequential", "torch:other"}


def test_what_is_found_out_is_said(net: nn.Module, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows(net, photos)
    assert "torch:Net is taken for Net of a Python session: rgb, white is 1, lr x2, halo " in capsys.readouterr().err


def test_options_say_what_noise_does_not_tell(photos: Path) -> None:
    luma = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(luma.weight, 1.0)
    info = srbench.wrap(luma, scale=2, input="upsampled", channels="y", halo="none").info
    assert (info.channels, info.input, info.scales, info.halo) == ("y", "upsampled", {2}, None)
    white = {}

    def seen(x: Tensor) -> Tensor:
        white["most"] = max(white.get("most", 0.0), float(x.max()))
        return nearest(x)

    srbench.wrap(seen, range=255)
    assert 200 < white["most"] <= 255


def test_a_network_is_loaded_as_a_method_is(net: nn.Module) -> None:
    lr = photograph(20, 24, 3)
    with torch.inference_mode():
        x = torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255
        wanted = (net.eval()(x)[0].permute(1, 2, 0) * 255).clamp(0, 255).add(0.5).floor().numpy()
    sr = srbench.load(net, 2, device="cpu")(lr)
    assert np.abs(sr - wanted).max() <= 1  # where a value lies between two


@pytest.mark.parametrize(
    ("wrong", "options", "message"),
    [
        (3, {}, r"3 is no method: give a name, a subclass of srbench.method.Method, or a network"),
        (nn.Conv2d, {}, r"is no method: .* which is a torch.nn.Module"),
        (nn.Conv2d(4, 4, 1), {}, r"Conv2d takes no image of 3 or 1 channels"),
        (nearest, {"scale": 3}, r"nearest is a model for x2, not x3"),
        (nearest, {"channels": "cmyk"}, r"channels is y, rgb or any, not 'cmyk'"),
        (nn.Identity(), {"input": "upsampled"}, r"add its scale"),
        (lambda x: (x, x), {}, r"returns a tuple, and srbench needs the image alone"),
    ],
)
def test_what_is_no_network_is_refused_in_a_sentence(wrong: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SrbenchError, match=message) as caught:
        srbench.wrap(wrong, **options)
    assert isinstance(caught.value, UsageError | DataError)
    assert "\n" not in str(caught.value)
