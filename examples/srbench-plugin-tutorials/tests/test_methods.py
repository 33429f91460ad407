"""The methods keep srbench's contract, and their networks are the tutorials'."""

import pytest
import torch
import torch.nn.functional as F
from srbench.methods.fsrcnn import FsrcnnNetwork
from srbench.testing import CHECKS
from torch import nn

from srbench_plugin_tutorials.methods import (
    FACTOR,
    MEAN,
    STD,
    Normalised,
    TutorialFsrcnnRgb,
    TutorialSrcnnRgb,
    TutorialSrcnnY,
    fsrcnn,
)

METHODS = (TutorialSrcnnRgb, TutorialFsrcnnRgb, TutorialSrcnnY)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.info.name)
def test_contract(method, check):
    """Odd sizes, batches, determinism, tiles: what srbench takes for granted."""
    check(method)


@pytest.mark.parametrize(
    ("method", "parameters"), [(TutorialSrcnnRgb, 20099), (TutorialSrcnnY, 8129), (TutorialFsrcnnRgb, 24683)]
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_networks_are_as_large_as_theirs(method, parameters, scale):
    net = method().network(scale)
    assert sum(p.numel() for p in net.parameters()) == parameters
    x = torch.rand(2, 1 if method is TutorialSrcnnY else 3, 6, 7)
    grown = scale if method is TutorialFsrcnnRgb else 1
    assert net(x).shape == (2, x.shape[1], 6 * grown, 7 * grown)


def test_networks_see_zeros_beyond_the_border():
    """In training and in use alike, and after the normalisation: the mean colour, not black."""
    torch.manual_seed(0)
    net = TutorialSrcnnRgb().network(3)
    assert isinstance(net, Normalised)
    mean, std = torch.tensor(MEAN).reshape(1, 3, 1, 1), torch.tensor(STD).reshape(1, 3, 1, 1)
    x = torch.rand(2, 3, 7, 6)
    y = (x - mean) / std
    layers = [layer for layer in net.body.children() if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        wide = F.pad(y, (layer.kernel_size[0] // 2,) * 4, value=0.0)
        y = F.conv2d(wide, layer.weight, layer.bias)
        y = y if layer is layers[-1] else F.relu(y)
    for mode in (net.train(), net.eval()):
        torch.testing.assert_close(mode(x), y * std + mean, rtol=0, atol=1e-5)


def test_fsrcnn_is_the_papers_inside():
    """The same layers as srbench's own, but for the border: with its weights it gives the same image away from that."""
    torch.manual_seed(0)
    ours, theirs = FsrcnnNetwork(3).eval(), fsrcnn(1, 3).eval()
    pairs = zip(ours.convolutions, ours.slopes, strict=True)
    for mine, other in zip([*(layer for pair in pairs for layer in pair), ours.deconvolution], theirs, strict=True):
        other.load_state_dict(mine.state_dict())
    x = torch.rand(1, 1, 26, 24)
    inside = (..., slice(27, -27), slice(27, -27))
    torch.testing.assert_close(theirs(x)[inside], ours(x)[inside], rtol=0, atol=1e-5)
    assert not torch.allclose(theirs(x), ours(x), rtol=0, atol=1e-3)


def test_normalisation_is_taken_off_again():
    x = torch.rand(2, 3, 5, 4)
    torch.testing.assert_close(Normalised(nn.Identity())(x), x)
    doubled = Normalised(nn.Upsample(scale_factor=2))(x)
    torch.testing.assert_close(doubled, F.interpolate(x, scale_factor=2))
    assert not Normalised(nn.Identity()).state_dict()


def test_the_loss_of_normalised_images_is_ours_times_a_factor():
    sr, hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    std = torch.tensor(STD).reshape(1, 3, 1, 1)
    theirs, ours = F.mse_loss(sr / std, hr / std), F.mse_loss(sr, hr)
    assert float(theirs / ours) == pytest.approx(FACTOR, rel=0.03)
