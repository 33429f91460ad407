"""Speed: the clock waits for the device, the warm-up ends, the work is counted as the papers count it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from srbench.errors import UsageError
from srbench.inference import tiled
from srbench.method import LearnedMethod
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import get_protocol
from srbench.speed.contender import Contenders
from srbench.speed.measure import SpeedTest
from srbench.speed.memory import peak_bytes
from srbench.speed.modes import FEATURES, PRECISIONS, Mode, as_input, parse_mode, put_into
from srbench.speed.record import SpeedRow
from srbench.speed.request import SpeedRequest, lr_size
from srbench.speed.roofline import Peaks, Work, measure_peaks
from srbench.speed.timing import (
    SynchronisedClock,
    Timing,
    affordable,
    clock_of,
    has_settled,
    in_rounds,
    sample,
    warm_up,
)
from srbench.speed.work import count_work

CPU = torch.device("cpu")


class Device:
    """Stands in for a GPU: takes work at once, and does it in a thread of its own."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[float | None] = queue.Queue()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        while (seconds := self.jobs.get()) is not None:
            time.sleep(seconds)
            self.jobs.task_done()

    def launch(self, seconds: float) -> None:
        self.jobs.put(seconds)

    def synchronise(self) -> None:
        self.jobs.join()


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.jobs.put(None)
    made.thread.join()


def test_the_device_is_timed_and_not_its_queue(device: Device) -> None:
    """A slow kernel: asking for it takes microseconds, and a clock that does not wait would say so."""
    naive = SynchronisedClock()
    assert max(sample(lambda: device.launch(0.03), naive, 3)) < 15
    device.synchronise()
    times = sample(lambda: device.launch(0.03), SynchronisedClock(device.synchronise), 3)
    assert min(times) >= 29.9


def test_what_was_asked_before_is_not_counted(device: Device) -> None:
    clock = SynchronisedClock(device.synchronise)
    device.launch(0.2)
    (taken,) = sample(lambda: device.launch(0.01), clock, 1)
    assert 9.9 <= taken < 150


def test_the_warm_up_waits_for_what_is_slow_at_first() -> None:
    calls = []

    def run() -> None:
        calls.append(None)
        time.sleep(0.08 / min(len(calls), 9))

    done = warm_up(run, clock_of(CPU))
    assert done == len(calls) >= 12


def test_all_are_timed_in_turn() -> None:
    order: list[str] = []
    runs = {name: (lambda name=name: order.append(name)) for name in "ab"}
    samples = in_rounds(runs, clock_of(CPU), {"a": 7, "b": 2}, rounds=3).samples  # type: ignore[arg-type]
    assert {name: len(times) for name, times in samples.items()} == {"a": 7, "b": 2}
    assert "".join(order) == "aaa" + "aaabb" + "aaaabb"  # the first of each turn is not counted


def test_a_row_is_timed_until_its_quartiles_have_settled() -> None:
    noise = np.random.default_rng(0).normal(10.0, 0.3, 200).tolist()
    assert not has_settled([10.0] * 9, 5)  # twice the least number of runs
    assert has_settled([10.0] * 10, 5)
    assert not has_settled([12.0] * 5 + [10.0] * 5, 5)
    assert has_settled(noise, 5)
    calls: dict[str, int] = {"steady": 0, "falling": 0}

    class Told:
        """A clock that says what it is told to."""

        now = 0.0

        def start(self) -> None: ...
        def stop(self) -> float:
            return self.now

    clock = Told()

    def run(name: str, milliseconds: Callable[[int], float]) -> None:
        calls[name] += 1
        clock.now = milliseconds(calls[name])

    runs = {
        "steady": lambda: run("steady", lambda call: 10.0),
        "falling": lambda: run("falling", lambda call: 100.0 * 0.97**call),
    }
    counts = dict.fromkeys(runs, 50)
    samples = in_rounds(runs, clock, counts, settled=lambda taken: has_settled(taken, 5)).samples
    assert {name: len(taken) for name, taken in samples.items()} == {"steady": 10, "falling": 50}


def test_long_runs_have_no_cold_caches() -> None:
    """So the first of a turn counts."""
    calls: list[None] = []
    clock = clock_of(CPU)
    samples = in_rounds({"a": lambda: (calls.append(None), time.sleep(0.06))}, clock, {"a": 2}, rounds=2).samples
    assert len(samples["a"]) == len(calls) == 2


def test_a_slow_row_is_run_less_often() -> None:
    assert affordable(lambda: time.sleep(0.05), clock_of(CPU), 0.5, 5, 50) in range(5, 11)
    assert affordable(lambda: time.sleep(0.05), clock_of(CPU), 0.01, 5, 50) == 5
    assert affordable(lambda: None, clock_of(CPU), 0.5, 5, 50) == 50


@pytest.mark.parametrize("wrong", [("16", "999999"), ("16", "")])
def test_no_request_has_a_size_that_there_is_not(wrong: tuple[str, ...]) -> None:
    """Or what is timed before its turn comes would be lost."""
    with pytest.raises(UsageError, match="A size is"):
        SpeedRequest(choices=(), scales=(2,), sizes=wrong, modes=(Mode(),))


@given(st.lists(st.floats(0.01, 1e4), min_size=1))
def test_quartiles_stand_around_the_median(samples: list[float]) -> None:
    timing = Timing.of(samples)
    assert min(samples) <= timing.lower_quartile <= timing.median <= timing.upper_quartile <= max(samples)


@pytest.mark.parametrize(
    ("name", "scale", "flop", "bytes_"),
    [
        ("srcnn-y", 2, 16064, 776),
        ("srcnn-y-955", 2, 114368, 776),
        ("fsrcnn", 2, 6232, 349),
        ("fsrcnn", 3, 2770, 157),
        ("fsrcnn", 4, 1558, 90),
    ],
)
def test_work_of_an_output_pixel(name: str, scale: int, flop: int, bytes_: int) -> None:
    """Arithmetic and traffic of one output pixel, from the layers' shapes by hand."""
    method = Registry().method(name)()
    assert isinstance(method, LearnedMethod)
    grown = 1 if method.info.input == "lr" else scale
    work = count_work(method.network(scale), (1, 1, 256 * grown, 256 * grown))
    pixels = (256 * scale) ** 2
    assert 2 * work.macs / pixels == pytest.approx(flop, abs=0.5)
    assert 4 * work.values / pixels == pytest.approx(bytes_, rel=0.011)  # padded borders are read as well


def test_the_roofline_is_the_longer_of_both() -> None:
    peaks = Peaks(bandwidth=1e9, flops={"fp32": 1e12})
    assert Work(macs=10**12, values=10).seconds(peaks, "fp32", 4) == 2.0
    assert Work(macs=10, values=10**9).seconds(peaks, "fp32", 4) == 4.0


def test_peaks_are_plausible() -> None:
    peaks = measure_peaks(CPU, clock_of(CPU), {"fp32": Mode().active})
    assert 1e8 < peaks.bandwidth < 1e13
    assert 1e8 < peaks.flops["fp32"] < 1e15


def test_memory_of_a_run() -> None:
    x = torch.zeros(1, 1, 256, 512)
    mib = x.nbytes
    assert peak_bytes(lambda: ((x + 1) * 2, None)[1], CPU) == pytest.approx(2 * mib, rel=0.01)
    assert peak_bytes(lambda: None, CPU) == 0


@given(st.sampled_from(sorted(PRECISIONS)), st.sets(st.sampled_from(FEATURES)))
def test_modes_are_written_and_read(precision: str, features: set[str]) -> None:
    mode = Mode(precision, **dict.fromkeys(features, True))
    assert parse_mode(str(mode)) == mode
    assert mode.fits(torch.device("cuda"))
    assert mode.fits(CPU) == (precision != "tf32" and "graph" not in features)


@pytest.mark.parametrize("text", ["", "fp31", "fp32+chanels_last", "fp32+graph+graph", "channels_last"])
def test_modes_that_there_are_not(text: str) -> None:
    with pytest.raises(UsageError):
        parse_mode(text)


@pytest.mark.parametrize("mode", ["fp32", "fp32+channels_last", "bf16+channels_last"])
def test_every_mode_gives_the_picture(mode: str) -> None:
    """Nearly: a benchmark of something else would be none."""
    method = Registry().method("fsrcnn")()
    assert isinstance(method, LearnedMethod)
    torch.manual_seed(0)
    method.model = method.network(2).eval()
    x = torch.rand(2, 1, 24, 20)
    parsed = parse_mode(mode)
    with torch.inference_mode(), parsed.active():
        expected = method.upscale(x, 2)
        put_into(parsed, method)
        out = method.upscale(as_input(parsed, x), 2)
    assert out.dtype == parsed.dtype
    assert float((out.float() - expected).abs().max()) < (0.02 if "bf16" in mode else 1e-5)


def test_sizes() -> None:
    assert lr_size("256", 3) == (256, 256)
    assert lr_size("720p", 3) == (240, 427)
    assert lr_size("2160p", 4) == (540, 960)
    for wrong in ("1080", "8k", "15", "-256", ""):
        if wrong != "1080":
            with pytest.raises(UsageError, match="A size is"):
                lr_size(wrong, 2)


def request(*names: str, modes: tuple[str, ...] = ("fp32",), batches: tuple[str, ...] = ("1",)) -> SpeedRequest:
    choices = tuple(Registry().select(names))
    return SpeedRequest(
        choices=choices, scales=(2,), sizes=("32",), modes=tuple(map(parse_mode, modes)), batches=batches, runs=5
    )


def rows(wanted: SpeedRequest) -> list[SpeedRow]:
    test = SpeedTest(Registry(), get_protocol("vdsr"), CPU)
    return list(test.rows(wanted, Peaks(1e10, {"fp32": 1e11, "bf16": 1e11})))


def test_rows() -> None:
    found = rows(request("bicubic", "srcnn-y", "fsrcnn", modes=("fp32", "bf16+channels_last")))
    places = [(row.method, row.mode, row.part) for row in found]
    both = ("fp32", "bf16+channels_last")
    assert places == [
        ("bicubic", "fp32", "whole"),
        *[("srcnn-y", mode, part) for mode in both for part in ("whole", "network")],
        *[("fsrcnn", mode, "whole") for mode in both],
    ]
    for row in found:
        assert not row.error
        assert row.runs == 5
        assert row.warm_up >= 6
        assert row.median_ms is not None
        assert row.lower_quartile_ms is not None
        assert row.lower_quartile_ms <= row.median_ms
        assert row.megapixels_per_s == pytest.approx(64 * 64 / row.median_ms / 1e3)
        assert (row.roofline is not None) == (row.part == "network" or row.method == "fsrcnn")
        assert row.memory_mb is not None
    assert found[-1].parameters == 12809
    assert found[-1].macs == 12464 * 32 * 32


def test_the_batch_that_saturates() -> None:
    (row,) = rows(request("fsrcnn", batches=("max",)))
    assert row.saturating
    assert row.batch in (1, 2, 4, 8, 16)
    assert row.macs == 12464 * 32 * 32 * row.batch


def too_large_for_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


def too_large_for_a_processor() -> None:
    torch.empty(2**60, dtype=torch.uint8)


@pytest.mark.parametrize("ask", [too_large_for_a_gpu, too_large_for_a_processor])
def test_out_of_memory_goes_on_in_tiles(ask: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    method_class = Registry().method("fsrcnn")
    upscale = method_class.upscale

    def small_only(self: LearnedMethod, x: torch.Tensor, scale: int) -> torch.Tensor:
        if x.shape[-1] > 200:
            ask()
        return upscale(self, x, scale)

    monkeypatch.setattr(method_class, "upscale", small_only)
    wanted = request("fsrcnn")
    test = Contenders(Registry(), get_protocol("vdsr"), CPU, clock_of(CPU))
    method = test._method(wanted.choices[0], 2, Mode())
    with torch.inference_mode():
        run, tile = test._fitting(method, 2, Mode(), "whole", (1, 1, 300, 300))
        assert tile == 128
        x = torch.rand((1, 1, 300, 300), generator=torch.Generator().manual_seed(0))
        halo = method.info.halo
        assert halo is not None
        assert torch.equal(run(), tiled(method, x, 2, 128, halo))  # type: ignore[arg-type]


@pytest.mark.parametrize("ask", [too_large_for_a_gpu, too_large_for_a_processor])
def test_a_batch_that_does_not_fit_is_not_the_one_that_saturates(
    ask: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    method_class = Registry().method("fsrcnn")
    upscale = method_class.upscale

    def few_only(self: LearnedMethod, x: torch.Tensor, scale: int) -> torch.Tensor:
        if x.shape[0] > 1:
            ask()
        return upscale(self, x, scale)

    monkeypatch.setattr(method_class, "upscale", few_only)
    (row,) = rows(request("fsrcnn", batches=("max",)))
    assert (row.batch, row.error) == (1, "")


def test_a_method_that_fails_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: LearnedMethod, scale: int) -> nn.Module:
        raise RuntimeError("no such network")

    monkeypatch.setattr(Registry().method("srcnn-y"), "network", broken)
    found = rows(request("srcnn-y", "bicubic"))
    assert [row.error for row in found] == ["RuntimeError: no such network"] * 2 + [""]
    assert found[0].median_ms is None
