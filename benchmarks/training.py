"""How fast srbench trains: batches of 16 patches through the same network, by its trainer and by a plain script.

    python -m benchmarks.training [--device cuda]

The plain script does what the best-known public re-implementations of these two networks do: patches in an h5 file that
is opened for each of them, a ``DataLoader``, Adam as it comes, one group of parameters a layer, images in PyTorch's
default layout, convolutions that pad with zeros (SRCNN's too, where the paper and srbench compute only what no padding
touches; a row of its own shows the plain script without padding), and the loss read in every batch for the progress
bar. srbench's side is its own training step, drawing and turning of patches included. Both train without validating,
and need h5py. FSRCNN x3 on 19x19 LR patches, SRCNN 9-5-5 on 33x33 patches.

Loader processes take cores, so the sides are compared at equal means: on one core, where the script loads its batches
itself, and on all cores. There the script is timed with torch on all of them, as torch is unless told otherwise, and
with torch on one core and the loaders on the others; without a loader process, with one, and with the eight that those
scripts ask for, however few cores there are.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from srbench.methods.fsrcnn import FsrcnnNetwork
from srbench.methods.srcnn import SrcnnNetwork
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks._timing import Side, arguments, on_one_thread, race, show
from srbench.inference import resolve_device
from srbench.method import LearnedMethod, Recipe
from srbench.plugins.registry import Registry
from srbench.training.losses import centred
from srbench.training.patches import batches
from srbench.training.session import Session

PATCHES = 2048
BATCHES = 20
"""In one run of a side."""
TASKS = {"fsrcnn": ("FSRCNN x3, 19x19 LR", 19, 57), "srcnn-y-955": ("SRCNN 9-5-5, 33x33", 33, 33)}


class Patches(Dataset[tuple[Any, Any]]):
    """Pairs of (1, h, w) arrays of an h5 file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        with h5py.File(self.path, "r") as file:
            return file["lr"][index], file["hr"][index]

    def __len__(self) -> int:
        return PATCHES


class PlainFsrcnn(nn.Module):
    """The same layers, called one after the other."""

    def __init__(self, net: FsrcnnNetwork) -> None:
        super().__init__()
        pairs = zip(net.convolutions, net.slopes, strict=True)
        self.layers = nn.Sequential(*(layer for pair in pairs for layer in pair), net.deconvolution)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class PlainSrcnn(nn.Module):
    """The same layers, padded with zeros or not at all."""

    def __init__(self, net: SrcnnNetwork, padded: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(net.extract, nn.ReLU(), net.map, nn.ReLU(), net.reconstruct)
        for layer in (net.extract, net.map, net.reconstruct):
            layer.padding = tuple(side // 2 for side in layer.kernel_size) if padded else (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def network(name: str) -> tuple[LearnedMethod, nn.Module]:
    method = Registry().method(name)()
    assert isinstance(method, LearnedMethod)
    torch.manual_seed(0)
    return method, method.network(3)


def arrays(small: int, large: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((PATCHES, 1, side, side) for side in (small, large))
    inputs, targets = (rng.random(shape, dtype=np.float32) for shape in shapes)
    return inputs, targets


def write(path: Path, small: int, large: int) -> Path:
    inputs, targets = arrays(small, large)
    with h5py.File(path, "w") as file:
        file["lr"], file["hr"] = inputs, targets
    return path


def endless(loader: DataLoader[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from loader


def plain(name: str, path: Path, workers: int, device: torch.device, padded: bool = True) -> Callable[[], int]:
    """The loop of the plain script; worker processes live as long as it does."""
    _, net = network(name)
    model = PlainFsrcnn(net) if isinstance(net, FsrcnnNetwork) else PlainSrcnn(net, padded)
    model.to(device).train()
    layers = [layer for layer in model.layers if any(True for _ in layer.parameters())]
    optimizer = torch.optim.Adam([{"params": layer.parameters()} for layer in layers], lr=1e-3)
    criterion = nn.MSELoss()
    loader = DataLoader(Patches(path), batch_size=16, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    stream = endless(loader)

    def run() -> int:
        total = 0.0
        for _ in range(BATCHES):
            inputs, labels = (tensor.to(device) for tensor in next(stream))
            outputs = model(inputs)
            loss = criterion(*centred(outputs, labels, 0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        return BATCHES

    return run


def ours(name: str, small: int, large: int, device: torch.device) -> Callable[[], int]:
    """srbench's session, as its trainer drives it."""
    method, model = network(name)
    session = Session(model, Recipe(steps=10**9, batch=16), method.info, 3, device, None)
    inputs, targets = (torch.from_numpy(array).to(device) for array in arrays(small, large))
    stream = batches(inputs, targets, 16, session.generator, flips=True)

    def run() -> int:
        for _ in range(BATCHES):
            session.advance(*next(stream))
        session.recent_loss(BATCHES)
        session.losses.clear()
        session.errors.clear()
        return BATCHES

    return run


def side(threads: int, run: Callable[[], int]) -> Side:
    """A side whose torch has so many CPU threads."""
    return Side(run, before=functools.partial(torch.set_num_threads, threads))


def main() -> None:
    options = arguments(__doc__, repeats=15, device=True)
    on_one_thread()
    device = resolve_device(options.device)
    cores = os.cpu_count() or 1
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (task, small, large) in TASKS.items():
            path = write(Path(folder) / f"{name}.h5", small, large)
            trainer = ours(name, small, large, device)
            script = {workers: plain(name, path, workers, device) for workers in (0, 1, 8)}
            alone = {"srbench": side(1, trainer), "plain": side(1, script[0])}
            together = {"srbench": side(cores, trainer)}
            for threads in (cores, 1):
                for workers in (0, 1, 8) if threads > 1 else (1, 8):
                    label = f"plain, threads {threads}, workers {workers}"
                    together[label] = side(threads, script[workers])
            if name.startswith("srcnn"):
                unpadded = plain(name, path, 0, device, padded=False)
                alone["plain, unpadded"] = side(1, unpadded)
                together[f"plain, unpadded, threads {cores}"] = side(cores, unpadded)
            for means, sides in (("one core", alone), (f"{cores} cores", together)):
                title = f"{task}, {BATCHES} batches, {means}"
                rows += race(title, sides, lambda result, first: str(result), options.repeats)
    show(rows, "batches", options.json, "threads as said")


if __name__ == "__main__":
    main()
