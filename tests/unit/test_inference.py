"""Running a method and holding it to its contract."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from srbench.errors import MethodError, UsageError
from srbench.inference import resolve_device, run_method, super_resolve
from srbench.method import Method, MethodInfo
from srbench.system.memory import keep_freed_memory

CPU = torch.device("cpu")
PLANES = np.random.default_rng(0).random((1, 9, 7), dtype=np.float32)


class Doubles(Method):
    info = MethodInfo(name="doubles", family="interpolation", channels="any", input="lr", halo=0)

    def __init__(self, spoil: Any = lambda x: x) -> None:
        self.spoil = spoil

    def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
        return self.spoil(x.repeat_interleave(scale, 2).repeat_interleave(scale, 3))  # type: ignore[no-any-return]


def test_whole_and_tiled() -> None:
    expected = PLANES.repeat(3, 1).repeat(3, 2)
    np.testing.assert_array_equal(run_method(Doubles(), PLANES, 3, CPU), expected)
    np.testing.assert_array_equal(run_method(Doubles(), PLANES, 3, CPU, tile=4), expected)


def test_large_images_are_tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    method = Doubles(lambda x: seen.append(x.shape[-1]) or x)
    monkeypatch.setattr("srbench.inference.TILE_ABOVE", 60)
    monkeypatch.setattr("srbench.inference.TILE_ON_CPU", 4)
    run_method(method, PLANES, 2, CPU)
    assert len(seen) == 6


def test_what_does_not_fit_is_done_in_tiles() -> None:
    """On a device that holds no more than 120 x 120 pixels at once."""
    planes = np.random.default_rng(1).random((1, 300, 400), dtype=np.float32)

    def small(x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] * x.shape[-2] > (2 * 120) ** 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x

    output = super_resolve(Doubles(small), planes, 2, CPU)
    assert output.tile == 100  # 400, 200, 100
    np.testing.assert_array_equal(output.planes, planes.repeat(2, 1).repeat(2, 2))
    assert super_resolve(Doubles(), planes, 2, CPU).tile is None


def greedy(x: torch.Tensor) -> torch.Tensor:
    """Asks the processor's allocator for more than any machine has, unless the image is small."""
    if x.shape[-1] * x.shape[-2] > (2 * 120) ** 2:
        torch.empty(2**60, dtype=torch.uint8)
    return x


def hungry(x: torch.Tensor) -> torch.Tensor:
    """Likewise, by way of NumPy."""
    if x.shape[-1] * x.shape[-2] > (2 * 120) ** 2:
        np.empty(2**60, dtype=np.uint8)
    return x


@pytest.mark.parametrize("spoil", [greedy, hungry])
def test_what_the_processor_has_no_memory_for_is_done_in_tiles(spoil: Any) -> None:
    planes = np.random.default_rng(1).random((1, 300, 400), dtype=np.float32)
    output = super_resolve(Doubles(spoil), planes, 2, CPU)
    assert output.tile == 100
    np.testing.assert_array_equal(output.planes, planes.repeat(2, 1).repeat(2, 2))
    untiled = Doubles(spoil)
    untiled.info = dataclasses.replace(Doubles.info, halo=None)  # type: ignore[misc]
    with pytest.raises(MethodError, match="more memory than the device has, and cannot work in tiles"):
        super_resolve(untiled, planes, 2, CPU)


def test_other_errors_are_not_tried_again() -> None:
    calls = []

    def broken(x: torch.Tensor) -> torch.Tensor:
        calls.append(x)
        raise RuntimeError("out of ideas")

    with pytest.raises(RuntimeError, match="out of ideas"):
        super_resolve(Doubles(broken), PLANES, 2, CPU)
    assert len(calls) == 1


def test_what_does_not_fit_in_tiles_either_is_an_error() -> None:
    def full(x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(MethodError, match="more memory than the device has, even in tiles"):
        super_resolve(Doubles(full), PLANES.repeat(40, 1).repeat(40, 2), 2, CPU)
    untiled = Doubles(full)
    untiled.info = dataclasses.replace(Doubles.info, halo=None)  # type: ignore[misc]
    with pytest.raises(MethodError, match="cannot work in tiles"):
        super_resolve(untiled, PLANES, 2, CPU)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: None, "NoneType"),
        (lambda x: x[..., 1:], "shape"),
        (lambda x: x * float("nan"), "NaN"),
        (lambda x: x / 0, "infinity"),
    ],
)
@pytest.mark.parametrize("tile", [None, 4])
def test_broken_promises(spoil: Any, message: str, tile: int | None) -> None:
    with pytest.raises(MethodError, match=message):
        run_method(Doubles(spoil), PLANES + 1, 2, CPU, tile=tile)


def test_devices() -> None:
    assert resolve_device("cpu") == CPU
    assert resolve_device("auto").type in {"cpu", "cuda", "mps"}
    for name in ("gpu", "cuda:77", "cuda:99999999999999999999", "", "meta", "cpu:0", "xla", "cuda:-1", "cuda:01"):
        with pytest.raises(UsageError, match=f"Device '{name}' cannot be used"):
            resolve_device(name)


@pytest.mark.parametrize("threads", [-1, 1025, 100_000, 10**12])
def test_threads_that_no_machine_has_are_refused(threads: int) -> None:
    before = torch.get_num_threads()
    with pytest.raises(UsageError, match=f"--threads is a number from 0 to 1024, not {threads}"):
        resolve_device("cpu", threads)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not GNU's")
def test_memory_that_is_freed_is_kept() -> None:
    """Feature maps of images in a row use the same pages: the system is not asked to clear new ones for each."""
    program = (
        "import resource, torch\n"
        "from srbench.inference import resolve_device\n"
        "resolve_device('cpu')\n"
        "def faults(images):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(images): torch.empty(64 * 2**18).fill_(1)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults(5)\n"
        "print(faults(10))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    pages = 64 * 2**20 // 4096  # of one block
    assert int(done.stdout) < 5 * pages  # where the system would be asked for ten times as many
