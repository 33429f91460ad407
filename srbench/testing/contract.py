"""The contract as checks that every method must pass: srbench's own and anybody else's.

A learned method is checked with fresh, untrained networks, so nothing is trained or downloaded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srbench.inference import run_method
from srbench.method import NAME, LearnedMethod, Method
from srbench.metrics.pixel import psnr
from srbench.recipe import Recipe
from srbench.system.factors import times
from srbench.weights import load_weights, save_weights

Check = Callable[[type[Method]], None]
FRACTIONAL = 1.5
"""The scale at which methods that work at every one are tried beside the whole ones."""
SIZES = ((1, 1), (1, 2), (2, 3), (7, 5), (16, 33))


def describes_itself(method_class: type[Method]) -> None:
    """The description is complete and its values make sense."""
    info = method_class.info
    assert NAME.fullmatch(info.name), f"{info.name!r}: lower case, digits and hyphens"
    assert info.scales, "at least one scale"
    assert all(scale >= 1 for scale in info.scales), "scales are numbers from 1 on"
    assert info.halo is None or info.halo >= 0, "halo counts pixels"
    if issubclass(method_class, LearnedMethod):
        assert method_class.recipes, "a learned method has a recipe"
        assert all(isinstance(recipe, Recipe) for recipe in method_class.recipes.values())


def takes_odd_and_tiny_sizes(method_class: type[Method]) -> None:
    """Any size from 1x1 on gives SR of the right size, finite, whatever the scale."""
    for method, scale in _ready(method_class):
        for height, width in SIZES:
            out = run_method(method, _planes(method, height, width).numpy(), scale, torch.device("cpu"))
            grown = 1 if method.info.input == "upsampled" else scale
            assert out.shape[1:] == (times(height, grown), times(width, grown))


def treats_images_of_a_batch_alone(method_class: type[Method]) -> None:
    """A batch gives what its images give one by one."""
    for method, scale in _ready(method_class):
        batch = torch.stack([_planes(method, 12, 9, seed) for seed in range(3)])
        whole = _upscale(method, batch, scale)
        single = torch.cat([_upscale(method, image[None], scale) for image in batch])
        torch.testing.assert_close(whole, single, rtol=0, atol=1e-5)


def is_deterministic(method_class: type[Method]) -> None:
    """The same image gives the same bits, from one instance and from another."""
    x = _planes(method_class(), 17, 14)[None]
    for (method, scale), (other, _) in zip(_ready(method_class), _ready(method_class), strict=True):
        first = _upscale(method, x, scale)
        assert torch.equal(first, _upscale(method, x, scale))
        assert torch.equal(first, _upscale(other, x, scale))


def leaves_its_input_alone(method_class: type[Method]) -> None:
    """The harness shares images between methods, so none may write into its input."""
    for method, scale in _ready(method_class):
        x = _planes(method, 10, 11)[None]
        before = x.clone()
        _upscale(method, x, scale)
        assert torch.equal(x, before)


def works_in_tiles(method_class: type[Method]) -> None:
    """With the margin that it declares, tiles give what the whole image gives."""
    for method, scale in _ready(method_class):
        if method.info.halo is None:
            return
        planes = _planes(method, 2 * method.info.halo + 30, method.info.halo + 25).numpy()
        whole = run_method(method, planes, scale, torch.device("cpu"))
        tiled = run_method(method, planes, scale, torch.device("cpu"), tile=13)
        np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-4)


def treats_channels_alike(method_class: type[Method]) -> None:
    """A method for any planes gives each channel what it would give it alone."""
    if method_class.info.channels != "any":
        return
    for method, scale in _ready(method_class):
        x = torch.rand(1, 3, 9, 8, generator=torch.Generator().manual_seed(0))
        whole = _upscale(method, x, scale)
        single = torch.cat([_upscale(method, x[:, c : c + 1], scale) for c in range(3)], dim=1)
        torch.testing.assert_close(whole, single, rtol=0, atol=1e-5)


def keeps_its_weights(method_class: type[Method]) -> None:
    """Weights written and read again give the same bits."""
    if not issubclass(method_class, LearnedMethod):
        return
    for method, scale in _ready(method_class):
        assert isinstance(method, LearnedMethod)
        x = _planes(method, 12, 12)[None]
        before = _upscale(method, x, scale)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            save_weights(path, method.model.state_dict(), {})
            torch.manual_seed(1)
            network = method.network(int(scale))
            load_weights(path, network)
        method.model = network.eval()
        assert torch.equal(before, _upscale(method, x, scale))


def agrees_on_every_device(method_class: type[Method]) -> None:
    """CPU and GPU agree within 1e-3 dB of any score; where there is no GPU there is nothing to compare."""
    if not torch.cuda.is_available():
        return
    cuda = torch.device("cuda")
    for method, scale in _ready(method_class):
        planes = _planes(method, 48, 40).numpy()
        on_cpu = run_method(method, planes, scale, torch.device("cpu"))
        if isinstance(method, LearnedMethod):
            method.model.to(cuda)
        on_gpu = run_method(method, planes, scale, cuda)
        target = np.clip(on_cpu + 0.02 * np.sin(np.arange(on_cpu.size)).reshape(on_cpu.shape), 0, 1)
        assert abs(psnr(on_cpu, target, peak=1.0) - psnr(on_gpu, target, peak=1.0)) < 1e-3


CHECKS: tuple[Check, ...] = (
    describes_itself,
    takes_odd_and_tiny_sizes,
    treats_images_of_a_batch_alone,
    is_deterministic,
    leaves_its_input_alone,
    works_in_tiles,
    treats_channels_alike,
    keeps_its_weights,
    agrees_on_every_device,
)


def _ready(method_class: type[Method]) -> Iterator[tuple[Method, float]]:
    """The method, ready to run, at each of its scales."""
    info = method_class.info
    for scale in [*sorted(info.scales), *((FRACTIONAL,) if info.fractional else ())]:
        method = method_class()
        if isinstance(method, LearnedMethod):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                method.model = method.network(int(scale)).eval()
        yield method, scale
        method.close()


def _planes(method: Method, height: int, width: int, seed: int = 0) -> Tensor:
    """(C, h, w) noise in [0, 1] with as many channels as the method takes."""
    channels = 1 if method.info.channels == "y" else 3
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed))


def _upscale(method: Method, x: Tensor, scale: float) -> Tensor:
    with torch.inference_mode():
        return method.upscale(x, scale).clone()
