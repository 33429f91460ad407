"""Two records of one machine agree, though its pace drifts; what became slower does not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import median

import pytest

from srbench.errors import UsageError
from srbench.speed.against import SpeedPair, pair_speeds, require_same_machine
from srbench.speed.record import SpeedRecord, SpeedRow
from srbench.speed.timing import Timing, in_rounds

ROWS = {f"method-{k}": 1.3**k for k in range(20)}
"""Milliseconds at the pace of the start, 1 to 146."""
PACEMAKER = 1.5


class DriftingMachine:
    """A clock of its own; the logarithm of its pace walks at random, and each run is late by a little noise.

    Args:
        seed: of both.
        walk: standard deviation of the pace after a second.
        noise: of a run.
    """

    def __init__(self, seed: int, walk: float, noise: float = 0.02) -> None:
        self.random = random.Random(seed)
        self.walk, self.noise = walk, noise
        self.now = self.pace = self.began = 0.0

    def idle(self, ms: float) -> None:
        self.now += ms
        self.pace += self.random.gauss(0, self.walk * math.sqrt(ms / 1e3))

    def job(self, ms: float) -> Callable[[], None]:
        return lambda: self.idle(ms * math.exp(self.pace + self.noise * abs(self.random.gauss(0, 1))))

    def start(self) -> None:
        self.began = self.now

    def stop(self) -> float:
        return self.now - self.began

    def record(self, paced: bool = True, slower: float = 1.0) -> SpeedRecord:
        """20 rows, measured as srbench does; ``slower`` lengthens the last one."""
        jobs = {name: self.job(ms * (slower if ms == max(ROWS.values()) else 1.0)) for name, ms in ROWS.items()}
        found = in_rounds(jobs, self, dict.fromkeys(jobs, 50), self.job(PACEMAKER) if paced else None)
        pace = found.pace if paced else None
        return record(*(row(name, Timing.of(times), pace) for name, times in found.samples.items()))


def row(method: str, timing: Timing, pace: float | None = 1.0, **fields: object) -> SpeedRow:
    fixed = {"scale": 2, "size": "128", "lr_height": 128, "lr_width": 128, "part": "whole", "mode": "fp32", "batch": 1}
    times = {
        "median_ms": timing.median,
        "lower_quartile_ms": timing.lower_quartile,
        "upper_quartile_ms": timing.upper_quartile,
    }
    return SpeedRow.model_validate({"method": method, "pace_ms": pace, **fixed, **times, **fields})


def record(*rows: SpeedRow, **fields: object) -> SpeedRecord:
    fixed = {
        "date": "",
        "command": "",
        "device": "cpu",
        "machine": {"threads": "1"},
        "versions": {},
        "protocol": "vdsr",
    }
    return SpeedRecord.model_validate({**fixed, "bandwidth_gb_s": 1.0, "tflops": {}, "rows": rows, **fields})


def two_in_a_row(seed: int, walk: float, noise: float = 0.02, paced: bool = True) -> tuple[SpeedPair, ...]:
    machine = DriftingMachine(seed, walk, noise)
    first = machine.record(paced)
    machine.idle(60_000)
    return pair_speeds(first, machine.record(paced))


@pytest.mark.parametrize("walk", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("noise", [0.005, 0.02, 0.1])
def test_two_records_in_a_row_agree_while_the_pace_drifts(walk: float, noise: float) -> None:
    """By a tenth to a third within the minute between the two."""
    pairs = [pair for seed in range(8) for pair in two_in_a_row(seed, walk, noise)]
    assert sum(pair.agrees for pair in pairs) >= 0.95 * len(pairs)
    assert median(abs(math.log(pair.ratio)) for pair in pairs) < 0.02


def test_without_a_pacemaker_they_do_not() -> None:
    """What the pacemaker is for: the quartiles of one record cannot know where the next one starts."""
    pairs = [pair for seed in range(8) for pair in two_in_a_row(seed, 0.03, paced=False)]
    assert sum(pair.agrees for pair in pairs) < 0.6 * len(pairs)


def test_what_became_slower_is_seen_through_the_drift() -> None:
    for seed in range(8):
        machine = DriftingMachine(seed, 0.03)
        first = machine.record()
        machine.idle(60_000)
        *others, last = pair_speeds(first, machine.record(slower=1.25))
        assert last.slower
        assert not last.agrees
        assert last.ratio == pytest.approx(1.25, rel=0.05)
        assert sum(pair.agrees for pair in others) >= 18
        assert not pair_speeds(machine.record(slower=1.25), machine.record())[-1].slower


def test_times_are_those_at_the_usual_pace() -> None:
    """On a machine that is steady they are the clock's, to the noise."""
    found = DriftingMachine(0, 0.0, 0.0).record()
    assert [row.median_ms for row in found.rows] == pytest.approx(list(ROWS.values()))
    assert found.rows[0].pace_ms == pytest.approx(PACEMAKER)


def test_the_pacemaker_is_timed_between_the_turns() -> None:
    order: list[str] = []
    runs = {name: (lambda name=name: order.append(name)) for name in "ab"}
    machine = DriftingMachine(0, 0.0)
    in_rounds(runs, machine, {"a": 2, "b": 1}, lambda: order.append("p"), rounds=2)  # type: ignore[arg-type]
    assert "".join(order).replace("ppp", "P") == "PaaP" + "aaP" + "bbP"


def test_a_pair_by_hand() -> None:
    """Twice the time at twice the pace is the same speed."""
    old, same = (record(row("a", Timing(10 * f, 9 * f, 11 * f, 50), 1.0 * f)) for f in (1, 2))
    (pair,) = pair_speeds(old, same)
    assert (pair.ratio, pair.agrees) == (1.0, True)
    assert (pair.least, pair.most) == (pytest.approx(9 / 11), pytest.approx(11 / 9))
    (pair,) = pair_speeds(old, record(row("a", Timing(20, 18, 22, 50), 1.0)))
    assert (pair.ratio, pair.slower) == (2.0, True)
    (pair,) = pair_speeds(old, record(row("a", Timing(20, 18, 22, 50), None)))  # as it was before the pacemaker
    assert pair.ratio == 2.0
    (pair,) = pair_speeds(
        record(row("a", Timing(10, 9, 11, 50), batch=2, saturating=True)),
        record(row("a", Timing(20, 18, 22, 50), batch=4, saturating=True)),
    )
    assert pair.ratio == 1.0


def test_only_the_same_rows_are_paired() -> None:
    timing = Timing(10, 9, 11, 50)
    old = record(row("a", timing), row("b", timing, mode="bf16"), row("c", timing, scale=3))
    new = record(row("c", timing), row("a", timing), row("b", timing, mode="fp32"))
    assert [pair.new.method for pair in pair_speeds(old, new)] == ["a"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"device": "cuda (NVIDIA H100)"}, "The device of the record is cuda"),
        ({"machine": {"threads": "2"}}, "The number of threads of the record is 2, and here it is 1"),
        ({"machine": {"threads": "1", "processor": "Z80"}}, "The processor of the record is Z80"),
        ({"protocol": "rgb"}, "The protocol of the record is rgb, and here it is vdsr"),
    ],
)
def test_another_machine_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        require_same_machine(record(**fields), "cpu", {"threads": "1"}, "vdsr")
