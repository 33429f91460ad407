"""Rows that hold a figure from one side, and one method's speed to another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import METRICS, speed_record, write_run

from srbench.analysis.baseline import write_baseline
from srbench.analysis.gate import check_runs
from srbench.analysis.references import REFERENCE_COLUMNS, Reference, load_references
from srbench.bench.results import MetricRecord
from srbench.bench.store import LoadedRun, read_run
from srbench.errors import DataError
from srbench.report.text.ci import junit
from srbench.system.sealed import sealed

ONLY = {"gains": {"bicubic": 0.0}, "images": {"set5": ("a", "b")}, "scales": (2,), "failed": (), "pictures": 0}


def rows_of(folder: Path, *lines: str) -> tuple[Reference, ...]:
    path = folder / "mine.csv"
    path.write_text("\n".join((",".join((*REFERENCE_COLUMNS, "rule")), *lines)) + "\n", "utf-8")
    return load_references([str(path)])


def line(value: float, tolerance: float, rule: str, metric: str = "psnr", **fields: str) -> str:
    row = {"method": "bicubic", "dataset": "set5", "use": "gate", "shown_for": ""} | fields
    first = f"{row['method']},{row['dataset']},2,vdsr,{metric},{value},{tolerance}"
    return f"{first},{row['use']},{row['shown_for']},srbench baseline,,{rule}"


@pytest.fixture
def run(tmp_path: Path) -> LoadedRun:
    """Bicubic has 33.66146 dB."""
    return write_run(tmp_path / "run", **ONLY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "tolerance", "rule", "passes"),
    [
        (33.66146, 0.0, "equal", True),
        (33.7, 0.01, "equal", False),
        (33.6, 0.01, "equal", False),
        (33.7, 0.01, "", False),  # nothing said is equal
        (33.6, 0.01, "", False),
        (33.6, 0.0, "at_least", True),
        (33.66146, 0.0, "at_least", True),
        (33.67, 0.0, "at_least", False),
        (33.67, 0.01, "at_least", True),
    ],
)
def test_a_rule_says_which_side_is_held(
    run: LoadedRun, tmp_path: Path, value: float, tolerance: float, rule: str, passes: bool
) -> None:
    result = check_runs([run], rows_of(tmp_path, line(value, tolerance, rule)), complete=True)
    assert result.ok == passes


def test_at_most_holds_what_is_better_low(run: LoadedRun, tmp_path: Path) -> None:
    mse = run.cells[0].values["mse"]
    assert check_runs([run], rows_of(tmp_path, line(mse + 1, 0, "at_most", "mse")), complete=True).ok
    (failure,) = check_runs([run], rows_of(tmp_path, line(round(mse - 1), 0.25, "at_most", "mse"))).failures
    assert f"where <= {round(mse - 1)} + 0.25 is expected (srbench baseline): worse than" in failure.message


@pytest.mark.parametrize(("metric", "rule", "right"), [("psnr", "at_most", "at_least"), ("mse", "at_least", "at_most")])
def test_a_gate_that_lets_every_regression_through_is_refused(
    run: LoadedRun, tmp_path: Path, metric: str, rule: str, right: str
) -> None:
    with pytest.raises(DataError, match=rf"mine\.csv:2: {metric} is better if .* the rule must be {right} or equal"):
        check_runs([run], rows_of(tmp_path, line(30, 0, rule, metric)))


@given(
    value=st.floats(-1e6, 1e6) | st.sampled_from([float("inf"), -float("inf")]),
    tolerance=st.floats(0, 10),
    measured=st.floats(allow_nan=True),
)
def test_equal_is_both_at_least_and_at_most(value: float, tolerance: float, measured: float) -> None:
    fields = dict.fromkeys(("method", "dataset", "protocol", "protocol_hash", "metric", "text", "source"), "x")
    fields |= {"shown_for": "", "note": "", "where": "x:2"}
    equal, least, most = (
        Reference(scale=2, value=value, tolerance=tolerance, use="gate", rule=rule, **fields)  # type: ignore[arg-type]
        for rule in ("equal", "at_least", "at_most")
    )
    assert equal.accepts(measured) == (least.accepts(measured) and most.accepts(measured))
    assert least.accepts(measured) or most.accepts(measured) or measured != measured


def test_rules_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no value satisfies both"):
        rows_of(tmp_path, line(33, 0.1, "equal"), line(33.2, 0, "at_least"))
    assert len(rows_of(tmp_path, line(33, 0.1, "equal"), line(33.05, 0, "at_least"))) == 2


def test_junit_names_the_side(run: LoadedRun, tmp_path: Path) -> None:
    assert "psnr &gt;= 33.6" in junit(check_runs([run], rows_of(tmp_path, line(33.6, 0, "at_least"))))


def timed(folder: Path, device: str = "cpu", **speeds: float | None) -> LoadedRun:
    """A run of bicubic and dcci, and how many megapixels a second each method gave."""
    run = write_run(folder, **ONLY | {"gains": {"bicubic": 0.0, "dcci": 0.1}})  # type: ignore[arg-type]
    (folder / "speed.json").write_text(sealed(speed_record(speeds, device)))
    return read_run(run.folder.path)


def speed_line(value: float, tolerance: float = 0.0, rule: str = "at_least", **fields: str) -> str:
    return line(value, tolerance, rule, "speed/bicubic", **{"method": "dcci", "dataset": "cpu"} | fields)


def test_a_speed_is_held_to_another_of_the_same_run(tmp_path: Path) -> None:
    run = timed(tmp_path / "run", bicubic=200.0, dcci=50.0)
    assert check_runs([run], rows_of(tmp_path, speed_line(0.25)), complete=True).ok
    assert check_runs([run], rows_of(tmp_path, speed_line(0.2, method="dcci:of-any-recipe")), complete=True).ok
    assert check_runs([run], rows_of(tmp_path, speed_line(0.3, 0.05)), complete=True).ok
    (failure,) = check_runs([run], rows_of(tmp_path, speed_line(0.26))).failures
    assert failure.message.startswith("dcci cpu x2 vdsr speed/bicubic: 0.25 where >= 0.26 is expected")


def test_only_the_ratio_counts(tmp_path: Path) -> None:
    """A machine of a tenth of the speed gives the same answer."""
    rows = rows_of(tmp_path, speed_line(0.25))
    for name, rate in (("fast", 1.0), ("slow", 0.1)):
        assert check_runs([timed(tmp_path / name, bicubic=200 * rate, dcci=50 * rate)], rows, complete=True).ok


def test_what_was_not_timed_so_is_missing(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, speed_line(0.1))
    runs = {
        "other device": timed(tmp_path / "gpu", "cuda (NVIDIA H100)", bicubic=200.0, dcci=50.0),
        "other methods": timed(tmp_path / "one", dcci=50.0),
        "no speed": write_run(tmp_path / "none", **ONLY),  # type: ignore[arg-type]
    }
    for run in runs.values():
        assert [verdict.status for verdict in check_runs([run], rows, complete=True).verdicts] == ["missing"]
        assert check_runs([run], rows).problems
    (failed,) = check_runs([timed(tmp_path / "error", bicubic=200.0, dcci=None)], rows).verdicts
    assert (failed.status, failed.error) == ("missing", "RuntimeError: out of ideas.")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (line(100, 1, "at_least", "speed"), "an absolute speed depends on the machine; give it relative to"),
        (line(100, 1, "at_most", "median_ms"), "an absolute speed depends on the machine"),
        (line(100, 1, "at_least", "MP/s"), "an absolute speed depends on the machine"),
        (speed_line(0.25, 0.1, "equal"), "the rule of speed/bicubic must be at_least: a higher speed is no failure"),
        (speed_line(0.25, 0.1, "at_most"), "must be at_least"),
        (speed_line(0.25, dataset="set5"), "must be the device, cpu, cuda or mps, not 'set5'"),
        (line(33, 0, "at_leats"), "rule must be equal, at_least or at_most, not 'at_leats'"),
        (line(33, 0, "at_least", use="show", shown_for="x").replace(",0,", ",,", 1), "no tolerance and no rule"),
    ],
)
def test_a_row_that_says_nothing_is_refused(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        rows_of(tmp_path, row)
    assert says in str(caught.value)
    assert "mine.csv:2: " in str(caught.value)


def perceptual(name: str, higher_is_better: bool, digits: int = 4) -> MetricRecord:
    return MetricRecord(name=name, higher_is_better=higher_is_better, digits=digits)


@pytest.mark.parametrize(
    ("metric", "value", "fixed", "trained"),
    [
        (METRICS[0], 30.0, 0.001, 0.15),
        (METRICS[1], 0.9, 0.00005, 0.003),
        (METRICS[2], 60.0, 0.05, 3.0),
        (METRICS[2], 6000.0, 0.6, 300.0),
        (perceptual("haarpsi", True), 0.98, 0.00005, 0.003),
        (perceptual("haarpsi", True), 0.7, 0.00005, 0.015),
        (perceptual("lpips-alex", False), 0.1, 0.00005, 0.005),
        (perceptual("lpips-alex", False), 0.001, 0.00005, 0.003),
        (perceptual("vgg", False), 4.0, 0.0004, 0.2),
        (perceptual("dists", False), 0.0, 0.00005, 0.003),
    ],
)
def test_tolerances_follow_from_what_a_metric_says_of_itself(
    tmp_path: Path, metric: MetricRecord, value: float, fixed: float, trained: float
) -> None:
    """Half a unit of the last digit of tables, or a share of the distance from a perfect score."""
    run = write_run(
        tmp_path / "run",
        **ONLY | {"gains": {"bicubic": 0.0, "srcnn-y:mine": 1.0}, "metrics": (metric,)},
        values={metric.name: value},
    )  # type: ignore[arg-type]
    write_baseline([run], tmp_path / "base.csv")
    found = {row.method: row.tolerance for row in load_references([str(tmp_path / "base.csv")])}
    assert found == {"bicubic": pytest.approx(fixed), "srcnn-y:mine": pytest.approx(trained)}
