"""FID against known distances, torch-fidelity, torchmetrics and clean-fid; networks have seeded random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph
from numpy.typing import NDArray
from torch import nn

from srbench.metrics.fid import FID, WEIGHTS, frechet_distance, patches
from srbench.metrics.metric import Pair
from srbench.protocols.builtin import PROTOCOLS


def with_moments(n: int, mean: NDArray[Any], root: NDArray[Any], seed: int) -> NDArray[Any]:
    """(n, d) values that have exactly this mean and the covariance ``root @ root.T``."""
    values = np.random.default_rng(seed).normal(size=(n, len(mean)))
    values -= values.mean(axis=0)
    white = np.linalg.svd(values, full_matrices=False)[0] * np.sqrt(n - 1)
    return white @ root.T + mean


@pytest.mark.parametrize("n", [7, 60])
def test_distances_of_known_gaussians(n: int) -> None:
    """Along common axes it is |m_a - m_b|^2 + the squared differences of the standard deviations."""
    a, b = np.array([1.0, 2.0, 0.5, 3.0]), np.array([2.0, 0.1, 0.5, 1.0])
    shift = np.array([1.0, -2.0, 0.0, 0.5])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    found = frechet_distance(
        with_moments(n, np.zeros(4), turn @ np.diag(a), 1), with_moments(n + 3, shift, turn @ np.diag(b), 2)
    )
    assert found == pytest.approx((shift**2).sum() + ((a - b) ** 2).sum(), rel=1e-10)


def test_a_set_is_at_no_distance_from_itself() -> None:
    for n, d in ((5, 40), (90, 8)):
        values = np.random.default_rng(n).normal(size=(n, d)) + 3
        assert frechet_distance(values, values) == pytest.approx(0, abs=1e-9)
        assert frechet_distance(values, values[::-1] + 2) == pytest.approx(4 * d, rel=1e-10)
    with pytest.raises(ValueError, match="at least two"):
        frechet_distance(np.ones((1, 3)), np.ones((4, 3)))


@pytest.mark.parametrize(("n", "m", "d"), [(300, 280, 24), (30, 40, 64)])
def test_distance_as_torch_fidelity(n: int, m: int, d: int) -> None:
    fid = pytest.importorskip("torch_fidelity.metric_fid")
    rng = np.random.default_rng(d)
    mix = rng.normal(size=(d, d))
    a, b = rng.normal(size=(n, d)) @ mix, rng.gamma(2.0, size=(m, d)) @ mix * 0.8
    statistics = [fid.fid_features_to_statistics(torch.from_numpy(values)) for values in (a, b)]
    theirs = fid.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    # the library takes roots of eigenvalues that are 0 but for rounding where there are fewer samples than features
    assert frechet_distance(a, b) == pytest.approx(theirs, rel=1e-9 if n > d else 1e-4)


def test_distance_as_torchmetrics_by_a_small_network() -> None:
    """torchmetrics' class with a network of eight features, seeded."""
    image = pytest.importorskip("torchmetrics.image.fid")
    torch.manual_seed(0)

    class Small(nn.Module):
        num_features = 8

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.layer(x / 255.0)).mean((2, 3))

    small = Small()
    theirs = image.FrechetInceptionDistance(feature=small, input_img_size=(3, 32, 40))
    features = []
    for real, seeds in ((True, range(30)), (False, range(30, 60))):
        batch = torch.from_numpy(np.stack([photograph(32, 40, seed) for seed in seeds])).permute(0, 3, 1, 2)
        batch = batch if real else batch // 2
        theirs.update(batch, real=real)
        with torch.no_grad():
            features.append(small(batch).numpy())
    assert frechet_distance(*features) == pytest.approx(float(theirs.compute()), rel=1e-4)


def test_patches() -> None:
    image = np.arange(1100 * 1030).reshape(1100, 1030)
    found = list(patches(image))
    assert [patch.shape for patch in found] == [(512, 512)] * 4
    assert [patch[0, 0] for patch in found] == [0, 512, 512 * 1030, 512 * 1030 + 512]
    assert [patch.shape for patch in patches(np.zeros((320, 480, 3)))] == [(320, 480, 3)]
    assert [patch.shape for patch in patches(np.zeros((600, 1024)))] == [(512, 512), (512, 512)]
    assert [patch.shape for patch in patches(np.zeros((100, 1024)))] == [(100, 512), (100, 512)]


# the network -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """torch-fidelity's network with seeded weights, and their file."""
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        patch.setattr(module.torch, "load", lambda *words, **named: {})
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        made = module.FeatureExtractorInceptionV3("seeded", ["2048"], feature_extractor_weights_path="none")
        for name, value in made.state_dict().items():
            if name.endswith("bn.running_var"):
                value.uniform_(0.5, 1.5)
            elif value.ndim == 4:
                value.normal_(0, (2 / value[0].numel()) ** 0.5)
    torch.save(made.state_dict(), path)
    return made, path


def test_features_are_torch_fidelitys(network: tuple[nn.Module, Path]) -> None:
    """Of patches that are 299x299 already, so that its own resizing changes nothing."""
    from srbench.metrics.inception import features_of

    theirs, path = network
    images = [photograph(299, 299, seed) for seed in range(3)]
    with torch.no_grad():
        expected = theirs(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))[0].numpy()
    found = features_of(images, path, "cpu")
    assert found.shape == (3, 2048)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    gray = images[0][..., 0]
    assert np.array_equal(features_of([gray], path, "cpu"), features_of([np.stack([gray] * 3, -1)], path, "cpu"))


def test_resizing_is_clean_fids() -> None:
    resize = pytest.importorskip("cleanfid.resize")
    from srbench.metrics.inception import resized

    theirs = resize.build_resizer("clean")
    for shape in ((512, 512), (320, 480), (120, 299)):
        image = photograph(*shape, 1)
        assert np.array_equal(resized(image), theirs(image).transpose(2, 0, 1))


def test_resizing_by_definition() -> None:
    """PIL's bicubic, which widens its kernel where it shrinks, by a matrix: a = -0.5, support 2 times the factor."""
    from srbench.metrics.inception import INPUT, resized

    def matrix(size: int) -> NDArray[Any]:
        factor = size / INPUT
        wide = max(factor, 1.0)
        centres = (np.arange(INPUT) + 0.5) * factor
        x = np.abs((np.arange(size)[None] + 0.5 - centres[:, None]) / wide)
        near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
        weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
        return weights / weights.sum(axis=1, keepdims=True)

    image = photograph(512, 400, 2)
    planes = [matrix(512) @ image[..., channel] @ matrix(400).T for channel in range(3)]
    assert np.abs(resized(image) - np.stack(planes).clip(0, 255)).max() < 1e-3


def test_fid_of_a_set(network: tuple[nn.Module, Path]) -> None:
    from srbench.metrics.inception import features_of

    _, path = network
    images = [photograph(64, 90, seed) for seed in range(4)]
    pairs = [Pair(image // 2, image, PROTOCOLS["vdsr"], "cpu", {WEIGHTS: path}) for image in images]
    parts = [np.asarray(FID.function(pair)) for pair in pairs]
    assert [part.shape for part in parts] == [(2, 1, 2048)] * 4
    assert FID.combine is not None
    expected = frechet_distance(
        features_of([image // 2 for image in images], path, "cpu"), features_of(images, path, "cpu")
    )
    assert FID.combine(parts) == pytest.approx(expected, rel=1e-6)
    assert FID.combine(parts) > 0
    assert FID.combine(parts[::-1]) == pytest.approx(FID.combine(parts), rel=1e-6)
    with pytest.raises(ValueError, match="at least two patches of 512x512, and the set has 1"):
        FID.combine(parts[:1])
    with pytest.raises(ValueError, match="the shapes must be equal"):
        FID.function(Pair(images[0], images[0][1:], PROTOCOLS["vdsr"], "cpu", {WEIGHTS: path}))


def test_features_of_hr_are_computed_once_for_all_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what HR images hold, not by their names or order; and not for ever."""
    from srbench.metrics import fid, inception

    seen: list[bytes] = []

    def features(found: list[NDArray[Any]], path: Path, device: str) -> NDArray[np.float32]:
        seen.extend(patch.tobytes() for patch in found)
        return np.stack([np.full(4, patch.mean(), np.float32) for patch in found])

    monkeypatch.setattr(inception, "features_of", features)
    monkeypatch.setattr(fid, "_of_hr", {})
    hr = [photograph(24, 30, seed) for seed in range(3)]

    def values(factor: int, images: list[NDArray[Any]]) -> list[NDArray[Any]]:
        pairs = (Pair(image // factor, image, PROTOCOLS["vdsr"], "cpu", {WEIGHTS: Path("w")}) for image in images)
        return [np.asarray(FID.function(pair)) for pair in pairs]

    first, again = values(2, hr), values(2, [image.copy() for image in hr[::-1]])[::-1]
    assert np.array_equal(first, again)
    assert [seen.count(image.tobytes()) for image in hr] == [1, 1, 1]
    assert np.array_equal([part[1, 0, 0] for part in first], [np.float32(image.mean()) for image in hr])
    monkeypatch.setattr(fid, "MOST_KEPT", 1)
    values(3, hr)  # the first is known, and the last alone is kept
    assert [seen.count(image.tobytes()) for image in hr] == [1, 2, 2]
    values(4, hr[::-1])
    assert [seen.count(image.tobytes()) for image in hr] == [2, 3, 2]
