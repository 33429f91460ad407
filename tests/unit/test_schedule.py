"""How cells are shared out: nothing is lost, the longest first, and no workers for little work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srbench.bench import schedule
from srbench.bench.costs import GUESS, Costs
from srbench.bench.options import Options, Request
from srbench.bench.planning import make_plan
from srbench.bench.schedule import SHORTEST, longest_first, spans, workers_for
from srbench.errors import DeviceError
from srbench.plugins.registry import Registry
from srbench.system import capacity, device
from srbench.system.device import devices_of


@given(
    images=st.integers(1, 500),
    seconds=st.floats(0, 1e5),
    others=st.floats(0, 1e5),
    slots=st.integers(1, 300),
)
def test_parts_cover_every_image_once(images: int, seconds: float, others: float, slots: int) -> None:
    found = spans(images, seconds, others, slots)
    assert [index for span in found for index in range(*span)] == list(range(images))
    assert all(first < last for first, last in found)
    if slots == 1 or seconds <= SHORTEST:
        assert len(found) == 1


@pytest.mark.parametrize(
    ("images", "seconds", "others", "slots", "parts"),
    [
        (100, 40.0, 0.0, 2, 8),  # one method: each of two workers has four
        (5, 40.0, 0.0, 64, 5),  # no part is smaller than an image
        (100, 40.0, 4.0, 2, 8),  # two methods, one of them ten times as long
        (100, 4.0, 396.0, 2, 1),  # many cells share themselves out
        (100, 1.5, 0.0, 2, 2),  # no part is shorter than a second
    ],
)
def test_as_many_parts_as_it_takes(images: int, seconds: float, others: float, slots: int, parts: int) -> None:
    assert len(spans(images, seconds, others, slots)) == parts


def test_the_longest_data_set_first_and_in_it_the_longest_cell() -> None:
    jobs = dict(enumerate(make_plan(Request(methods=("nearest", "bicubic"), scales=(2, 3)), Registry()).jobs))
    seconds = {index: {"nearest": 1.0, "bicubic": 2.0}[job.id.method] * job.id.scale for index, job in jobs.items()}
    order = [(jobs[index].id.scale, jobs[index].id.method) for index in longest_first(jobs, seconds)]
    assert order == [(3, "bicubic"), (3, "nearest"), (2, "bicubic"), (2, "nearest")]


def test_workers_are_as_many_as_it_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "cores", lambda: 16)
    monkeypatch.setattr(schedule, "free_memory", lambda: 64 * 2.0**30)
    assert workers_for(1.0, 0, 0) == 0
    assert workers_for(1000.0, 0, 0) == 16
    assert workers_for(1000.0, 4, 0) == 4
    assert workers_for(1000.0, 0, 2) == 2
    assert workers_for(1000.0, 0, 1) == 0  # this process has the GPU
    monkeypatch.setattr(schedule, "free_memory", lambda: 2 * 2.0**30)
    assert workers_for(1000.0, 0, 0) == 3
    monkeypatch.setattr(schedule, "cores", lambda: 1)
    assert workers_for(1000.0, 0, 0) == 0


def test_a_container_s_limits_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "job"
    inner.mkdir()
    monkeypatch.setattr(capacity, "_groups", lambda: iter([inner, tmp_path]))
    monkeypatch.setattr(capacity.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert capacity.cores() == 8
    (inner / "cpu.max").write_text("max 100000\n")
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert capacity.cores() == 3
    (inner / "memory.max").write_text("max\n")
    (tmp_path / "memory.max").write_text(f"{2**20}\n")
    (tmp_path / "memory.current").write_text(f"{2**19}\n")
    assert capacity.free_memory() == 2**19


def test_costs_are_what_was_recorded(own_cache: Path) -> None:
    plan = make_plan(Request(methods=("bicubic", "dcci"), scales=(2, 3)), Registry())
    bicubic, dcci = plan.jobs[0], plan.jobs[1]
    images = len(dcci.dataset.items)
    costs = Costs("cpu")
    assert costs.of(dcci) == GUESS * images
    assert costs.of(bicubic) < costs.of(dcci)
    costs.learn(dcci, 2, 6.0)
    costs.save()
    assert Costs("cpu").of(dcci) == 3.0 * images
    assert Costs("cuda").of(dcci) == GUESS * images
    (own_cache / "costs.json").write_text(json.dumps({"x": "no number"}))
    assert Costs("cpu").of(dcci) == GUESS * images


def test_gpus_are_taken_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "gpus", lambda: 3)
    assert devices_of("cuda").names == devices_of("auto").names == ("cuda:0", "cuda:1", "cuda:2")
    assert devices_of("cuda").gpus == 3
    assert devices_of("cuda:1") == device.Devices(("cuda:1",), 1)
    assert devices_of("cuda:0,cuda:2,cuda:0") == device.Devices(("cuda:0", "cuda:2"), 2)
    assert devices_of("cpu") == device.Devices(("cpu",), 0)
    monkeypatch.setattr(device, "gpus", lambda: 0)
    assert devices_of("auto").names == ("auto",)
    for wrong in ("cpu,cuda:1", "cuda,cuda:1", "cuda:0,", "cuda:0,mps"):
        with pytest.raises(DeviceError, match="cannot be used"):
            Options(device=wrong).check()
    Options(device="cuda:0,cuda:1").check()
