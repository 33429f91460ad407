"""One small network, trained for seconds and saved in every way that srbench can read."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from srbench.data.catalog import resolve
from srbench.data.images import read_samples
from srbench.imaging.files import write_png
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import prepare

SCALE = 2
SHAPE = {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 16, "num_conv": 2}


def trained(channels: int = 3, steps: int = 60) -> nn.Module:
    """spandrel's Compact, of some 10,000 parameters, on one photograph: better than nearest by some dB."""
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    network: nn.Module = Compact(**SHAPE | {"num_in_ch": channels, "num_out_ch": channels}, upscale=SCALE)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    hr = _training_image(channels)
    lr = functional.interpolate(hr, scale_factor=1 / SCALE, mode="bicubic", antialias=True)
    for step in range(steps):
        top, left = (37 * step) % (lr.shape[2] - 32), (53 * step) % (lr.shape[3] - 32)
        patch = lr[..., top : top + 32, left : left + 32]
        target = hr[..., SCALE * top : SCALE * (top + 32), SCALE * left : SCALE * (left + 32)]
        optimiser.zero_grad()
        functional.l1_loss(network(patch), target).backward()
        optimiser.step()
    return network.eval()


class Pooling(nn.Module):
    """A strided 3x3 convolution and a pooling of stride 3, as BSRN and RLFN have: of small images nothing is left.

    On CPUs where onnxruntime works on blocks of 16 channels, it divides by zero there, which ends the process.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.head = nn.Conv2d(3, 16, 3, padding=1)
        self.down = nn.Conv2d(16, 16, 3, stride=2)
        self.inner = nn.Conv2d(16, 16, 3, padding=1)
        self.tail = nn.Conv2d(16, 12, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(x)
        pooled = self.inner(functional.max_pool2d(self.down(features), self.kernel, 3))
        gate = functional.interpolate(pooled, size=features.shape[2:], mode="bilinear", align_corners=False)
        return functional.pixel_shuffle(self.tail(features * torch.sigmoid(gate)), SCALE)


def pooling(kernel: int = 7) -> nn.Module:
    """A network whose pooling is so large."""
    torch.manual_seed(0)
    return Pooling(kernel).eval()


def _training_image(channels: int) -> Tensor:
    sample = next(iter(read_samples(resolve("embedded:train"))))
    picture = np.asarray(sample.hr)[:256, :256]
    planes = torch.from_numpy(np.ascontiguousarray(np.atleast_3d(picture))).permute(2, 0, 1)[None].float() / 255
    planes = planes.expand(1, 3, -1, -1) if planes.shape[1] == 1 else planes
    return planes[:, :channels]


def save_onnx(
    network: nn.Module, path: Path, channels: int = 3, *, free: bool = True, name: str = "lr", side: int = 16
) -> Path:
    """With a free batch and size, or with fixed ones."""
    axes = {0: "n", 2: "h", 3: "w"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have another package write it
        torch.onnx.export(
            network,
            (torch.rand(1, channels, side, side + 2),),
            str(path),
            input_names=[name],
            output_names=["sr"],
            dynamic_axes={name: axes, "sr": axes} if free else None,
            dynamo=False,
        )
    return path


def save_torchscript(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.rand(1, 3, 16, 18)).save(str(path))
    return path


def save_exported(network: nn.Module, path: Path, channels: int = 3) -> Path:
    free = torch.export.Dim.DYNAMIC
    x = torch.rand(2, channels, 16, 18)
    torch.export.save(torch.export.export(network, (x,), dynamic_shapes=({0: free, 2: free, 3: free},)), path)
    return path


def save_safetensors(network: nn.Module, path: Path) -> Path:
    from safetensors.torch import save_file

    save_file(network.state_dict(), path)
    return path


def save_pth(network: nn.Module, path: Path) -> Path:
    torch.save({"params": network.state_dict()}, path)  # as Real-ESRGAN does
    return path


def save_all(network: nn.Module, folder: Path, channels: int = 3) -> list[str]:
    """In every way; returns what to call them on the command line."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        f"spandrel:{save_pth(network, folder / 'small.pth')}",
        f"onnx:{save_onnx(network, folder / 'small.onnx', channels)}",
        f"torchscript:{save_torchscript(network, folder / 'small.pt')}",
        f"exported:{save_exported(network, folder / 'small.pt2', channels)}",
    ]


def save_sr_images(network: nn.Module, folder: Path, dataset: str = "embedded", protocol: str = "vdsr") -> Path:
    """Its SR pictures of a data set, made without srbench's engine."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = get_protocol(protocol)
    for sample in read_samples(resolve(dataset)):
        case = prepare(rules, sample.name, np.asarray(sample.hr), SCALE, None)
        lr = case.input.lr.astype(np.float64)
        planes = np.repeat(lr[..., None], 3, axis=2) if lr.ndim == 2 else lr
        x = torch.from_numpy(planes.transpose(2, 0, 1) / 255.0)[None].float()
        with torch.inference_mode():
            sr = network(x)[0].double().numpy().transpose(1, 2, 0) * 255.0
        if lr.ndim == 2:
            sr = sr @ np.array([0.299, 0.587, 0.114])
        write_png(folder / f"{sample.name}_x{SCALE}.png", np.clip(np.floor(sr + 0.5), 0, 255).astype(np.uint8))
    return folder
