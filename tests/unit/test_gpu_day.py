"""The time budget of `python -m tools.gpu_day`, by units that do nothing but wait."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tools.gpu_day.budget import Budget, Unit


def waiting(name: str, seconds: float, made: list[str]) -> Unit:
    def make() -> dict[str, Any]:
        made.append(name)
        time.sleep(seconds)
        return {"name": name}

    return name, make


def failing(name: str) -> Unit:
    def make() -> dict[str, Any]:
        raise ValueError("no such thing here")

    return name, make


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def test_a_part_ends_in_time_and_the_next_has_its_own(tmp_path: Path) -> None:
    """Units are done in their order; the one that the end falls into leaves nothing."""
    made: list[str] = []
    budget = Budget(tmp_path, 4.0)
    budget.part("long", [waiting(f"a{i}", 0.6, made) for i in range(9)], 0.5)
    budget.part("short", [waiting("b", 0.0, made)], 0.5)
    parts = summary(tmp_path)["parts"]
    done = parts["long"]["done"]
    assert 0 < len(done) <= 3
    assert [*done, *parts["long"]["not_reached"]] == [f"a{i}" for i in range(9)]
    assert made == [f"a{i}" for i in range(len(done) + 1)] + ["b"]
    assert parts["short"]["done"] == ["b"]
    assert 2.0 <= parts["long"]["seconds"] < 4.0  # interrupted, not waited for
    assert {path.stem for path in tmp_path.iterdir()} == {*done, "b", "summary"}


def test_what_is_done_stays_and_what_failed_is_tried_again(tmp_path: Path) -> None:
    made: list[str] = []
    for _ in range(2):
        Budget(tmp_path, 60.0).part("p", [waiting("a", 0.0, made), failing("b"), waiting("c", 0.0, made)], 1.0)
        found = summary(tmp_path)["parts"]["p"]
        assert (found["done"], found["not_reached"]) == (["a", "c"], [])
        assert found["errors"] == {"b": "ValueError: no such thing here"}
    assert made == ["a", "c"]


def test_no_unit_begins_when_the_time_is_over(tmp_path: Path) -> None:
    made: list[str] = []
    budget = Budget(tmp_path, 5.0, began=time.monotonic() - 6.0)
    budget.part("p", [waiting("a", 0.0, made)], 1.0)
    assert made == []
    assert summary(tmp_path)["left"] <= -1.0
    assert summary(tmp_path)["starting"] >= 6.0
    assert summary(tmp_path)["parts"]["p"]["not_reached"] == ["a"]
