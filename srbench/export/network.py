"""Methods as modules of torch that can be traced: whole, of models that are files too, and in RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from srbench.errors import MethodError
from srbench.imaging.color import rgb_to_ycbcr
from srbench.method import LearnedMethod, Method
from srbench.models.model import BLACK, SPAN, FileMethod

CPU = torch.device("cpu")


def network_of(method: Method, scale: int, *, rgb: bool = False) -> nn.Module:
    """A method at a scale as a module.

    Args:
        method: with its weights.
        scale: the scale.
        rgb: of a method of luma: takes LR in RGB and returns SR in RGB.

    Raises:
        MethodError: it is a model whose file is no network that can be traced.
    """
    # the network of a file is in eval mode, and an exported program cannot be told to be
    found = FileNetwork(method, scale) if isinstance(method, FileMethod) else Upscale(method, scale).eval()
    return InRgb(found, scale, upsampled=method.info.input == "upsampled") if rgb else found


class Upscale(nn.Module):
    """A method at a scale."""

    def __init__(self, method: Method, scale: int) -> None:
        super().__init__()
        self.method, self.scale = method, scale
        if isinstance(method, LearnedMethod):
            self.model = method.model

    def forward(self, x: Tensor) -> Tensor:
        """As the method's ``upscale``."""
        return self.method.upscale(x, self.scale)


class FileNetwork(nn.Module):
    """A model from a file, of which the file is read before anything is traced.

    Raises:
        MethodError: it is no network of torch, or takes images of one size only.
    """

    def __init__(self, method: FileMethod, scale: int) -> None:
        super().__init__()
        opened, self.traits = method.opened(scale, CPU), method.traits[scale]
        is_script = isinstance(opened.module, torch.jit.ScriptModule)
        if opened.module is None or is_script or self.traits.size is not None:
            raise MethodError(f"{method.info.name} is no network that torch can trace for images of any size.")
        self.model, self.options = opened.module, method.spec.options

    def forward(self, x: Tensor) -> Tensor:
        """As :meth:`FileMethod.upscale`."""
        planes = x.flatten(0, 1)[:, None] if self.traits.channels == 1 else x
        full = self.options.luma == "full"
        planes = ((planes - BLACK) / SPAN if full else planes) * self.options.range
        height, width = planes.shape[-2:]
        if self.traits.multiple > 1 or self.traits.least > 1:
            planes = functional.pad(planes, (0, self._lacking(width), 0, self._lacking(height)), mode="replicate")
        out = self.model(planes)[..., : height * self.traits.factor, : width * self.traits.factor] / self.options.range
        out = out * SPAN + BLACK if full else out
        return out.reshape(x.shape[0], x.shape[1], *out.shape[2:])  # type: ignore[no-any-return]

    def _lacking(self, side: Any) -> Any:
        multiple = self.traits.multiple
        wanted = torch.sym_max(side, self.traits.least) + multiple - 1  # ONNX divides negative numbers towards zero
        return wanted // multiple * multiple - side


class InRgb(nn.Module):
    """A network of luma on RGB: Cb and Cr are upsampled bicubically, with replicated borders.

    Args:
        network: of luma.
        scale: the scale.
        upsampled: whether it takes the upsampled image, which is made here too.
    """

    def __init__(self, network: nn.Module, scale: int, *, upsampled: bool) -> None:
        super().__init__()
        self.network, self.scale, self.is_upsampled = network, scale, upsampled
        offset = rgb_to_ycbcr(np.zeros((1, 1, 3)))[0, 0]
        matrix = (rgb_to_ycbcr(np.eye(3)[None])[0] - offset).T
        for name, values in (("matrix", matrix), ("inverse", np.linalg.inv(matrix)), ("offset", offset / 255.0)):
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))
        self.register_buffer("kernel", bicubic_phases(scale))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, h, w) in [0, 1] to (N, 3, H, W)."""
        ycbcr = torch.einsum("ij,njhw->nihw", self.get_buffer("matrix"), x) + self._offset()
        up = bicubic(ycbcr, self.get_buffer("kernel"), self.scale)
        y = self.network((up if self.is_upsampled else ycbcr)[:, :1])
        sr = torch.cat([y, up[:, 1:]], dim=1) - self._offset()
        return torch.einsum("ij,njhw->nihw", self.get_buffer("inverse"), sr)

    def _offset(self) -> Tensor:
        return self.get_buffer("offset").view(1, 3, 1, 1)


def bicubic_phases(scale: int) -> Tensor:
    """Keys' kernel (a = -1/2) at the positions of each of scale x scale output pixels: (scale^2, 1, 5, 5)."""
    rows = torch.zeros(scale, 5, dtype=torch.float64)
    for phase in range(scale):
        centre = (phase + 0.5) / scale - 0.5
        distance = (torch.arange(-2, 3, dtype=torch.float64) - centre).abs()
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        rows[phase] = torch.where(distance <= 1, near, torch.where(distance < 2, far, torch.zeros_like(far)))
    return torch.einsum("ah,bw->abhw", rows, rows).reshape(scale**2, 1, 5, 5).float()


def bicubic(x: Tensor, kernel: Tensor, scale: int) -> Tensor:
    """Upsample each plane of (N, C, h, w) by the phases of a kernel; borders are replicated."""
    planes = functional.pad(x.flatten(0, 1)[:, None], (2, 2, 2, 2), mode="replicate")
    out = functional.pixel_shuffle(functional.conv2d(planes, kernel), scale)
    return out.reshape(x.shape[0], x.shape[1], *out.shape[2:])
