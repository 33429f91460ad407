"""What a network of somebody else's is given: luma of its own range, and one image."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import photograph
from torch import Tensor, nn

from srbench.errors import DataError, UsageError
from srbench.imaging.color import luma
from srbench.models.model import method_class
from srbench.models.parse import parse_options, parse_spec
from srbench.models.spec import ModelOptions


class Squared(nn.Module):
    """Nothing that forgives another range; nearest, squared."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * x).repeat_interleave(2, 2).repeat_interleave(2, 3)


class Denoised(nn.Module):
    """An image and a noise level."""

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return (x - sigma).repeat_interleave(2, 2).repeat_interleave(2, 3)


def scripted(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(str(path))
    return path


def test_a_network_of_full_range_luma_is_given_opencv_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    path = scripted(Squared(), tmp_path / "squared.pt")
    rgb = photograph(24, 32)
    x = torch.from_numpy((luma(rgb) / 255.0).astype(np.float32))[None, None]
    full = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 0].astype(np.float64)  # rounded
    found = {}
    for option in ("", "&luma=studio", "&luma=full", "&luma=full&range=255"):
        method = method_class(parse_spec(f"torchscript:{path}?channels=y{option}"))()
        found[option] = method.upscale(x, 2)[0, 0, ::2, ::2].double().numpy() * 255.0
    np.testing.assert_allclose(found[""], luma(rgb) ** 2 / 255.0, atol=1e-3)
    np.testing.assert_array_equal(found["&luma=studio"], found[""])
    np.testing.assert_allclose(found["&luma=full"], 16 + (full / 255.0) ** 2 * 219.0, atol=2 * 0.51)
    np.testing.assert_allclose(found["&luma=full&range=255"], 16 + (found["&luma=full"] - 16) * 255.0, rtol=1e-4)
    assert np.abs(found["&luma=full"] - found[""]).max() > 10


def test_luma_is_for_networks_of_luma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    path = scripted(Squared(), tmp_path / "squared.pt")
    assert parse_options("luma=full", "onnx:a") == ModelOptions(luma="full")
    with pytest.raises(UsageError, match=r"luma is studio .* or full .*, not 'jpeg'"):
        parse_options("luma=jpeg", "onnx:a")
    with pytest.raises(UsageError, match="luma is for models of luma: add channels=y or leave it out"):
        method_class(parse_spec(f"torchscript:{path}?channels=rgb&luma=full"))
    (tmp_path / "sr").mkdir()
    cv2.imwrite(str(tmp_path / "sr" / "a.png"), photograph(8, 8))
    with pytest.raises(UsageError, match=r"no option of .* called 'luma'"):
        method_class(parse_spec(f"images:{tmp_path}/sr?luma=full"))


@pytest.mark.parametrize("kind", ["torchscript", "onnx", "exported"])
def test_a_network_of_two_inputs_is_refused_in_a_sentence_that_says_so(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "two"
    given = (torch.rand(1, 3, 16, 18), torch.rand(1, 1, 1, 1))
    if kind == "torchscript":
        scripted(Denoised(), path)
    elif kind == "exported":
        torch.export.save(torch.export.export(Denoised(), given), path)
    else:
        pytest.importorskip("onnxruntime")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = ["x", "sigma"]
            axes = {"x": {2: "h", 3: "w"}}
            torch.onnx.export(Denoised(), given, str(path), input_names=names, dynamic_axes=axes, dynamo=False)
    with pytest.raises(DataError) as error:
        method_class(parse_spec(f"{kind}:{path}"))
    assert str(error.value) == (
        "two takes 2 inputs (x, sigma), and srbench provides one image: save it with the others fixed."
    )
