"""`python -m tools.gpu_day` at a tenth of the size, on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from srbench.speed.record import read_speed_record

ROOT = Path(__file__).resolve().parents[2]
MARGIN = 20.0
"""Seconds beside the budget: imports before it, the operation that the end falls into, and a busy machine."""
PARTS = ["agreement", "speed", "cell", "rate", "continued"]

pytestmark = pytest.mark.long


def gpu_day(out: Path, seconds: float) -> tuple[dict[str, Any], float]:
    """The summary, and the seconds that it took."""
    words = ["-m", "tools.gpu_day", str(out), "--device", "cpu", "--seconds", str(seconds), "--size", "tenth"]
    began = time.monotonic()
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "summary.json").read_text("utf-8")), time.monotonic() - began


def names(summary: dict[str, Any], kind: str) -> list[str]:
    return [unit for part in summary["parts"].values() for unit in part[kind]]


def test_a_day_keeps_its_budget_and_goes_on_where_it_was_left(tmp_path: Path) -> None:
    first, taken = gpu_day(tmp_path, 60)
    assert taken < 60 + MARGIN
    assert list(first["parts"]) == PARTS
    done, missed = names(first, "done"), names(first, "not_reached")
    assert not {*done} & {*missed}
    assert "speed-16-x4-best-srcnn-y" in missed
    agreement = json.loads((tmp_path / "agreement-fsrcnn.json").read_text("utf-8"))
    assert agreement == {"images": 1, "max_db": 0.0, "agrees": True}
    share = json.loads((tmp_path / "cell-fsrcnn-x2.json").read_text("utf-8"))
    assert share["size"] == [204, 136]
    assert share["network_ms"] > 0
    assert 0 <= share["outside_network"] < 1
    record = read_speed_record(tmp_path / "speed-64-x2-plain-srcnn-y-955.json")
    assert any(row.roofline for row in record.rows if row.part == "network")

    (tmp_path / "cell-fsrcnn-x2.json").unlink()
    trainings = {*first["parts"]["continued"]["done"], *first["parts"]["continued"]["not_reached"]}
    for unit in {*missed} - trainings:  # as if they were done, so that the trainings have the time
        (tmp_path / f"{unit}.json").write_text("{}", "utf-8")
    kept = {unit: (tmp_path / f"{unit}.json").stat().st_mtime_ns for unit in done if unit != "cell-fsrcnn-x2"}
    second, taken = gpu_day(tmp_path, 60)
    assert taken < 60 + MARGIN
    assert (tmp_path / "cell-fsrcnn-x2.json").is_file()
    assert {unit: (tmp_path / f"{unit}.json").stat().st_mtime_ns for unit in kept} == kept
    for _more in range(2):  # on a busy machine a training may stop with a checkpoint, from which the next call goes on
        if {*second["parts"]["continued"]["done"]} == trainings:
            break
        second, taken = gpu_day(tmp_path, 60)
    assert {*second["parts"]["continued"]["done"]} == trainings, second["parts"]["continued"]
    for unit in trainings:
        trained = json.loads((tmp_path / f"{unit}.json").read_text("utf-8"))
        assert trained["validation_psnr"] > trained["validation_psnr_before"] - 0.5
        assert (tmp_path / f"{unit}.safetensors").is_file()
