"""What decided a figure is in its key: replaced under the same name, it gives another key and another figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph, save
from small_models import save_exported, save_onnx, save_pth, save_torchscript
from torch import Tensor, nn

import srbench
from srbench.imaging.resize import imresize
from srbench.method import Method, MethodInfo

METHOD = """
import ctypes, os, pathlib
import cv2, numpy as np, torch
from srbench.method import Method, MethodInfo
HERE = pathlib.Path(__file__).parent

class Mine(Method):
    info = MethodInfo(name="mine", family="prediction", channels="any", input="upsampled", halo=0{info})
    def __init__(self):
        self.gain = {made}
    def upscale(self, x, scale):
        return x * ({used})
"""
RECIPE = """
train = ["./photos"]
validation = ["./photos"]
patch = 24
batch = 4
steps = STEPS
validate_every = 1
"""
NET = """
from torch import nn
from srbench.method import LearnedMethod, MethodInfo, Recipe

class Net(LearnedMethod):
    info = MethodInfo(name="mine", family="prediction", channels="y", input="upsampled", halo=1)
    recipes = {"only": Recipe(steps=1)}
    def network(self, scale):
        return nn.Conv2d(1, 1, 3, padding=1)
"""
METRIC = """
import pathlib
from srbench.metrics.metric import Metric
FILE = pathlib.Path(__file__).parent / "net.npy"

def mine(pair):
    import numpy as np
    return float(np.load(FILE)) * float(abs(pair.sr - pair.target).mean())

MINE = Metric("mine", mine, higher_is_better=False)
"""


@dataclass
class Case:
    """How a figure is asked for, and how what decides it is replaced."""

    replace: Callable[[float], Any]
    methods: Any = "mine"
    plugins: tuple[str, ...] = ()
    datasets: str = "./photos"
    protocol: str = "vdsr"
    metrics: tuple[str, ...] = ("psnr",)
    more: dict[str, Any] = field(default_factory=dict)


def npy(gain: float) -> None:
    np.save("net.npy", np.float64(gain))


def by_plugin(
    made: str, used: str = "self.gain", replace: Callable[[float], Any] = npy, info: str = "", more: str = ""
) -> Case:
    Path("mine.py").write_text(METHOD.format(made=made, used=used, info=info) + more)
    return Case(replace, plugins=("mine.py",))


class Gain(nn.Module):
    """An enlargement times a number."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x * self.gain, scale_factor=2.0, mode="nearest")


class Live(Method):
    """A class of this session, which reads a file."""

    info = MethodInfo(name="live", family="prediction", channels="any", input="upsampled", halo=0)

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        return x * float(np.load("net.npy"))


def spandrel_model(gain: float) -> None:
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(round(gain * 10))
    save_pth(Compact(num_feat=8, num_conv=1, upscale=2), Path("net.pth"))


def external(gain: float) -> None:
    import onnx

    save_onnx(Gain(gain), Path("net.onnx"))
    model = onnx.load("net.onnx")
    for tensor in model.graph.initializer:
        tensor.ClearField("data_location")
    Path("weights.bin").unlink(missing_ok=True)
    onnx.save(model, "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)


def sr_images(gain: float) -> None:
    for number in range(2):
        save(Path("sr") / f"{number}.png", np.round(photograph(48, 56, number) * gain).astype(np.uint8))


def protocol(gain: float) -> None:
    Path("mine.toml").write_text(f'base = "edsr"\nshave_extra = {round(gain * 10)}\n')


def folder(gain: float) -> None:
    for number in range(2):
        save(Path("photos") / f"{number}.png", imresize(photograph(96, 112, number), gain / 2))


CASES: dict[str, Callable[[], Case]] = {
    "plugin, numpy": lambda: by_plugin("float(np.load(HERE / 'net.npy'))"),
    "plugin, read late": lambda: by_plugin("None", "float(np.load(HERE / 'net.npy'))"),
    "plugin, at import": lambda: by_plugin("GAIN", more="\nGAIN = float(np.load(HERE / 'net.npy'))\n"),
    "plugin, torch.load": lambda: by_plugin(
        "float(torch.load(HERE / 'net.pth', weights_only=True))",
        replace=lambda gain: torch.save(torch.tensor(gain), "net.pth"),
    ),
    "plugin, torch.jit": lambda: by_plugin(
        "float(torch.jit.load(str(HERE / 'net.pt')).gain)",
        replace=lambda gain: torch.jit.script(Gain(gain)).save("net.pt"),
    ),
    "plugin, safetensors": lambda: by_plugin(
        "float(__import__('safetensors.torch').torch.load_file(str(HERE / 'net.safetensors'))['gain'])",
        replace=lambda gain: _safetensors(gain),
    ),
    "plugin, OpenCV": lambda: by_plugin(
        "cv2.imread(str(HERE / 'net.png'), 0)[0, 0] / 200",
        replace=lambda gain: save(Path("net.png"), np.full((4, 4), round(gain * 200), np.uint8)),
    ),
    "plugin, declared": lambda: by_plugin("float(np.load(HERE / 'net.npy'))", info=", files=('net.npy',)"),
    "plugin, a module beside it": lambda: by_plugin(
        "__import__('beside').GAIN", replace=lambda gain: Path("beside.py").write_text(f"GAIN = {gain:f}\n")
    ),
    "plugin, the environment": lambda: by_plugin(
        "float(os.environ['MINE'])", replace=lambda gain: __import__("os").environ.update(MINE=str(gain))
    ),
    "plugin, another program": lambda: by_plugin(
        "float(__import__('subprocess').check_output(['cat', str(HERE / 'net.txt')]))",
        replace=lambda gain: Path("net.txt").write_text(str(gain)),
    ),
    "plugin, C": lambda: by_plugin(
        "_by_c(HERE / 'net.txt')", replace=lambda gain: Path("net.txt").write_text(str(gain)), more=BY_C
    ),
    "class of the session": lambda: Case(npy, methods=Live),
    "onnx": lambda: Case(lambda gain: save_onnx(Gain(gain), Path("net.onnx")), methods="onnx:net.onnx"),
    "onnx, external data": lambda: Case(external, methods="onnx:net.onnx"),
    "torchscript": lambda: Case(
        lambda gain: save_torchscript(Gain(gain), Path("net.pt")), methods="torchscript:net.pt"
    ),
    "exported": lambda: Case(lambda gain: save_exported(Gain(gain), Path("net.pt2")), methods="exported:net.pt2"),
    "spandrel": lambda: Case(spandrel_model, methods="spandrel:net.pth"),
    "torch, weights": lambda: _torch(lambda gain: torch.save({"gain": torch.tensor(gain)}, "net.pth")),
    "torch, class": lambda: _torch(lambda gain: Path("net.py").write_text(TORCH.replace("1.0", str(gain)))),
    "torch, a module beside it": lambda: _torch(lambda gain: Path("beside.py").write_text(f"GAIN = {gain:f}\n")),
    "network of the session": lambda: _network(),
    "images": lambda: Case(sr_images, methods="images:sr?scale=2"),
    "recipe": lambda: _recipe(),
    "folder": lambda: Case(folder, methods="bicubic"),
    "protocol": lambda: Case(protocol, methods="bicubic", protocol="mine.toml"),
    "metric": lambda: _metric(),
}
TORCH = """
import torch
from torch import nn
from beside import GAIN

class Gain(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return nn.functional.interpolate(x * self.gain * GAIN * 1.0, scale_factor=2.0, mode="nearest")
"""
BY_C = """
def _by_c(path):
    libc = ctypes.CDLL(None)
    buffer = ctypes.create_string_buffer(64)
    number = libc.open(str(path).encode(), 0)
    libc.read(number, buffer, 63)
    libc.close(number)
    return float(buffer.value)
"""


def _torch(replace: Callable[[float], Any]) -> Case:
    Path("net.py").write_text(TORCH)
    Path("beside.py").write_text("GAIN = 1.0\n")
    torch.save({"gain": torch.tensor(1.0)}, "net.pth")
    return Case(replace, methods="torch:net.py:Gain?weights=net.pth")


def _network() -> Case:
    network = Gain(1.0)
    return Case(network.gain.data.fill_, methods=network)


def _safetensors(gain: float) -> None:
    from safetensors.torch import save_file

    save_file({"gain": torch.tensor(gain)}, "net.safetensors")


def _recipe() -> Case:
    Path("net.py").write_text(NET)

    def replace(gain: float) -> None:
        Path("own.toml").write_text(RECIPE.replace("STEPS", str(round(gain * 2))))

    return Case(replace, methods="mine:own.toml", plugins=("net.py",))


def _metric() -> Case:
    Path("metric.py").write_text(METRIC)
    return Case(npy, methods="bicubic", plugins=("metric.py",), metrics=("mine",))


@pytest.mark.parametrize("name", CASES)
def test_what_is_replaced_is_noticed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINE", "1")
    folder(1.0)
    case = CASES[name]()

    def run() -> tuple[str, float]:
        found = srbench.run(
            case.methods,
            case.datasets,
            scales=2,
            protocol=case.protocol,
            metrics=case.metrics,
            plugins=case.plugins,
            progress=False,
        )
        found.raise_for_failures()
        (cell,) = found.loaded.cells
        return cell.key, cell.values[case.metrics[0]]

    seen = []
    for gain in (1.0, 0.5, 1.0):
        case.replace(gain)
        seen.append(run())
    assert seen[0][1] == seen[2][1]
    assert seen[0][1] != seen[1][1]
    if not {"program", "C"} & {*name.split()}:  # of what cannot be seen nothing is kept for later
        assert seen[0][0] != seen[1][0]
