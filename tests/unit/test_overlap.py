"""Images that are prepared and scored beside the method give the cell that they give one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cells import BODIES, folder_of, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.bench import workbench as workbenches
from srbench.bench.overlap import in_turn, may_overlap
from srbench.bench.plan import Plan
from srbench.bench.results import Computed
from srbench.bench.task import CellTask, Event, Failure, Hosting, ImageDone, Outcome
from srbench.bench.workbench import Workbench
from srbench.plugins.registry import Registry
from srbench.system.files import StoreError

STEPS = ("make", "work", "finish")


def outcome(count: int, failing: set[tuple[str, int]], overlap: bool) -> tuple[list[int], str]:
    """What comes out before the end, and what is raised there."""

    def step(name: str, item: int) -> int:
        if (name, item) in failing:
            raise ValueError(f"{name} {item}")
        return item

    def items() -> Iterator[int]:
        for item in range(count):
            yield step("make", item)

    found: list[int] = []
    try:
        work, finish = (lambda item: step("work", item)), (lambda item: 10 * step("finish", item))
        found.extend(in_turn(items(), work, finish, overlap=overlap))
    except ValueError as error:
        return found, str(error)
    return found, ""


@settings(deadline=None)
@given(count=st.integers(0, 6), failing=st.sets(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=4))
def test_the_same_comes_out_and_the_same_is_raised(count: int, failing: set[tuple[str, int]]) -> None:
    assert outcome(count, failing, overlap=True) == outcome(count, failing, overlap=False)


def test_the_next_is_made_and_the_last_finished_meanwhile() -> None:
    """Each step waits for what only runs if the others do not wait for it."""
    made, finishing, worked = threading.Event(), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        yield 1
        made.set()
        yield 2

    def work(item: int) -> int:
        if item == 1:
            assert made.wait(10), "the next item was not made meanwhile"
            assert finishing.wait(10), "the last item was not finished meanwhile"
            worked.set()
        return item

    def finish(item: int) -> int:
        if item == 0:
            finishing.set()
            assert worked.wait(10), "work waited for the last item"
        return item

    assert list(in_turn(items(), work, finish, overlap=True)) == [0, 1, 2]


def test_work_stays_in_the_callers_thread() -> None:
    threads = list(in_turn(range(3), lambda item: threading.current_thread(), lambda made: made, overlap=True))
    assert threads == [threading.current_thread()] * 3


@pytest.mark.parametrize("at", ["work", "result"])
def test_no_thread_is_left_by_an_interrupt(at: str) -> None:
    before = threading.active_count()

    def work(item: int) -> int:
        if at == "work" and item == 2:
            raise KeyboardInterrupt
        return item

    done = []
    with pytest.raises(KeyboardInterrupt), closing(in_turn(range(9), work, lambda made: made, overlap=True)) as results:
        for result in results:
            done.append(result)
            if at == "result" and result == 1:
                raise KeyboardInterrupt
    assert done == ([0] if at == "work" else [0, 1])
    assert threading.active_count() == before


def carried_out(plan: Plan, registry: Registry, overlap: bool | None) -> list[tuple[Outcome, list[Event]]]:
    """The outcome and the events of each cell of a plan; some pictures are kept."""
    workbench = Workbench(plan.scoring, registry, "cpu", 0, overlap=overlap)
    found = []
    try:
        for job in plan.jobs:
            events: list[Event] = []
            outcome = workbench.carry_out(CellTask(job=job, key="key", images=3), events.append)
            found.append((outcome, [event for event in events if not isinstance(event, Hosting)]))
    finally:
        workbench.close()
    return found


@pytest.fixture
def overlaps(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How each cell's images went through their steps."""
    seen: list[bool] = []
    monkeypatch.setattr(workbenches, "may_overlap", lambda *given: seen.append(may(*given)) or seen[-1])
    may = may_overlap
    return seen


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_plugin_in_a_host_has_the_same_cell(tmp_path: Path, body: str, overlaps: list[bool]) -> None:
    """Its values, notes and reads, its failure, and the pictures in their order."""
    plan, registry = plan_of(folder_of(tmp_path), body, ("odd",))
    alone = carried_out(plan, registry, overlap=False)
    assert carried_out(plan, registry, overlap=True) == alone
    assert overlaps == [True]
    ((outcome, events),) = alone
    done = [event.name for event in events if isinstance(event, ImageDone)]
    assert done == ["0", "1"] if isinstance(outcome, Failure) else ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("protocol", ["vdsr", "edsr", "linear"])
def test_own_methods_have_the_same_cells(tmp_path: Path, protocol: str, overlaps: list[bool]) -> None:
    metrics = ("psnr", "ssim", "mse", "haarpsi", "haarpsi-full")
    methods = ("bicubic", "dcci", f"images:{tmp_path}")
    folder_of(tmp_path, heights=(13, 200, 40, 13, 44, 200))  # some of them too small for ssim
    plan, registry = plan_of(tmp_path, None, methods, metrics=metrics, protocol=protocol)
    alone = carried_out(plan, registry, overlap=False)
    assert all(isinstance(outcome, Computed) for outcome, _ in alone)
    assert carried_out(plan, registry, overlap=True) == alone
    assert overlaps == [True] * len(methods)


@pytest.mark.parametrize("number", [0, 3, 5])
def test_a_bad_image_fails_after_those_before_it(tmp_path: Path, number: int, overlaps: list[bool]) -> None:
    plan, registry = plan_of(folder_of(tmp_path), None, ("bicubic",))
    (tmp_path / f"{number}.png").write_bytes(b"no image")
    ((alone, events),) = carried_out(plan, registry, overlap=False)
    ((failure, others),) = carried_out(plan, registry, overlap=True)
    assert isinstance(alone, Failure)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.error) == (alone.kind, alone.error)
    assert others == events
    assert len([event for event in events if isinstance(event, ImageDone)]) == number
    assert overlaps == [True]


@pytest.mark.parametrize("error", [StoreError("the disk is full"), KeyboardInterrupt()])
def test_what_ends_the_run_leaves_no_thread(tmp_path: Path, error: BaseException) -> None:
    plan, registry = plan_of(folder_of(tmp_path), None, ("bicubic",))
    workbench = Workbench(plan.scoring, registry, "cpu", 0, overlap=True)
    before = threading.active_count()

    def tell(event: Event) -> None:
        if isinstance(event, ImageDone) and event.name == "1":
            raise error

    with pytest.raises(type(error)):
        workbench.carry_out(CellTask(job=plan.jobs[0], key="key"), tell)
    assert threading.active_count() == before


def test_nothing_runs_beside_others_code_in_this_process(tmp_path: Path, overlaps: list[bool]) -> None:
    """The next image that is decoded would be one that the method reads."""
    plan, _ = plan_of(folder_of(tmp_path), BODIES["reads"], ("odd",))
    registry = Registry([tmp_path / "p.py"], hosted=False)
    ((outcome, _),) = carried_out(plan, registry, overlap=True)
    assert overlaps == [False]
    assert isinstance(outcome, Computed)
    assert outcome.note is not None
    assert outcome.note.files == ("table.txt",)


def test_nothing_runs_beside_metrics_that_share_the_device_or_a_host(tmp_path: Path) -> None:
    plan, registry = plan_of(folder_of(tmp_path), None, ("bicubic",))
    own = [registry.metric(name) for name in ("psnr", "ssim", "haarpsi")]
    assert may_overlap(plan.jobs[0], own, registry)
    for name in ("lpips-alex", "fid", "piq:fsim"):
        assert not may_overlap(plan.jobs[0], [*own, registry.metric(name)], registry)
    (tmp_path / "m.py").write_text("from srbench.metrics.metric import Metric\nM = Metric('mine', lambda pair: 1.0)\n")
    registry = Registry([tmp_path / "m.py"])
    try:
        assert not may_overlap(plan.jobs[0], [registry.metric("mine")], registry)
    finally:
        registry.hosts.close()


def test_on_a_processor_nothing_overlaps(tmp_path: Path, overlaps: list[bool]) -> None:
    plan, registry = plan_of(folder_of(tmp_path), None, ("bicubic",))
    carried_out(plan, registry, overlap=None)
    assert overlaps == []
