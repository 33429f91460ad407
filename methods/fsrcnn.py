"""FSRCNN: convolutions on the small image, then one deconvolution that enlarges it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.method import LearnedMethod, MethodInfo, Recipe, Transfer

SOURCE = "Dong, Loy, Tang: Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016"
SIDE = 9
"""Of the deconvolution's kernel, whatever the scale."""
BORDER = 3
"""Pixels that a deconvolution needs beyond the image's edge, at the smallest scale."""


class FsrcnnNetwork(nn.Module):
    """Feature extraction, shrinking, mapping, expanding, deconvolution (section 3.2 of the paper).

    In training each layer pads with zeros inside the convolution, which is fast; recipes keep the border of a patch out
    of the loss. In eval mode each layer replicates the image's border, as the authors' test code does.

    The deconvolution is computed by equal and faster forms. What is trained and kept are its own 9x9 taps; those of a
    convolution and a pixel shuffle would be more.

    Args:
        scale: the stride of the deconvolution.
        features: maps of the first layer (d).
        shrunk: maps of the mapping layers (s).
        layers: mapping layers (m).
    """

    def __init__(self, scale: int, features: int = 56, shrunk: int = 12, layers: int = 4) -> None:
        super().__init__()
        self.scale = scale
        shapes = [(1, features, 5), (features, shrunk, 1), *[(shrunk, shrunk, 3)] * layers, (shrunk, features, 1)]
        self.convolutions = nn.ModuleList(nn.Conv2d(n, m, side, padding=side // 2) for n, m, side in shapes)
        self.slopes = nn.ModuleList(nn.PReLU(m) for _, m, _ in shapes)
        self.deconvolution = nn.ConvTranspose2d(
            features, 1, SIDE, stride=scale, padding=SIDE // 2, output_padding=scale - 1
        )
        self._start_as_interpolation()

    def _start_as_interpolation(self) -> None:
        """Begin by passing the image through one map to a deconvolution that interpolates.

        So training starts near bicubic's quality, and seconds are enough to pass it. The paper's own start (He's, and
        Gaussian noise of 0.001 in the deconvolution) is in the recipe ``paper``.
        """
        for layer in self.convolutions:
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, a=0.25)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            layer.weight.data[0] = 0.0
            layer.weight.data[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1.0
        nn.init.normal_(self.deconvolution.weight, std=1e-3)
        nn.init.zeros_(self.deconvolution.bias)  # type: ignore[arg-type]
        self.deconvolution.weight.data[0, 0] = interpolation_kernel(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, h, w) to (N, 1, h * scale, w * scale)."""
        for layer, slope in zip(self.convolutions, self.slopes, strict=True):
            weight = slope.get_parameter("weight")
            x = _fast_prelu(layer(x), weight) if self.training else F.prelu(_replicating(layer, x), weight)
        if not self.training:
            return self._enlarge(x)
        layer = self.deconvolution
        fast = x.device.type == "cpu"
        out: Tensor = _in_float32(_Deconvolution, x, layer.weight, layer.bias, self.scale) if fast else layer(x)
        return out

    def _enlarge(self, x: Tensor) -> Tensor:
        """The deconvolution of an image whose border goes on, as a convolution and a pixel shuffle."""
        if x.device.type == "meta":  # where the work is counted, not done: count what the paper counts
            out: Tensor = self.deconvolution(x)
            return out
        if torch.compiler.is_exporting():  # one layer that every runtime knows
            margin = BORDER * self.scale
            out = self.deconvolution(F.pad(x, (BORDER,) * 4, mode="replicate"))
            return out[..., margin:-margin, margin:-margin]
        bias = self.deconvolution.get_parameter("bias")
        if x.device.type == "cpu":
            return _by_taps(x, self.deconvolution.weight, bias, self.scale)
        weight, reach = phases(self.deconvolution.weight, self.scale)
        x = F.pad(x, (reach,) * 4, mode="replicate")
        return F.pixel_shuffle(F.conv2d(x, weight, bias.expand(self.scale**2)), self.scale)


class _Prelu(torch.autograd.Function):
    """PReLU whose gradient takes a few vectorised passes; torch's own on CPU is two to five times slower."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return torch.prelu(x, slope)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        above = torch.ops.aten.threshold_backward(gradient, x, 0)  # 0 where x <= 0; one pass
        below = gradient - above
        to_x = above.addcmul_(below, slope[:, None, None])
        # as a matrix, whose columns are summed faster than the same numbers in four dimensions
        to_slope = below.mul_(x).movedim(1, -1).reshape(-1, len(slope)).sum(0)
        return to_x, to_slope


class _Deconvolution(torch.autograd.Function):
    """The deconvolution: forwards one matrix product of its 81 taps, added up; backwards its own, faster there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, scale: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.scale = scale
        batch, channels, height, width = x.shape
        taps = weight.reshape(channels, SIDE * SIDE).t().contiguous().expand(batch, -1, -1)
        maps = torch.bmm(taps, x.permute(0, 2, 3, 1).reshape(batch, height * width, channels).transpose(1, 2))
        return F.fold(maps, (height * scale, width * scale), SIDE, stride=scale, padding=SIDE // 2).add_(bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        scale, pad = ctx.scale, SIDE // 2
        sizes = ([1], [scale, scale], [pad, pad], [1, 1], True, [scale - 1, scale - 1], 1, [True, True, True])
        to_x, to_weight, to_bias = torch.ops.aten.convolution_backward(gradient.contiguous(), x, weight, *sizes)
        return to_x, to_weight, to_bias, None


def _fast_prelu(x: Tensor, slope: Tensor) -> Tensor:
    if x.device.type != "cpu":
        return F.prelu(x, slope)
    return _in_float32(_Prelu, x, slope)


def _in_float32(function: type[torch.autograd.Function], x: Tensor, *others: Any) -> Tensor:
    """A function of one's own, which autocast knows nothing of."""
    with torch.autocast("cpu", enabled=False):
        out: Tensor = function.apply(x.float(), *others)
    return out


def _replicating(layer: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layer, nn.Conv2d)
    reach = layer.kernel_size[0] // 2
    if reach:
        x = F.pad(x, (reach,) * 4, mode="replicate")
    return F.conv2d(x, layer.weight, layer.bias)


def _by_taps(x: Tensor, weight: Tensor, bias: Tensor, scale: int) -> Tensor:
    """The deconvolution of an image whose border goes on, by its definition: each tap's product, put where it belongs.

    All 81 products are one matrix product, without the zeros that the phases' kernels are filled up with.
    """
    centre, (batch, channels, height, width) = SIDE // 2, x.shape
    reach = (centre + scale - 1) // scale
    x = F.pad(x, (reach,) * 4, mode="replicate").permute(0, 2, 3, 1)
    rows = weight[:, 0].permute(1, 2, 0).reshape(SIDE * SIDE, channels)
    # not matmul, which takes a slower way where the weights could want a gradient
    maps = torch.bmm(rows.expand(batch, -1, -1), x.reshape(batch, -1, channels).transpose(1, 2))
    maps = maps.view(batch, SIDE, SIDE, *x.shape[1:3])
    out = bias.repeat(batch, scale, scale, height, width)
    for i in range(SIDE):
        down, row = divmod(i - centre, scale)
        for j in range(SIDE):
            right, column = divmod(j - centre, scale)
            top, left = reach - down, reach - right
            out[:, row, column] += maps[:, i, j, top : top + height, left : left + width]
    return F.pixel_shuffle(out.view(batch, scale * scale, height, width), scale)


def phases(weight: Tensor, scale: int) -> tuple[Tensor, int]:
    """A deconvolution's (C, 1, 9, 9) kernel as the (scale^2, C, k, k) kernels of its output's phases.

    Output pixel ``o = q * scale + r`` gets tap ``o - i * scale + 4`` of input pixel ``i``, that is, for the neighbour
    ``i = q + j``, tap ``r + 4 - j * scale`` where there is one.

    Returns:
        The kernels in the order of ``pixel_shuffle``, and how far they reach to each side.
    """
    centre = SIDE // 2
    reach = (centre + scale - 1) // scale
    taps = torch.arange(scale)[:, None] + centre - torch.arange(-reach, reach + 1)[None] * scale  # (phase, neighbour)
    inside = (taps >= 0) & (taps < SIDE)
    index = taps.clamp(0, SIDE - 1).to(weight.device)
    mask = inside.to(weight)
    picked = weight[:, 0][:, index[:, None, :, None], index[None, :, None, :]]  # (C, r, r', j, j')
    picked = picked * mask[:, None, :, None] * mask[None, :, None, :]
    side = 2 * reach + 1
    return picked.permute(1, 2, 0, 3, 4).reshape(scale * scale, -1, side, side), reach


def interpolation_kernel(scale: int) -> Tensor:
    """A 9x9 kernel that makes the deconvolution interpolate: cubic where that fits into nine taps, else linear."""
    distance = (torch.arange(SIDE) - SIDE // 2 - (scale - 1) / 2).abs() / scale
    if 4 * scale <= SIDE:
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        taps = torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))
    else:
        taps = (1 - distance).clamp(min=0)
    for phase in range(scale):  # the taps that make one output pixel sum to 1, even where the ninth is missing
        taps[phase::scale] /= taps[phase::scale].sum()
    return taps[:, None] * taps[None, :]


QUICK = Recipe(
    patch=72,
    stride=36,
    margin=12,
    batch=8,
    lr=1e-3,
    lr_factors=(("deconvolution", 0.3),),
    steps=400,
    validate_every=200,
)
"""Adam from an interpolation: above bicubic after seconds."""

SHORT = Recipe(
    train=("t91", "general100"),
    validation=("bsds200",),
    validation_images=20,
    protocol="srcnn",
    crops="random",
    shrink=(1.0, 0.8, 0.6),
    patch=96,
    margin=12,
    batch=8,
    lr=3e-3,
    lr_factors=(("deconvolution", 0.3),),
    warmup=500,
    steps=100_000,
    validate_every=2500,
    clip_gradient=1.0,
    ema=0.999,
    transfer=Transfer(scale=3, reset=("deconvolution",), steps=30_000),
)
"""x3 first; the others begin with its convolutions, as in the paper, but go on to train them too."""

STANDARD = SHORT.model_copy(
    update={
        "train": ("t91", "general100", "bsds200"),
        "hold_out": True,
        "optimizer": "soap",
        "loss": "psnr",
        "clip_gradient": None,
        "validate_every": 2000,
        "transfer": Transfer(scale=3, reset=("deconvolution",), steps=40_000),
    }
)
"""By SOAP, and on the photographs of BSDS200 too that it is not validated on: .1 dB over :data:`SHORT` on Set14."""

SHRINK = (1.0, 0.9, 0.8, 0.7, 0.6)
FIRST_STAGE = Recipe(
    train=("t91",),
    validation=("bsds200",),
    validation_images=20,
    protocol="srcnn",
    shrink=SHRINK,
    patch=21,
    stride=12,
    batch=128,
    loss="euclidean",
    init=(("deconvolution", 1e-3), ("", "he")),
    optimizer="sgd",
    lr=1e-3,
    lr_factors=(("deconvolution", 0.1),),
    schedule="constant",
    steps=1_000_000,
    validate_every=10_000,
    transfer=Transfer(scale=3, freeze=("convolutions", "slopes"), steps=250_000),
)
PAPER = FIRST_STAGE.model_copy(
    update={
        "train": ("t91", "general100"),
        "init": (),
        "lr": 5e-4,
        "steps": 500_000,
        "init_from": FIRST_STAGE.model_copy(update={"transfer": None}),
    }
)
"""The paper's own: T91 from scratch at x3, then General-100 added at half the rate; other scales retrain the
deconvolution alone. It does not say how many batches: these are ours. Validated on BSDS200's first images."""


class Fsrcnn(LearnedMethod):
    """FSRCNN (56, 12, 4) on luma."""

    shape: ClassVar[tuple[int, int, int]] = (56, 12, 4)
    info = MethodInfo(name="fsrcnn", family="prediction", channels="y", input="lr", paper=SOURCE, halo=8)
    recipes: ClassVar[Mapping[str, Recipe]] = {"standard": STANDARD, "quick": QUICK, "paper": PAPER}

    def network(self, scale: int) -> nn.Module:
        """The network whose deconvolution enlarges by ``scale``."""
        return FsrcnnNetwork(scale, *self.shape)


class FsrcnnS(Fsrcnn):
    """FSRCNN-s (32, 5, 1), the paper's small one."""

    shape = (32, 5, 1)
    info = dataclasses.replace(Fsrcnn.info, name="fsrcnn-s", halo=5)
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "standard": SHORT.model_copy(update={"steps": 60_000}),
        "quick": QUICK,
        "paper": PAPER,
    }
