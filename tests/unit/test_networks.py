"""The networks of the papers: their sizes to the last weight, and the forms that they are computed in."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from srbench.methods._single import conv2d_to_one
from srbench.methods.fsrcnn import FsrcnnNetwork, interpolation_kernel, phases
from torch import Tensor, nn

from srbench.method import LearnedMethod
from srbench.plugins.registry import Registry


def network(name: str, scale: int = 3) -> nn.Module:
    method = Registry().method(name)()
    assert isinstance(method, LearnedMethod)
    return method.network(scale)


@pytest.mark.parametrize(
    ("name", "weights"),
    [("srcnn-y", 8032), ("srcnn-y-935", 24416), ("srcnn-y-955", 57184), ("fsrcnn", 12464), ("fsrcnn-s", 3937)],
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_weights_without_biases_are_the_papers(name: str, weights: int, scale: int) -> None:
    assert sum(p.numel() for p in network(name, scale).parameters() if p.ndim > 1) == weights


@pytest.mark.parametrize(("name", "parameters"), [("fsrcnn", 12809), ("autoencoder", 1110403)])
def test_parameters_are_the_papers(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in network(name).parameters()) == parameters


def replicated_deconvolution(net: FsrcnnNetwork, x: Tensor) -> Tensor:
    """What the deconvolution gives when its input's border goes on: padded generously, then cropped."""
    wide = net.deconvolution(F.pad(x, (6, 6, 6, 6), mode="replicate"))
    margin = 6 * net.scale
    return wide[..., margin:-margin, margin:-margin]


@pytest.mark.parametrize("scale", [2, 3, 4, 5])
def test_the_deconvolution_is_a_convolution_and_a_pixel_shuffle(scale: int) -> None:
    torch.manual_seed(0)
    net = FsrcnnNetwork(scale).eval()
    nn.init.normal_(net.deconvolution.weight, std=0.1)
    nn.init.normal_(net.deconvolution.bias)  # type: ignore[arg-type]
    x = torch.rand(2, 56, 7, 9)
    torch.testing.assert_close(net._enlarge(x), replicated_deconvolution(net, x), rtol=0, atol=1e-5)
    kernels, reach = phases(net.deconvolution.weight, scale)
    assert kernels.shape == (scale**2, 56, 2 * reach + 1, 2 * reach + 1)


def test_training_and_inference_agree_inside() -> None:
    """They pad differently, so they may differ only as far as the border reaches."""
    torch.manual_seed(0)
    net = FsrcnnNetwork(3)
    x = torch.rand(1, 1, 30, 28)
    trained = net.train()(x)
    run = net.eval()(x)
    torch.testing.assert_close(run[..., 24:-24, 24:-24], trained[..., 24:-24, 24:-24], rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fsrcnn_begins_as_an_interpolation(scale: int) -> None:
    for phase in range(scale):
        assert abs(float(interpolation_kernel(scale)[phase::scale].sum(0).sum()) - float(scale)) < 1e-5
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(24.0), indexing="ij")
    ramp = (0.2 + 0.01 * x + 0.012 * y)[None, None]
    wanted = F.interpolate(ramp, scale_factor=scale, mode="bilinear", align_corners=False)
    torch.manual_seed(0)
    net = FsrcnnNetwork(scale).eval()
    nn.init.zeros_(net.deconvolution.weight[:, :].data[1:])
    inside = (..., slice(4 * scale, -4 * scale), slice(4 * scale, -4 * scale))
    assert float((net(ramp).detach()[inside] - wanted[inside]).abs().max()) < 0.012


@pytest.mark.parametrize("name", ["srcnn-y", "srcnn-y-935", "srcnn-y-955", "srcnn-rgb", "autoencoder"])
def test_others_begin_near_the_identity(name: str) -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 1 if name.startswith("srcnn-y") else 3, 21, 22)
    assert float((network(name).eval()(x) - x).detach().abs().mean()) < 0.1


def test_fsrcnns_training_step_is_that_of_plain_layers() -> None:
    """Its own PReLU and its form of the deconvolution give the output and the gradients of torch's."""
    torch.manual_seed(0)
    net = FsrcnnNetwork(3).train()
    x, y = torch.rand(2, 1, 12, 11), torch.rand(2, 1, 36, 33)
    out = net(x)
    torch.autograd.backward(F.mse_loss(out, y))
    gradients = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    plain = x
    for layer, slope in zip(net.convolutions, net.slopes, strict=True):
        plain = slope(layer(plain))
    plain = net.deconvolution(plain)
    torch.autograd.backward(F.mse_loss(plain, y))
    torch.testing.assert_close(out, plain, rtol=0, atol=1e-5)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-4, atol=1e-5)


@given(st.integers(1, 3), st.integers(1, 5), st.sampled_from([1, 3, 5]), st.integers(5, 12), st.integers(5, 12))
def test_a_convolution_to_one_map_is_a_convolution(batch: int, channels: int, side: int, h: int, w: int) -> None:
    """Its values, and the gradients to all that it takes."""
    generator = torch.Generator().manual_seed(h * 100 + w)
    shapes = ((batch, channels, h, w), (1, channels, side, side), (1,))
    tensors = [torch.randn(shape, generator=generator) for shape in shapes]
    ours = [tensor.clone().requires_grad_() for tensor in tensors]
    theirs = [tensor.double().requires_grad_() for tensor in tensors]
    out, expected = conv2d_to_one(*ours), F.conv2d(*theirs)
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)
    out.square().sum().backward()
    expected.square().sum().backward()
    for mine, right in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        assert right.grad is not None
        torch.testing.assert_close(mine.grad.double(), right.grad, rtol=1e-4, atol=1e-4)
