"""Self-ensembles, ``name+``: the mean over eight flips and turns of any row, before rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import photograph
from torch import Tensor
from torch.nn import functional

import srbench
from srbench.errors import UsageError
from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.plugins.ensemble import eight, ensemble_class, self_ensemble, without_sign
from srbench.plugins.registry import Registry
from srbench.training.job import plan_training
from srbench.training.loading import load_method

CPU = torch.device("cpu")
KERNEL = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 10]]]]) / 46


def skewed(x: Tensor) -> Tensor:
    """Alike in no direction."""
    return functional.conv2d(x, KERNEL, padding=1).repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_the_eight_are_all_flips_and_turns_and_are_undone() -> None:
    x = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    images = [(image, undone) for image, undone in eight(x)]
    assert all(torch.equal(undone(image), x) for image, undone in images)
    square = np.arange(9.0).reshape(3, 3)
    wanted = {np.rot90(flipped, k).tobytes() for flipped in (square, square[:, ::-1]) for k in range(4)}
    found = {image.numpy().tobytes() for image, _ in eight(torch.tensor(square)[None, None])}
    assert found == wanted
    assert len(wanted) == 8


def test_the_mean_is_of_the_outputs_turned_back() -> None:
    x = torch.rand(1, 1, 6, 9, generator=torch.Generator().manual_seed(0))
    turned = [np.rot90(x[0, 0].numpy(), k) for k in range(4)]
    outputs = []
    for k, image in enumerate(turned):
        for flip in (False, True):
            given = image[:, ::-1] if flip else image
            out = skewed(torch.tensor(given.copy())[None, None])[0, 0].numpy()
            outputs.append(np.rot90(out[:, ::-1] if flip else out, -k))
    np.testing.assert_allclose(self_ensemble(skewed, x)[0, 0].numpy(), np.mean(outputs, axis=0), atol=1e-6)


def test_nothing_is_rounded_and_the_image_s_direction_does_not_matter() -> None:
    x = torch.rand(1, 1, 6, 9, generator=torch.Generator().manual_seed(1)) * 2 + 1
    out = self_ensemble(skewed, x)
    assert float(out.max()) > 1
    assert torch.allclose(self_ensemble(skewed, x.flip(3)), out.flip(3), atol=1e-6)
    assert not torch.allclose(skewed(x.flip(3)), skewed(x).flip(3), atol=1e-3)


class Pooled(Method):
    """Means of 3x3 blocks, which begin at the image's upper left corner."""

    info = MethodInfo(name="pooled", family="edge", channels="any", input="upsampled", halo=0, multiple=3)

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        h, w = x.shape[2:]
        pooled = functional.avg_pool2d(functional.pad(x, (0, -w % 3, 0, -h % 3), mode="replicate"), 3)
        return pooled.repeat_interleave(3, 2).repeat_interleave(3, 3)[..., :h, :w]


@pytest.mark.parametrize("name", ["bicubic", "fsrcnn", "srcnn-y", "dcci", "pooled"])
def test_tiled_is_whole(name: str) -> None:
    registry = Registry()
    registry.add(Pooled)
    (choice,) = registry.select([f"{name}+"])
    method = load_method(registry, choice, 2, CPU)
    planes = photograph(70, 93, 5)[..., :1].transpose(2, 0, 1).astype(np.float32) / 255
    whole = run_method(method, planes, 2, CPU, tile=1000)
    np.testing.assert_allclose(run_method(method, planes, 2, CPU, tile=24), whole, atol=2e-6)


def test_it_beats_the_network_alone_with_the_same_weights(tmp_path: Path) -> None:
    options = {"scales": 2, "metrics": "psnr", "out": tmp_path, "device": "cpu", "train": "never"}
    run = srbench.run(["fsrcnn", "fsrcnn+", "bicubic", "bicubic+"], **options)  # type: ignore[arg-type]
    run.raise_for_failures()
    values = run.table()["embedded", 2]
    assert values["fsrcnn+:standard"] > values["fsrcnn:standard"] + 0.03
    assert values["bicubic+"] == pytest.approx(values["bicubic"], abs=0.01)  # which is alike in all directions


def test_any_row_may_have_the_sign(tmp_path: Path) -> None:
    registry = Registry()
    labels = [choice.label for choice in registry.select(["fsrcnn+", "fsrcnn:quick", "srcnn-y-9?5+", "bicubic+"])]
    assert labels == ["fsrcnn+:standard", "fsrcnn:quick", "srcnn-y-935+:standard", "srcnn-y-955+:standard", "bicubic+"]
    assert "fsrcnn+" not in [choice.card.name for choice in registry.select(["*"])]
    card, plain = registry.card("fsrcnn+"), registry.card("fsrcnn")
    assert card.source_hash != plain.source_hash
    recipe = card.recipes["standard"]
    assert plan_training(card, recipe, 2, 1, "fsrcnn+:standard") == plan_training(
        plain, recipe, 2, 1, "fsrcnn:standard"
    )
    with pytest.raises(UsageError, match=r"no method 'fsrcn'\. Did you mean fsrcnn"):
        registry.select(["fsrcn+"])
    (tmp_path / "sr").mkdir()
    (tmp_path / "sr" / "a.png").touch()
    with pytest.raises(UsageError, match=r"is a folder of SR images, and '\+' is for what is run"):
        registry.select([f"images:{tmp_path / 'sr'}+"])
    with pytest.raises(UsageError, match=r"fsrcnn\+:standard is eight runs of one network: export fsrcnn"):
        from srbench.export.subject import make_subjects

        make_subjects(registry, "fsrcnn+")


def test_a_class_and_a_network_of_the_session_too() -> None:
    registry = Registry()
    for found in (Pooled, srbench.wrap(torch.nn.Upsample(scale_factor=2), name="up")):
        name = registry.add(found)
        (choice,) = registry.select([f"{name}+"])
        assert choice.card.info == ensemble_class(found).info
        assert choice.card.info.name == f"{name}+"


def test_a_sign_that_is_of_a_name_stays(tmp_path: Path) -> None:
    def nothing(pattern: str) -> None:
        return None

    (tmp_path / "RealESRGAN_x4+").touch()
    assert without_sign(f"onnx:{tmp_path}/RealESRGAN_x4+", nothing) == f"onnx:{tmp_path}/RealESRGAN_x4+"
    assert without_sign(f"onnx:{tmp_path}/a.onnx+", nothing) == f"onnx:{tmp_path}/a.onnx"
    assert without_sign("onnx:a.onnx?scale=2+", nothing) == "onnx:a.onnx?scale=2"
    assert without_sign("onnx:a.onnx?scale=2&label=A+", nothing) == "onnx:a.onnx?scale=2&label=A+"
    assert without_sign("onnx:a.onnx?label=A+", nothing) == "onnx:a.onnx?label=A+"
    assert without_sign("onnx:A+", lambda name: name == "onnx:A+" or None) == "onnx:A+"
    assert without_sign("onnx:A+", nothing) == "onnx:A"


def test_a_file_called_as_a_self_ensemble_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\nclass Up(nn.Upsample): pass\n")
    up = f"torch:{tmp_path}/net.py:Up?arg.scale_factor=2&label="
    registry = Registry(hosted=False)
    with pytest.raises(UsageError, match=r"'torch:A\+' would be two rows"):
        registry.select([f"{up}A+", f"{up}A", f"torch:{tmp_path}/net.py:Up?label=A&arg.scale_factor=2+"])
