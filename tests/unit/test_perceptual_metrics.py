"""HaarPSI, LPIPS, DISTS and the VGG distance against piq and torchmetrics; networks have seeded random weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from conftest import photograph
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import convolve2d
from torch import Tensor

from srbench.errors import UsageError
from srbench.metrics import deep
from srbench.metrics import haarpsi as haarpsi_module
from srbench.metrics.bridge import LIBRARIES, bridged
from srbench.metrics.deep import LPIPS_TAPS, RELU2_2, VGG_TAPS, l2_pool, lpips
from srbench.metrics.haarpsi import HAARPSI, HAARPSI_FULL, haarpsi
from srbench.metrics.metric import Metric, Pair
from srbench.metrics.networks import MEAN, STD, Features, batch
from srbench.metrics.perceptual import DISTS, LPIPS_ALEX, LPIPS_SQUEEZE, LPIPS_VGG, VGG
from srbench.protocols.builtin import PROTOCOLS

Image = NDArray[np.uint8]

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (3,)])).map(
    lambda t: (t[0], t[1], *t[2])
)
seeds = st.integers(0, 10_000)


def pair(sr: NDArray[Any], target: NDArray[Any], weights: Mapping[str, Path] | None = None) -> Pair:
    return Pair(sr, target, PROTOCOLS["vdsr"], "cpu", weights or {})


def noisy(image: Image, sigma: float, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


def pictures(shape: tuple[int, ...], seed: int) -> tuple[Image, Image]:
    """A photograph of a shape, and the same blurred and noisy."""
    target = photograph(shape[0], shape[1], seed)
    target = target if len(shape) == 3 else target[..., 0]
    return noisy(cv2.GaussianBlur(target, (0, 0), 1.0), 4.0, seed), np.ascontiguousarray(target)


def tensor(image: NDArray[Any], dtype: torch.dtype = torch.float64) -> Tensor:
    """(1, C, H, W) in [0, 1]."""
    return torch.from_numpy(image.reshape(*image.shape[:2], -1)).permute(2, 0, 1)[None].to(dtype) / 255


# HaarPSI ----------------------------------------------------------------------------------------------------------


def by_definition(sr: NDArray[Any], target: NDArray[Any], subsample: bool = True) -> float:
    """The paper's formulas in float64, by MATLAB's conv2."""

    def conv2(image: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
        full = convolve2d(image, kernel, mode="full")
        top, left = (-(-(size - 1) // 2) for size in kernel.shape)  # MATLAB's "same" starts at ceil((k - 1) / 2)
        return np.asarray(full[top : top + image.shape[0], left : left + image.shape[1]])

    def planes(image: NDArray[Any]) -> list[NDArray[Any]]:
        image = image.astype(np.float64)
        found = [image] if image.ndim == 2 else list(np.moveaxis(image @ np.array(haarpsi_module.YIQ).T, 2, 0))
        return [conv2(x, np.ones((2, 2)) / 4)[::2, ::2] for x in found] if subsample else found

    def wavelet(plane: NDArray[Any], scale: int, transposed: bool) -> NDArray[Any]:
        kernel = np.ones((2**scale, 2**scale)) / 2**scale
        kernel[: 2 ** (scale - 1)] *= -1
        return np.abs(conv2(plane, kernel.T if transposed else kernel))

    def alike(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray((2 * a * b + 30) / (a**2 + b**2 + 30))

    a, b = planes(sr), planes(target)
    maps, weights = [], []
    for transposed in (False, True):
        first, second = (alike(wavelet(a[0], s, transposed), wavelet(b[0], s, transposed)) for s in (1, 2))
        maps.append((first + second) / 2)
        weights.append(np.maximum(wavelet(a[0], 3, transposed), wavelet(b[0], 3, transposed)))
    if len(a) == 3:
        means = [[np.abs(conv2(x, np.ones((2, 2)) / 4)) for x in image[1:]] for image in (a, b)]
        maps.append(sum(alike(x, y) for x, y in zip(*means, strict=True)) / 2)
        weights.append((weights[0] + weights[1]) / 2)
    score = sum((w / (1 + np.exp(-4.2 * m))).sum() for m, w in zip(maps, weights, strict=True)) / np.sum(weights)
    return float((np.log(score / (1 - score)) / 4.2) ** 2)


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=seeds, subsample=st.booleans())
def test_haarpsi_by_definition(shape: tuple[int, ...], seed: int, subsample: bool) -> None:
    sr, target = pictures(shape, seed)
    assert haarpsi(sr, target, subsample=subsample) == pytest.approx(by_definition(sr, target, subsample), abs=2e-6)


@pytest.mark.parametrize("shape", [(48, 64), (47, 61), (48, 61), (48, 64, 3), (47, 61, 3)])
@pytest.mark.parametrize("subsample", [True, False])
def test_haarpsi_as_piq(shape: tuple[int, ...], subsample: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """piq rounds the matrix of YIQ elsewhere than the authors: 1e-4 in colour, and nothing else."""
    piq = pytest.importorskip("piq")
    sr, target = pictures(shape, 3)
    theirs = float(piq.haarpsi(tensor(sr), tensor(target), subsample=subsample))
    assert haarpsi(sr, target, subsample=subsample) == pytest.approx(theirs, abs=1e-4)
    matrix = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
    monkeypatch.setattr(haarpsi_module, "YIQ", matrix)
    assert haarpsi(sr, target, subsample=subsample) == pytest.approx(theirs, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=seeds, subsample=st.booleans())
def test_haarpsi_identities(shape: tuple[int, ...], seed: int, subsample: bool) -> None:
    sr, target = pictures(shape, seed)
    assert haarpsi(target, target, subsample=subsample) == pytest.approx(1, abs=1e-12)
    assert 0 <= haarpsi(sr, target, subsample=subsample) <= 1 + 1e-12
    assert haarpsi(sr, target, subsample=subsample) == pytest.approx(haarpsi(target, sr, subsample=subsample), abs=1e-9)


def test_haarpsi_of_black_pictures_and_other_peaks() -> None:
    assert haarpsi(np.zeros((9, 8)), np.zeros((9, 8))) == 1.0
    sr, target = pictures((32, 40, 3), 1)
    assert haarpsi(sr / 255, target / 255, peak=1.0) == pytest.approx(haarpsi(sr, target), abs=1e-6)


@pytest.mark.parametrize("shape", [(8, 8, 4), (8, 8, 1), (8,), (0, 8)])
def test_haarpsi_refuses_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"gray \(H, W\) or RGB|no pixel"):
        haarpsi(np.zeros(shape), np.zeros(shape))
    with pytest.raises(ValueError, match="must be equal"):
        haarpsi(np.zeros((8, 8)), np.zeros((8, 9)))


# networks of random weights ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, Tensor]]:
    """``features.*`` of torchvision's networks, seeded; without the classifiers, which nothing looks at."""
    from torchvision import models

    found = {}
    with torch.random.fork_rng(devices=[]):
        for seed, network in enumerate(("alexnet", "vgg16", "squeezenet1_1")):
            with torch.device("meta"):
                layers = getattr(models, network)(weights=None).features
            torch.manual_seed(seed)
            found[network] = {}
            for name, meta in layers.state_dict().items():
                fan_in = max(meta[0].numel(), 1) if meta.ndim > 1 else 100
                found[network][f"features.{name}"] = torch.randn(meta.shape) * (2 / fan_in) ** 0.5
    return found


@pytest.fixture(scope="module")
def files(states: dict[str, dict[str, Tensor]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same as files, with random heads: what the harness would find."""
    folder = tmp_path_factory.mktemp("networks")
    generator = torch.Generator().manual_seed(9)
    contents: dict[str, dict[str, Tensor]] = dict(states)
    for net in LPIPS_TAPS:
        contents[f"lpips-{net}-heads"] = {
            f"lin{index}.model.1.weight": torch.rand(1, channels, 1, 1, generator=generator)
            for index, channels in enumerate(CHANNELS[net])
        }
    contents["dists-weights"] = {name: torch.rand(1, 1475, 1, 1, generator=generator) for name in ("alpha", "beta")}
    for name, content in contents.items():
        torch.save(content, folder / name)
    return {name: folder / name for name in contents}


CHANNELS = {
    "alex": (64, 192, 384, 256, 256),
    "vgg": (64, 128, 256, 512, 512),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
DEEP = {metric.name: metric for metric in (LPIPS_ALEX, LPIPS_VGG, LPIPS_SQUEEZE, VGG, DISTS)}
LEAST = {"lpips-alex": 31, "lpips-vgg": 16, "lpips-squeeze": 17, "vgg": 2, "dists": 1}


def layers(network: str, state: Mapping[str, Tensor]) -> torch.nn.Sequential:
    """torchvision's layers with our weights, for the libraries' own code."""
    from torchvision import models

    with torch.device("meta"):
        made: torch.nn.Sequential = getattr(models, network)(weights=None).features
    made.load_state_dict({key.removeprefix("features."): value.clone() for key, value in state.items()}, assign=True)
    return made


@pytest.mark.parametrize("shape", [(48, 57, 3), (40, 41)])
@pytest.mark.parametrize("net", LPIPS_TAPS)
def test_lpips_as_torchmetrics(
    net: Any,
    shape: tuple[int, ...],
    states: dict[str, dict[str, Tensor]],
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.image.lpips")
    monkeypatch.setattr(theirs, "_get_tv_model_features", lambda name, pretrained: layers(name, states[name]))
    network = theirs._LPIPS(pretrained=False, net=net)
    heads = torch.load(files[f"lpips-{net}-heads"], weights_only=True)
    for index in range(len(CHANNELS[net])):
        network.lins[index].model[1].weight.data = heads[f"lin{index}.model.1.weight"]
    sr, target = pictures(shape, 5)
    images = batch(pair(sr, target))
    expected = float(network(images[:1], images[1:], normalize=True))
    assert expected > 0.01
    assert DEEP[f"lpips-{net}"].function(pair(sr, target, files)) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("shape", [(64, 72, 3), (40, 41)])
@pytest.mark.parametrize("net", LPIPS_TAPS)
def test_lpips_as_the_authors_package(
    net: str, shape: tuple[int, ...], states: dict[str, dict[str, Tensor]], files: dict[str, Path]
) -> None:
    """The package ``lpips`` with our seeded weights in all its layers."""
    package = pytest.importorskip("lpips")
    network = package.LPIPS(pretrained=False, pnet_rand=True, net=net, verbose=False)
    state = states[LPIPS_TAPS[net][0]]
    theirs = {name: state[f"features.{name.partition('.')[2]}"] for name in network.net.state_dict()}
    network.net.load_state_dict(theirs)
    heads = torch.load(files[f"lpips-{net}-heads"], weights_only=True)
    for index in range(len(CHANNELS[net])):
        network.lins[index].model[1].weight.data = heads[f"lin{index}.model.1.weight"]
    sr, target = pictures(shape, 5)
    images = batch(pair(sr, target))
    with torch.no_grad():
        expected = float(network(images[:1], images[1:], normalize=True))
    assert expected > 0.01
    assert DEEP[f"lpips-{net}"].function(pair(sr, target, files)) == pytest.approx(expected, rel=1e-5)


def content_loss(state: Mapping[str, Tensor], taps: tuple[int, ...], weights: list[Tensor], **options: Any) -> Any:
    """piq's, over a VGG16 of our weights, which its own class would fetch."""
    piq = pytest.importorskip("piq")
    return piq.ContentLoss(layers("vgg16", state), [str(tap) for tap in taps], weights, **options)


def test_lpips_vgg_as_piq(states: dict[str, dict[str, Tensor]], files: dict[str, Path]) -> None:
    """piq has the authors' way of making features of unit length, so the agreement is closer."""
    heads = list(torch.load(files["lpips-vgg-heads"], weights_only=True).values())
    loss = content_loss(states["vgg16"], VGG_TAPS, heads, normalize_features=True)
    sr, target = pictures((48, 57, 3), 5)
    expected = float(loss(tensor(sr, torch.float32), tensor(target, torch.float32)))
    assert LPIPS_VGG.function(pair(sr, target, files)) == pytest.approx(expected, rel=1e-5)


def test_vgg_as_piq(states: dict[str, dict[str, Tensor]], files: dict[str, Path]) -> None:
    """piq adds over the 128 channels; Johnson et al. divide by C H W."""
    loss = content_loss(states["vgg16"], RELU2_2, [torch.tensor(1.0)])
    sr, target = pictures((33, 40, 3), 2)
    expected = float(loss(tensor(sr, torch.float32), tensor(target, torch.float32))) / 128
    assert VGG.function(pair(sr, target, files)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(48, 57, 3), (33, 40)])
def test_dists_as_the_authors_package(
    shape: tuple[int, ...],
    states: dict[str, dict[str, Tensor]],
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package ``DISTS_pytorch`` with our seeded weights in all its layers."""
    package = pytest.importorskip("DISTS_pytorch.DISTS_pt")
    stand_in = SimpleNamespace(features=layers("vgg16", states["vgg16"]))
    monkeypatch.setattr(package.models, "vgg16", lambda **named: stand_in)
    network = package.DISTS(load_weights=False)
    weights = torch.load(files["dists-weights"], weights_only=True)
    network.alpha.data, network.beta.data = weights["alpha"], weights["beta"]
    sr, target = pictures(shape, 7)
    images = batch(pair(sr, target))
    expected = float(network(images[:1], images[1:]).detach())
    assert expected > 0.001
    assert DISTS.function(pair(sr, target, files)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(48, 57, 3), (33, 40)])
def test_dists_as_torchmetrics(
    shape: tuple[int, ...],
    states: dict[str, dict[str, Tensor]],
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.image.dists")
    stand_in = SimpleNamespace(features=layers("vgg16", states["vgg16"]))
    monkeypatch.setattr(theirs, "vgg16", lambda weights: stand_in)
    network = theirs.DISTSNetwork(load_weights=False)
    weights = torch.load(files["dists-weights"], weights_only=True)
    network.alpha.data, network.beta.data = weights["alpha"], weights["beta"]
    sr, target = pictures(shape, 7)
    images = batch(pair(sr, target))
    expected = float(network(images[:1], images[1:]).detach())
    assert expected > 0.001
    assert DISTS.function(pair(sr, target, files)) == pytest.approx(expected, abs=2e-6)


def test_l2_pooling_as_piq() -> None:
    functional = pytest.importorskip("piq.functional")
    x = torch.rand(2, 5, 11, 14, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(l2_pool(x), functional.L2Pool2d(kernel_size=3, stride=2, padding=1)(x))


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("colour", [(), (3,)], ids=["gray", "colour"])
def test_equal_pictures_and_ever_worse_ones(name: str, colour: tuple[int, ...], files: dict[str, Path]) -> None:
    metric, target = DEEP[name], pictures((40, 44, *colour), 4)[1]
    assert not metric.higher_is_better
    assert metric.function(pair(target, target.copy(), files)) == pytest.approx(0, abs=1e-6)
    blurred = [cv2.GaussianBlur(target, (0, 0), sigma) for sigma in (0.5, 1.0, 2.0)]
    for row in (blurred, [noisy(target, sigma) for sigma in (3, 10, 40)]):
        values = [metric.function(pair(image, target, files)) for image in row]
        assert 0 < values[0] < values[1] < values[2]


@pytest.mark.parametrize("metric", [HAARPSI, HAARPSI_FULL], ids=lambda metric: str(metric.name))
@pytest.mark.parametrize("colour", [(), (3,)], ids=["gray", "colour"])
def test_haarpsi_falls_with_blur_and_noise(metric: Metric, colour: tuple[int, ...]) -> None:
    target = pictures((60, 64, *colour), 4)[1]
    assert metric.higher_is_better
    blurred = [cv2.GaussianBlur(target, (0, 0), sigma) for sigma in (0.7, 1.2, 2.0)]
    for row in (blurred, [noisy(target, sigma) for sigma in (3, 10, 40)]):
        values = [metric.function(pair(image, target)) for image in row]
        assert 1 > values[0] > values[1] > values[2]


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_the_least_size(name: str, least: int, files: dict[str, Path]) -> None:
    sr, target = pictures((least, least + 3, 3), 1)
    assert np.isfinite(DEEP[name].function(pair(sr, target, files)))
    if least > 1:
        with pytest.raises(
            ValueError, match=rf"needs at least {least}x{least} pixels, and the image is 50x{least - 1}"
        ):
            DEEP[name].function(pair(*pictures((least - 1, 50, 3), 1), files))


def test_gray_is_three_equal_channels(files: dict[str, Path]) -> None:
    sr, target = pictures((36, 40), 3)
    stacked = [np.repeat(image[..., None], 3, axis=2) for image in (sr, target)]
    for metric in DEEP.values():
        assert metric.function(pair(sr, target, files)) == metric.function(pair(*stacked, files))


def test_a_network_is_read_once(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def read(path: Path) -> Mapping[str, Tensor]:
        reads.append(path)
        return torch.load(path, weights_only=True)  # type: ignore[no-any-return]

    for cached in (deep._features, deep._heads):
        cached.cache_clear()
    monkeypatch.setattr(deep, "read_weights", read)
    for seed in range(3):
        LPIPS_SQUEEZE.function(pair(*pictures((32, 40, 3), seed), files))
    assert sorted(path.name for path in reads) == ["lpips-squeeze-heads", "squeezenet1_1"]


def test_lpips_scaling_is_imagenets() -> None:
    """The paper's code scales [-1, 1] by shift and scale of its own, which say the same."""
    shift, scale = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
    np.testing.assert_allclose(MEAN, [(1 + value) / 2 for value in shift], atol=1e-12)
    np.testing.assert_allclose(STD, [value / 2 for value in scale], atol=1e-12)


def test_lpips_of_several_pairs(states: dict[str, dict[str, Tensor]], files: dict[str, Path]) -> None:
    network, taps = LPIPS_TAPS["squeeze"]
    features = Features(network, states[network], taps)
    heads = list(torch.load(files["lpips-squeeze-heads"], weights_only=True).values())
    pairs = [batch(pair(*pictures((32, 40, 3), seed))) for seed in range(3)]
    with torch.no_grad():
        one_by_one = torch.cat([lpips(features(images), heads) for images in pairs])
        together = lpips(features(torch.cat([*(p[:1] for p in pairs), *(p[1:] for p in pairs)])), heads)
    torch.testing.assert_close(together, one_by_one)


# other libraries by name ------------------------------------------------------------------------------------------

NAMES = [f"{library}:{name}" for library, (_, functions) in LIBRARIES.items() for name in functions]


@pytest.mark.parametrize("name", NAMES)
def test_bridged_metrics_know_their_direction(name: str) -> None:
    """Ever more blur, and ever more noise, are worse in the direction that the table gives; equal pictures are best."""
    pytest.importorskip(name.partition(":")[0])
    metric, target = bridged(name), pictures((192, 200, 3), 4)[1]
    assert metric.packages == (name.partition(":")[0],)
    sign = 1 if metric.higher_is_better else -1
    best = sign * metric.function(pair(target, target.copy()))
    blurred = [cv2.GaussianBlur(target, (0, 0), sigma) for sigma in (0.8, 2.0)]
    for row in (blurred, [noisy(target, sigma) for sigma in (5, 40)]):
        better, worse = (sign * metric.function(pair(image, target)) for image in row)
        assert best > better > worse


def test_bridged_metrics_are_the_librarys() -> None:
    piq, images = pytest.importorskip("piq"), pictures((64, 72, 3), 1)
    pytest.importorskip("torchmetrics")
    sr, target = (tensor(image, torch.float32) for image in images)
    assert bridged("piq:vif_p").function(pair(*images)) == pytest.approx(float(piq.vif_p(sr, target)), abs=1e-6)
    gray = [image[..., 0].copy() for image in images]
    theirs = float(piq.vif_p(tensor(gray[0]), tensor(gray[1])))
    ours = bridged("torchmetrics:visual_information_fidelity").function(pair(*gray))
    assert ours == pytest.approx(theirs, abs=1e-4)  # another stabilising constant; on 0..1 it would be far off


@pytest.mark.parametrize("name", ["piq:vif_p", "piq:multi_scale_ssim", "torchmetrics:visual_information_fidelity"])
def test_bridged_metrics_refuse_small_pictures_in_a_sentence(name: str) -> None:
    pytest.importorskip(name.partition(":")[0])
    with pytest.raises(ValueError, match=r"rejects an image of 9x8: ") as error:
        bridged(name).function(pair(*pictures((8, 9, 3), 1)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("piq:vif", "Did you mean vif_p"),
        ("piq:brisque", "There is no metric of piq that srbench knows 'brisque'"),
        ("torchmetric:vif", "Did you mean torchmetrics"),
        ("lpips:alex", "There is no library of metrics 'lpips'"),
    ],
)
def test_unknown_bridged_names(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bridged(name)
