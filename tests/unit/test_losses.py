"""Losses, the perceptual one with a VGG of random weights."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.errors import DataError
from srbench.metrics.networks import MEAN, STD
from srbench.recipe import Perceptual, Recipe
from srbench.training import perceptual
from srbench.training.losses import centred, euclidean, make_loss
from srbench.training.perceptual import FeatureLoss

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def vgg() -> dict[str, Tensor]:
    from torchvision.models import vgg16

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = vgg16(weights=None).features
        return {f"features.{name}": tensor for name, tensor in features.state_dict().items()}


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, 32, 32, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)


def by_hand(vgg: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """relu1_2 and conv2_1 of VGG16, written out."""
    x = (x - torch.tensor(MEAN).reshape(3, 1, 1)) / torch.tensor(STD).reshape(3, 1, 1)
    for index in (0, 2):
        x = F.relu(F.conv2d(x, vgg[f"features.{index}.weight"], vgg[f"features.{index}.bias"], padding=1))
    return x, F.conv2d(F.max_pool2d(x, 2), vgg["features.5.weight"], vgg["features.5.bias"], padding=1)


@pytest.mark.parametrize(("distance", "function"), [("l1", F.l1_loss), ("mse", F.mse_loss)])
def test_features_by_hand(
    vgg: dict[str, Tensor], images: tuple[Tensor, Tensor], distance: str, function: object
) -> None:
    settings = Perceptual.model_validate({"layers": ((5, 2.0), (3, 0.5)), "distance": distance, "weight": 0.3})
    (a1, a2), (b1, b2) = (by_hand(vgg, image) for image in images)
    expected = 0.3 * (2.0 * function(a2, b2) + 0.5 * function(a1, b1))  # type: ignore[operator]
    torch.testing.assert_close(FeatureLoss(settings, vgg)(*images), expected)


def test_luma_counts_as_gray_and_gradients_reach_sr_alone(
    vgg: dict[str, Tensor], images: tuple[Tensor, Tensor]
) -> None:
    loss = FeatureLoss(Perceptual(), vgg)
    sr, hr = (image[:, :1].clone().requires_grad_() for image in images)
    value = loss(sr, hr)
    torch.testing.assert_close(value, loss(sr.expand(-1, 3, -1, -1), hr.expand(-1, 3, -1, -1)))
    torch.autograd.backward(value)
    assert sr.grad is not None
    assert float(sr.grad.abs().sum()) > 0
    assert hr.grad is None
    assert all(parameter.grad is None for parameter in loss.parameters())
    assert float(loss(hr, hr)) == 0.0


def test_it_is_added_to_the_pixel_loss(
    vgg: dict[str, Tensor], images: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perceptual, "vgg_state", lambda network: vgg)
    recipe = Recipe(loss="l1", perceptual=Perceptual(weight=0.2))
    value, error = make_loss(recipe, CPU)(*images)
    torch.testing.assert_close(value, F.l1_loss(*images) + FeatureLoss(Perceptual(weight=0.2), vgg)(*images))
    torch.testing.assert_close(error, F.mse_loss(*images))


def fail(url: str, path: Path, **options: object) -> None:
    raise DataError("no connection")


def test_what_cannot_be_fetched_is_one_sentence(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srbench.data.fetch.sources.download", fail)
    message = r"needs torchvision's vgg16: vgg16-\w+\.pth cannot be had .*put the file into .*networks"
    with pytest.raises(DataError, match=message) as error:
        FeatureLoss(Perceptual())
    assert str(own_cache) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_file_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import VGG19_Weights

    path = own_cache / "networks" / VGG19_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    path.parent.mkdir()
    path.write_bytes(b"something else")
    monkeypatch.setattr("srbench.data.fetch.sources.download", fail)
    with pytest.raises(DataError, match="not the file that its name says"):
        FeatureLoss(Perceptual(network="vgg19"))


def test_a_layer_that_is_not_there(vgg: dict[str, Tensor]) -> None:
    with pytest.raises(DataError, match="feature layers 0 to 30"):
        FeatureLoss(Perceptual(layers=((31, 1.0),)), vgg)


def test_caffes_euclidean_loss(images: tuple[Tensor, Tensor]) -> None:
    sr, hr = images
    torch.testing.assert_close(euclidean(sr, hr), ((sr - hr) ** 2).sum() / 4)


def test_the_middle_is_compared() -> None:
    hr = torch.arange(100.0).reshape(1, 1, 10, 10)
    sr, target = centred(hr[..., 2:-2, 2:-2], hr, 1)
    assert torch.equal(sr, target)
    assert sr.shape[-2:] == (4, 4)


def test_psnr_is_that_of_each_patch() -> None:
    """Of two patches of 20 and 30 dB it is their mean, to 40 dB at most, whatever their pooled error is."""
    hr = torch.zeros(3, 1, 8, 8)
    sr = torch.stack([torch.full((1, 8, 8), 10 ** (-decibels / 20)) for decibels in (20, 30, 90)])
    loss, error = make_loss(Recipe(loss="psnr"), CPU)(sr, hr)
    floored = [-10 * math.log10(10 ** (-decibels / 10) + 1e-4) for decibels in (20, 30, 90)]
    assert float(loss) == pytest.approx(-sum(floored) / 3 * math.log(10) / 10, rel=1e-5)
    assert floored[2] == pytest.approx(40, abs=1e-4)
    assert float(error) == pytest.approx(sum(10 ** (-decibels / 10) for decibels in (20, 30, 90)) / 3, rel=1e-5)
