"""The floor under a method's quality that other people's tests put in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.analysis.references import load_references
from srbench.errors import DataError, MethodError, UsageError
from srbench.method import LearnedMethod, Method, MethodInfo, Recipe
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS
from srbench.testing import assert_psnr_at_least, measure

BICUBIC = next(
    reference.value
    for reference in load_references(["embedded"])
    if (reference.method, reference.scale, reference.metric, reference.protocol) == ("bicubic", 2, "psnr", "vdsr")
)


class Darker(Method):
    """Bicubic, and a little darker."""

    info = MethodInfo(name="darker", family="interpolation", channels="y", input="upsampled")

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        return x - 0.01


class Raises(Method):
    info = MethodInfo(name="raises", family="interpolation", channels="y", input="lr")

    def upscale(self, x: Tensor, scale: int) -> Tensor:
        raise RuntimeError("no luck today")


class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="upsampled")
    recipes = {"quick": Recipe(patch=24, steps=2, validate_every=2)}  # noqa: RUF012

    def network(self, scale: int) -> nn.Module:
        return nn.Conv2d(1, 1, 1)


def test_it_measures_as_run_does() -> None:
    """The figure that srbench's own references hold."""
    cell = measure("bicubic", metrics=("psnr", "ssim"))
    assert cell.values["psnr"] == pytest.approx(BICUBIC, abs=1e-4)
    assert set(cell.values) == {"psnr", "ssim"}
    assert len(cell.images) == 5
    assert assert_psnr_at_least("bicubic", BICUBIC - 0.001) == cell.values["psnr"]


def test_one_metric_need_not_be_put_into_a_list(photos: Path) -> None:
    assert list(measure("bicubic", dataset=str(photos), metrics="ssim").values) == ["ssim"]
    with pytest.raises(UsageError, match="scale is a whole number"):
        measure("bicubic", dataset=str(photos), scale="2")  # type: ignore[arg-type]


def test_a_drop_fails_and_says_what_was_reached() -> None:
    with pytest.raises(AssertionError) as failure:
        assert_psnr_at_least("bicubic", BICUBIC + 0.25)
    first, second, third = str(failure.value).splitlines()
    assert first == f"bicubic reaches {BICUBIC:.4f} dB on embedded x2, 0.2500 dB less than {BICUBIC + 0.25:g}."
    assert second == f"By protocol vdsr ({PROTOCOLS['vdsr'].hash}): {PROTOCOLS['vdsr'].describe()}."
    assert third.startswith("Images, lowest first: ")
    assert third.count(", ") == 5


def test_a_class_is_measured_and_not_the_method_of_its_name() -> None:
    with pytest.raises(AssertionError, match=r"^darker reaches 30\.3"):
        assert_psnr_at_least(Darker, BICUBIC)
    taken = type("Taken", (Darker,), {"info": dataclasses.replace(Darker.info, name="bicubic")})
    with pytest.raises(UsageError, match="Taken calls itself 'bicubic', which is taken"):
        measure(taken)
    installed = Registry().method("bicubic")
    assert measure(installed).values == measure("bicubic").values


def test_a_model_is_a_function_of_a_batch() -> None:
    def enlarge(lr: Tensor) -> Tensor:
        assert lr.shape[:2] == (1, 1)
        return F.interpolate(lr, scale_factor=2, mode="nearest")

    nearest = measure("nearest").values
    assert measure(enlarge).values == nearest
    assert measure(lambda x: x, input="upsampled").values["psnr"] == pytest.approx(BICUBIC, abs=1e-4)
    with pytest.raises(AssertionError, match=r"^enlarge reaches .* embedded x2, "):
        assert_psnr_at_least(enlarge, BICUBIC)
    rgb = measure(lambda lr: lr[:, :3], protocol="rgb", channels="rgb", input="upsampled")
    assert rgb.values == measure("bicubic", protocol="rgb").values


def test_a_network_is_measured_in_eval_mode_and_left_as_it_was(photos: Path) -> None:
    network = nn.Sequential(nn.Dropout(0.9), nn.Identity().eval())
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    cell = measure(network, dataset=str(photos), input="upsampled")
    assert cell.values == measure("bicubic", dataset=str(photos)).values
    assert network[0].training
    assert not network[1].training
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)


def test_a_learned_method_is_trained_where_that_is_allowed(photos: Path) -> None:
    with pytest.raises(MethodError, match="there are no weights for net:quick x2"):
        measure(Net, dataset=str(photos), train="never")
    trained = measure(Net, dataset=str(photos))
    assert trained.id.method_label == "net:quick"
    assert trained.values == measure(Net, dataset=str(photos), train="never").values


def test_what_goes_wrong_is_not_a_low_figure(photos: Path) -> None:
    with pytest.raises(MethodError, match="raises raised RuntimeError on first: no luck today") as error:
        assert_psnr_at_least(Raises, 10, dataset=str(photos))
    assert 'raise RuntimeError("no luck today")' in error.value.__notes__[0]
    with pytest.raises(MethodError, match="returned NaN"):
        assert_psnr_at_least(lambda x: x * float("nan"), 10, dataset=str(photos), input="upsampled")
    with pytest.raises(DataError, match="nowhere"):
        assert_psnr_at_least("bicubic", 10, dataset="./nowhere")
    with pytest.raises(UsageError, match="bicubic does not work at x17"):
        assert_psnr_at_least("bicubic", 10, scale=17)
    with pytest.raises(UsageError, match="'bi\\*' on 'embedded' is 3"):
        measure("bi*")
    for wrong in (7, nn.Identity):
        with pytest.raises(UsageError, match="Give a method's name, its class or a function of a batch, not "):
            measure(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="lacks `info`"):
        measure(Method)
