"""The work of networks: as fvcore counts it, as a challenge prints it, and the same whatever file a network is in."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_models import save_all, trained
from torch import nn

from srbench.method import LearnedMethod, Method, MethodInfo
from srbench.plugins.registry import Registry
from srbench.report.tables.efficiency import efficiency_csv, efficiency_latex, efficiency_markdown, efficiency_table
from srbench.speed.challenge import PUBLISHED, Figures, score
from srbench.speed.onnx_work import count_onnx
from srbench.speed.roofline import COUNTS, Work
from srbench.speed.work import count_work, work_of

CPU = torch.device("cpu")


class Mixed(nn.Module):
    """A layer of each kind that fvcore counts something for."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8))
        self.norms = nn.Sequential(nn.GroupNorm(2, 8), nn.BatchNorm2d(8, affine=False), nn.InstanceNorm2d(8))
        self.last = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.up = nn.ConvTranspose2d(8, 3, 9, 2, 4, output_padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.last(self.norms(self.head(x)).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        resized = [
            nn.functional.interpolate(x, scale_factor=2, mode=mode) for mode in ("nearest", "bilinear", "bicubic")
        ]
        return self.up(y * self.pool(y)) + sum(resized)


def spandrels(module: str, name: str, **arguments: Any) -> nn.Module:
    import importlib

    pytest.importorskip("spandrel")
    made: nn.Module = getattr(importlib.import_module(f"spandrel.architectures.{module}"), name)(**arguments)
    return made


def span() -> nn.Module:
    return spandrels("SPAN.__arch.span", "SPAN", num_in_ch=3, num_out_ch=3, feature_channels=28, upscale=4)


def built_in(name: str, scale: int) -> nn.Module:
    method = Registry().method(name)()
    assert isinstance(method, LearnedMethod)
    return method.network(scale)


SWINIR: dict[str, Any] = {
    "depths": [2, 2],
    "num_heads": [2, 2],
    "upscale": 2,
    "img_size": 64,
    "window_size": 8,
    "embed_dim": 24,
    "mlp_ratio": 2,
    "upsampler": "pixelshuffledirect",
}


def convolution(inputs: int, outputs: int, side: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2)


def plain_srcnn() -> nn.Module:
    """srbench's own networks have other forms of their layers on CPUs, which fvcore would count."""
    return nn.Sequential(convolution(1, 64, 9), nn.ReLU(), convolution(64, 32, 1), nn.ReLU(), convolution(32, 1, 5))


def plain_fsrcnn() -> nn.Module:
    inner = [layer for _ in range(4) for layer in (convolution(12, 12, 3), nn.PReLU(12))]
    head = [convolution(1, 56, 5), nn.PReLU(56), convolution(56, 12, 1), nn.PReLU(12)]
    tail = [convolution(12, 56, 1), nn.PReLU(56), nn.ConvTranspose2d(56, 1, 9, 4, 4, output_padding=3)]
    return nn.Sequential(*head, *inner, *tail)


@pytest.mark.parametrize(
    ("make", "channels"),
    [
        (plain_fsrcnn, 1),
        (plain_srcnn, 1),
        (Mixed, 3),
        (span, 3),
        (lambda: spandrels("Compact", "Compact", num_feat=16, num_conv=2, upscale=4), 3),
        (lambda: spandrels("SwinIR.__arch.SwinIR", "SwinIR", **SWINIR), 3),
    ],
    ids=["fsrcnn", "srcnn", "mixed", "span", "compact", "swinir"],
)
def test_flops_are_fvcores(make: Callable[[], nn.Module], channels: int) -> None:
    fvcore = pytest.importorskip("fvcore.nn", reason="fvcore is not installed")
    network = make().eval()
    shape = (1, channels, 64, 64)
    analysis = fvcore.FlopCountAnalysis(network, torch.zeros(shape))
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    assert count_work(network, shape).flops == analysis.total()


def test_srbenchs_own_networks_are_counted_as_papers_draw_them() -> None:
    for name, plain in (("srcnn-y", plain_srcnn()), ("fsrcnn", plain_fsrcnn())):
        own, drawn = (count_work(network, (1, 1, 64, 64)) for network in (built_in(name, 4), plain))
        assert (own.flops, own.parameters) == (drawn.flops, drawn.parameters)
        assert (own.activations, own.convolutions) == (drawn.activations, drawn.convolutions)


def test_a_networks_figures_are_those_that_its_challenge_prints() -> None:
    """The class merges its blocks whenever it runs, and holds the weights of the unmerged ones as well."""
    network = span().eval()
    work = count_work(network, (1, 3, 256, 256))
    printed = PUBLISHED[0]
    assert work.parameters is not None
    assert round(work.parameters / 1e6, 3) * 1e6 == printed.parameters
    assert round(work.flops / 1e9, 2) * 1e9 == printed.flops
    assert round(work.activations / 1e6, 2) * 1e6 == pytest.approx(printed.activations)
    assert work.convolutions == printed.convolutions
    assert sum(each.numel() for each in network.parameters()) > 2 * work.parameters


def works(registry: Registry, names: list[str], shape: tuple[int, int, int, int]) -> list[Work | None]:
    return [work_of(registry.method(choice.card.name)(), 2, shape, CPU) for choice in registry.select(names)]


def test_a_network_has_the_same_work_in_a_file_of_any_kind(tmp_path: Path) -> None:
    pytest.importorskip("spandrel")
    pytest.importorskip("onnx")
    network = trained(steps=1)
    shape = (1, 3, 40, 48)
    expected = count_work(network, shape)
    found = works(Registry(hosted=False), save_all(network, tmp_path), shape)
    for work in found:
        assert work is not None
        assert [getattr(work, name) for name in COUNTS] == [getattr(expected, name) for name in COUNTS]
    assert found[0] == expected


def test_onnx_graphs_with_products_and_fixed_sizes(tmp_path: Path) -> None:
    pytest.importorskip("onnx")

    class Products(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(5, 7)
            self.up = nn.ConvTranspose2d(3, 2, 4, stride=2, groups=1, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.linear(x.reshape(1, -1, 5))
            return self.up(x) + torch.matmul(y, y.transpose(1, 2)).mean()

    network = Products().eval()
    path = tmp_path / "fixed.onnx"
    torch.onnx.export(network, (torch.rand(1, 3, 20, 30),), str(path), dynamo=False)
    found = count_onnx(path, (1, 3, 20, 30))
    expected = count_work(network, (1, 3, 20, 30))
    assert found is not None
    assert (found.macs, found.activations, found.convolutions) == (
        expected.macs,
        expected.activations,
        expected.convolutions,
    )
    assert found.macs == 360 * 5 * 7 + 360 * 360 * 7 + 1800 * 2 * 16
    assert count_onnx(path, (1, 3, 20, 32)) is None
    path.write_bytes(b"no graph")
    assert count_onnx(path, (1, 3, 20, 30)) is None


def test_a_network_inside_a_plain_method_is_counted_and_no_other_method() -> None:
    class Held(Method):
        info = MethodInfo(name="held", family="prediction", channels="rgb", input="lr", scales=frozenset({2}))

        def __init__(self) -> None:
            self.network = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            return self.network(x)  # type: ignore[no-any-return]

    work = work_of(Held(), 2, (1, 3, 10, 10), CPU)
    assert work is not None
    assert (work.macs, work.activations, work.convolutions) == (100 * 3 * 12 * 9, 1200, 1)
    assert work_of(Registry().method("bicubic")(), 2, (1, 3, 10, 10), CPU) is None


def test_a_self_ensemble_has_eight_times_the_work() -> None:
    method = Registry().method("fsrcnn")()
    one, eight = (work_of(method, 2, (1, 1, 32, 32), CPU, times=times) for times in (1, 8))
    assert one is not None
    assert eight is not None
    assert (eight.macs, eight.convolutions, eight.parameters) == (8 * one.macs, 8 * one.convolutions, one.parameters)


# the table -----------------------------------------------------------------------------------------------------------

OWN = Figures(
    method="net_a",
    psnr=(26.5,),
    ssim=(0.75,),
    parameters=75_600,
    flops=4.92e9,
    activations=2e7,
    convolutions=11,
    memory=2**27,
    ms=7.74,
    multi_adds=4.3e9,
)


def test_the_score_is_the_challenges() -> None:
    baseline = PUBLISHED[0]
    assert score(baseline, baseline) == pytest.approx(7.3891, abs=5e-5)
    assert score(OWN, baseline) == pytest.approx(
        0.8 * math.e**2 + 0.1 * (math.exp(9.84 / 9.83) + math.exp(151.2 / 151))
    )
    assert score(PUBLISHED[1], baseline) is None, "its time is unknown"
    assert score(OWN, Figures(method="b", ms=1e-9, flops=1, parameters=1)) == math.inf


def test_the_table_is_the_same_in_all_formats() -> None:
    table = efficiency_table([OWN, *PUBLISHED[:2]], "ntire", ["set"], 4, "some_card", "ntire", PUBLISHED[0])
    page, csv, latex = efficiency_markdown(table), efficiency_csv(table), efficiency_latex(table)
    assert "| net\\_a | 26.50 | 7.74 | 0.076 | 4.92 | 20.00 | 128.00 | 11 | 6.46 |" in page
    assert "| PDS \\* | — | — | 0.142 | 9.25 | 39.06 | — | 18 | — |" in page
    assert "net\\_a & 26.50 & 7.74" in latex
    assert "PDS {*} & --- & ---" in latex
    assert "as published (NTIRE 2026); its time is of another device." in page
    header, first, *_ = csv.splitlines()
    assert header == "method,set PSNR [dB],Time [ms],Params [M],FLOPs [G],Acts [M],Mem [M],Conv,Score"
    assert first.startswith("net_a,26.5,7.74,0.0756,4.92,20.0,128.0,11,6.45")


def test_papers_columns_say_both_conventions() -> None:
    page = efficiency_markdown(efficiency_table([OWN], "paper", ["set"], 4, "cpu", "edsr"))
    assert "| method | Params [K] | Multi-Adds [G] | FLOPs [G] | set PSNR | set SSIM |" in page
    assert "4.30 | 8.60 | 26.50 | 0.7500 |" in page
    assert "1280x720, a multiply-add counted once. FLOPs: the same counted twice" in page
