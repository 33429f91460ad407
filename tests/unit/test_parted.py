"""A cell that is computed in parts is the same cell: its numbers, its notes, its failure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from cells import BODIES, IMAGES, folder_of, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.bench.part import Span
from srbench.bench.parted import Parted
from srbench.bench.plan import Plan
from srbench.bench.results import Computed
from srbench.bench.task import CellTask, Failure, Outcome
from srbench.bench.workbench import Workbench
from srbench.plugins.registry import Registry


def computed(workbench: Workbench, task: CellTask, spans: Sequence[Span]) -> Outcome:
    """What comes of a cell in these parts, of which the last is computed first."""
    if len(spans) == 1:
        return workbench.carry_out(task, lambda event: None)
    parted = Parted(task, spans)
    while True:
        started = []
        while (part := parted.next()) is not None:
            started.append(part)
        assert started
        for part in reversed(started):
            if (ended := parted.end(part, workbench.carry_out(part, lambda event: None))) is not None:
                return ended


def outcomes(plan: Plan, registry: Registry, spans: Sequence[Span]) -> list[Outcome]:
    """The plan's cells, by a workbench that knows nothing yet."""
    workbench = Workbench(plan.scoring, registry, "cpu", 0)
    tasks = (CellTask(job=job, key="key", images=2) for job in plan.jobs)
    try:
        return [computed(workbench, task, spans) for task in tasks]
    finally:
        workbench.close()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_parts_of_any_plugin_are_its_whole(tmp_path: Path, body: str) -> None:
    plan, registry = plan_of(folder_of(tmp_path), body, ("odd",))
    (whole,) = outcomes(plan, registry, [(0, IMAGES)])
    for spans in ([(0, 2), (2, 3), (3, 6)], [(number, number + 1) for number in range(IMAGES)]):
        (parts,) = outcomes(plan, registry, spans)
        if isinstance(whole, Failure):
            assert isinstance(parts, Failure)
            assert parts.error == whole.error
            assert "on 2" in whole.error  # and not the later one, though that is computed first
        else:
            assert isinstance(whole, Computed)
            assert isinstance(parts, Computed)
            if body == BODIES["keeps state"]:  # its values are any; that they are is said of the first image
                assert parts.cell.notes == whole.cell.notes
                assert not parts.cell.reusable
            else:
                assert parts == whole


@settings(deadline=None)
@given(cuts=st.sets(st.integers(1, IMAGES - 1)))
def test_however_it_is_cut(cuts: set[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    plan, registry, whole = uncut(tmp_path_factory.getbasetemp() / "cut")
    assert outcomes(plan, registry, list(pairwise(sorted({0, IMAGES} | cuts)))) == whole


@cache
def uncut(folder: Path) -> tuple[Plan, Registry, list[Outcome]]:
    folder_of(folder, heights=(40, 200, 40, 48, 44, 200))  # too small for niqe, for haarpsi in part
    metrics = ("psnr", "ssim", "haarpsi", "niqe")
    plan, registry = plan_of(folder, None, ("bicubic", f"images:{folder}"), metrics=metrics)
    whole = outcomes(plan, registry, [(0, IMAGES)])
    assert all(isinstance(cell, Computed) and cell.cell.notes for cell in whole)
    return plan, registry, whole


def test_the_first_bad_image_is_named(tmp_path: Path) -> None:
    plan, registry = plan_of(folder_of(tmp_path), None, ("bicubic",))
    for number in (1, 4):
        (tmp_path / f"{number}.png").write_bytes(b"no image")
    (whole,) = outcomes(plan, registry, [(0, IMAGES)])
    (parts,) = outcomes(plan, registry, [(0, 3), (3, 6)])
    assert isinstance(whole, Failure)
    assert isinstance(parts, Failure)
    assert (parts.kind, parts.error) == (whole.kind, whole.error)
    assert "1.png" in whole.error


def test_what_is_behind_a_failure_is_not_begun(tmp_path: Path) -> None:
    plan, _ = plan_of(folder_of(tmp_path), None, ("bicubic",))
    parted = Parted(CellTask(job=plan.jobs[0], key="key"), [(0, 2), (2, 4), (4, 6)])
    first, second = parted.next(), parted.next()
    assert first is not None
    assert second is not None
    failure = Failure(kind="method", error="no")
    assert parted.end(second, failure) is None  # the first part may still fail, and then it counts
    assert parted.next() is None
    earlier = Failure(kind="data", error="earlier")
    assert parted.end(first, earlier) is earlier
