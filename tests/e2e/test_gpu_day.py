"""`python -m tools.gpu_day` at a tenth of the size, on the CPU.

How much of it is done depends on the machine and is not asserted: what is done is whole and in the order of worth, and
the time is kept. tests/unit/test_gpu_day.py tests the budget itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srbench.speed.record import read_speed_record
from tools.gpu_day import agreement, cell, speeds, training

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120.0
CPU = torch.device("cpu")
TRIES = 6

pytestmark = pytest.mark.long


def gpu_day(out: Path, seconds: float) -> dict[str, Any]:
    """The summary."""
    words = ["-m", "tools.gpu_day", str(out), "--device", "cpu", "--seconds", str(seconds), "--size", "tenth"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((out / "summary.json").read_text("utf-8"))
    return found


def planned() -> dict[str, list[str]]:
    """The units of each part, in the order of worth."""
    units = {
        "agreement": agreement.units("", "cpu", (2,)),
        "speed": speeds.units(("64", "32", "16"), CPU),
        "cell": cell.units(np.zeros((1, 1), np.uint8), CPU),
        "rate": training.rates(CPU, 1),
    }
    names = {part: [name for name, _ in found] for part, found in units.items()}
    return names | {"continued": [f"continued-{name}-x{scale}" for name, scale in training.CONTINUED]}


def done_in(summary: dict[str, Any]) -> list[str]:
    return [unit for part in summary["parts"].values() for unit in part["done"]]


def test_a_day_keeps_its_time_and_what_it_has_done(tmp_path: Path) -> None:
    seconds = SECONDS
    while (first := gpu_day(tmp_path, seconds))["starting"] > seconds / 8 and seconds < 8 * SECONDS:
        seconds *= 2  # on a busy machine imports alone may take minutes
    assert first["left"] >= -max(0.2 * seconds, first["starting"])
    parts = planned()
    assert list(first["parts"]) == list(parts)
    for name, part in first["parts"].items():
        assert part["errors"] == {}
        if name == "continued":  # all at once
            assert {*part["done"], *part["not_reached"]} == {*parts[name]}
        else:
            assert [*part["done"], *part["not_reached"]] == parts[name]
    done = done_in(first)
    assert {path.stem for path in tmp_path.glob("*.json")} == {*done, "summary"}
    assert first["parts"]["agreement"]["done"]
    for unit in done:
        check(tmp_path / f"{unit}.json")

    kept = {unit: (tmp_path / f"{unit}.json").stat().st_mtime_ns for unit in done}
    second = gpu_day(tmp_path, 1.0)
    assert {*done_in(second)} >= {*done}
    assert {unit: (tmp_path / f"{unit}.json").stat().st_mtime_ns for unit in kept} == kept


def check(path: Path) -> None:
    """What a unit has written."""
    assert path.stat().st_size < 2**18
    if path.stem.startswith("speed-"):
        rows = read_speed_record(path).rows
        assert all(row.error or row.median_ms for row in rows)
        assert any(row.roofline for row in rows)
        return
    found = json.loads(path.read_text("utf-8"))
    if path.stem.startswith("agreement-"):
        assert found == {"images": 1, "max_db": 0.0, "agrees": True}
    elif path.stem.startswith("cell-"):
        assert found["size"] == [204, 136]
        assert [*found["ms"]] == ["prepare", "input", "run", "finish", "score"]
        assert 0 <= found["outside_network"] < 1
        assert found["network_ms"] > 0
    elif path.stem.startswith("rate-"):
        assert [*found["batches_per_s"]] == ["srbench", "plain", "plain, 8 workers"]
        assert all(rate > 0 for rate in found["batches_per_s"].values())
    else:
        check_training(path)


def check_training(path: Path) -> None:
    found = json.loads(path.read_text("utf-8"))
    assert found["validation_psnr"] > found["validation_psnr_before"] - 0.5
    assert found["steps"] >= 20
    assert path.with_suffix(".safetensors").is_file()
    assert not path.with_suffix(".checkpoint").exists()


@pytest.mark.parametrize(("name", "scale"), [("autoencoder", 2), ("srcnn-y-955", 3)])
def test_a_training_that_is_out_of_time_goes_on_in_the_next_call(name: str, scale: int, tmp_path: Path) -> None:
    unit = f"continued-{name}-x{scale}"
    for seconds in (0.0, *(20.0 * 2**tried for tried in range(TRIES))):  # until the machine has had enough
        try:
            found = training.continued(tmp_path, unit, name, scale, "cpu", time.time() + seconds, small=True)
        except KeyboardInterrupt:
            continue
        assert seconds, "there was no time for it"
        (tmp_path / f"{unit}.json").write_text(json.dumps(found), "utf-8")
        break
    check_training(tmp_path / f"{unit}.json")
