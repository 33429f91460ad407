"""Merging and cutting runs: the newest result of a cell, where each is from, and never two protocols in one table."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from runs import METRICS, write_run

from srbench.analysis.compare import labels_of
from srbench.analysis.references import load_references
from srbench.analysis.sample import cell_intervals
from srbench.bench.results import TrainingRecord
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.report.leaderboard import leaderboard_page, leaderboards
from srbench.report.merge import by_protocol, merge
from srbench.report.plots.crops import crop_sheets
from srbench.report.plots.every_plot import figures
from srbench.report.select import find_baseline, find_methods, only
from srbench.report.tables.frame import cells_csv, images_csv
from srbench.report.tables.grid import Grid, grids
from srbench.report.text.markup import markdown_table
from srbench.report.write import write_report
from srbench.speed.record import RunSpeed, SpeedRow


def _run(path: Path, started: str, **options: Any) -> LoadedRun:
    run = write_run(path, **({"scales": (2,), "failed": (), "pictures": 0} | options))
    record = run.record.model_copy(update={"started": started})
    return dataclasses.replace(run, record=record)


def _text(grid: Grid, label: str) -> str:
    return next(" / ".join(row.entries[2].texts.values()) for row in grid.rows if row.name == label)


def _notes(grid: Grid, label: str) -> list[str]:
    row = next(row for row in grid.rows if row.name == label and not row.published)
    return [grid.footnotes[number - 1] for number in (*row.notes, *row.entries[2].notes)]


@pytest.fixture
def older(tmp_path: Path) -> LoadedRun:
    return _run(tmp_path / "older", "2026-01-01T00:00:00Z", gains={"bicubic": 0.0, "lanczos": 0.08, "dcci": 0.2})


@pytest.fixture
def newer(tmp_path: Path) -> LoadedRun:
    gains = {"bicubic": 0.0, "lanczos": 0.1, "srcnn-y-955:t91": 2.4}
    return _run(tmp_path / "newer", "2026-02-01T00:00:00Z", gains=gains)


def test_methods_of_both_the_best_first_with_their_runs(older: LoadedRun, newer: LoadedRun, tmp_path: Path) -> None:
    merged = merge([older, newer], tmp_path)
    assert labels_of(merged) == ["srcnn-y-955:t91", "dcci", "lanczos", "bicubic"]
    (set5, _) = grids(merged, load_references())
    assert _notes(set5, "srcnn-y-955:t91") == ["run newer"]
    assert _notes(set5, "dcci") == ["run older"]
    assert any(row.published for row in set5.rows)
    assert "<sup>" in markdown_table(set5)


def test_the_newest_counts_and_what_differs_is_told(older: LoadedRun, newer: LoadedRun, tmp_path: Path) -> None:
    for runs in ([older, newer], [newer, older]):
        (set5, _) = grids(merge(runs, tmp_path))
        assert _text(set5, "lanczos") == "33.76 / .9319"
        assert _notes(set5, "lanczos") == ["run newer", "run older has 33.7415 / .931484"]
        assert _notes(set5, "bicubic") == ["run newer"], "the same figures: nothing to tell"


def test_infinite_figures_that_differ_are_told_and_written(newer: LoadedRun, tmp_path: Path) -> None:
    infinite = {("lanczos", "set5", 2): (float("inf"), 1.0)}
    old = _run(tmp_path / "old", "2025-01-01", gains={"bicubic": 0.0, "lanczos": 0.1}, figures=infinite)
    merged = merge([old, newer], tmp_path / "board")
    assert _notes(grids(merged)[0], "lanczos") == ["run newer", "run old has ∞ / 1.000000"]
    first = write_report(merged, formats=["json"], plots=False)
    times = [path.stat().st_mtime_ns for path in first]
    assert [path.stat().st_mtime_ns for path in write_report(merged, formats=["json"], plots=False)] == times


def test_a_failed_cell_gives_way_to_a_result(tmp_path: Path) -> None:
    gains = {"bicubic": 0.0, "dcci": 0.2}
    whole = _run(tmp_path / "whole", "2026-01-01", gains=gains)
    failing = _run(tmp_path / "failing", "2026-02-01", gains=gains, failed=(("dcci", "set5", 2), ("dcci", "set14", 2)))
    merged = merge([whole, failing], tmp_path)
    assert not merged.record.failed and len(merged.cells) == len(merged.record.cells) == 4
    (set5, _) = grids(merged)
    assert _notes(set5, "dcci") == ["run whole"]
    alone = merge([failing], tmp_path)
    assert len(alone.record.failed) == 2
    assert "failed: dcci returned NaN." in _notes(grids(alone)[0], "dcci")


def test_other_images_of_one_name_are_two_data_sets(older: LoadedRun, tmp_path: Path) -> None:
    other = _run(
        tmp_path / "other", "2026-03-01", gains={"bicubic": 0.0}, images={"set5": ("x", "y")}, content="0" * 64
    )
    merged = merge([older, other], tmp_path)
    names = {dataset.name: dataset.images for dataset in merged.record.datasets}
    assert names == {f"set5 ({older.record.datasets[0].content_hash[:8]})": 5, "set5 (00000000)": 2, "set14": 6}
    assert len(grids(merged)) == 3


def test_protocols_stand_apart(older: LoadedRun, tmp_path: Path) -> None:
    other = _run(tmp_path / "other", "2026-03-01", gains={"bicubic": -0.5, "nearest": -3.0}, protocol="srcnn")
    assert [len(group) for group in by_protocol([older, other, older])] == [2, 1]
    boards = leaderboards([older, other], tmp_path)
    assert [board.record.protocol for board in boards] == ["vdsr", "srcnn"]
    page = leaderboard_page(boards)
    first, second = page.split("## Protocol srcnn")
    assert "## Protocol vdsr (`338ce1a3`)" in first and "dcci" in first and "nearest" not in first
    assert "nearest" in second and "dcci" not in second
    assert "Values of different protocols cannot be compared" in first


def test_files_tell_the_run_of_each_row(older: LoadedRun, newer: LoadedRun, tmp_path: Path) -> None:
    merged = merge([older, newer], tmp_path)
    for text in (cells_csv(merged, cell_intervals(merged)), images_csv(merged)):
        rows = list(csv.DictReader(io.StringIO(text)))
        runs = {(row["method"], row["run"]) for row in rows}
        assert runs == {("srcnn-y-955", "newer"), ("lanczos", "newer"), ("bicubic", "newer"), ("dcci", "older")}


def test_metrics_of_one_run_alone_are_dashes_in_the_other(older: LoadedRun, tmp_path: Path) -> None:
    only_psnr = _run(tmp_path / "p", "2026-03-01", gains={"nearest": -2.0}, metrics=METRICS[:1])
    merged = merge([older, only_psnr], tmp_path)
    assert [metric.name for metric in merged.record.metrics] == ["psnr", "ssim", "mse"]
    line = next(line for line in markdown_table(grids(merged)[0]).splitlines() if line.startswith("| nearest"))
    assert " / —" in line
    assert list(figures(merged, (), "bicubic"))


def _timed(run: LoadedRun, device: str, ms: float) -> LoadedRun:
    shape: dict[str, Any] = {"scale": 2, "size": "128", "lr_height": 128, "lr_width": 128, "part": "whole"}
    rows = tuple(
        SpeedRow(method=method.name, **shape, mode="fp32", batch=1, median_ms=ms) for method in run.record.methods
    )
    speed = RunSpeed(asked="cpu", device=device, size="128", scale=2, sources={}, rows=rows)
    return dataclasses.replace(run, speed=speed)


def test_speeds_of_one_machine_are_merged_and_of_two_left_out(
    older: LoadedRun, newer: LoadedRun, tmp_path: Path
) -> None:
    same = merge([_timed(older, "a", 1.0), _timed(newer, "a", 2.0)], tmp_path).speed
    assert same is not None
    assert {row.method: row.median_ms for row in same.rows} == {
        "bicubic": 2.0,
        "lanczos": 2.0,
        "srcnn-y-955": 2.0,
        "dcci": 1.0,
    }
    assert merge([_timed(older, "a", 1.0), _timed(newer, "b", 2.0)], tmp_path).speed is None


def test_crops_come_from_the_runs_folders(tmp_path: Path) -> None:
    images = {"set5": ("baby", "bird")}
    first = _run(tmp_path / "first", "2026-01-01", gains={"bicubic": 0.0}, images=images, pictures=1)
    second = _run(tmp_path / "second", "2026-02-01", gains={"lanczos": 1.0}, images=images, pictures=1)
    assert not list(crop_sheets(first))
    assert dict(crop_sheets(merge([first, second], tmp_path / "board"))).keys() == {
        "crops-set5-x2.png",
        "crops-set5-x2.svg",
    }


def test_some_methods_in_the_order_asked_for(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", pictures=0)
    labels = find_methods(labels_of(run), ["srcnn-y-955", "l*", "bicubic"])
    assert labels == ["srcnn-y-955:t91", "srcnn-y-955:t91-9-5-5", "lanczos", "bicubic"]
    cut = only(run, labels)
    assert labels_of(cut) == labels
    assert [row.name for row in grids(cut)[0].rows] == labels
    assert [method.name for method in cut.record.methods] == ["srcnn-y-955", "lanczos", "bicubic"]
    assert not cut.record.failed
    assert cut.record.notes == ("4 of the run's 8 methods are shown",)
    assert only(run, labels_of(run)) is run
    assert len(cut.cells) == 4 * 6


def test_unknown_methods_are_named(tmp_path: Path) -> None:
    labels = ["bicubic", "srcnn-y-955:t91", "srcnn-y-955:x"]
    with pytest.raises(UsageError, match="Did you mean bicubic"):
        find_methods(labels, ["bicubik"])
    with pytest.raises(UsageError, match="one method"):
        find_baseline(labels, "srcnn-y-955")
    assert find_baseline(labels, "srcnn-y-955:x") == "srcnn-y-955:x"


def test_the_trainings_of_every_run_are_kept(tmp_path: Path) -> None:
    runs = []
    for name in ("a", "b"):
        run = _run(tmp_path / name, f"2026-01-01T00:00:0{len(runs)}Z", gains={f"m:{name}": 0.0})
        runs.append(dataclasses.replace(run, trainings={name: TrainingRecord(weights=name, shipped=name == "a")}))
    merged = merge(runs, tmp_path / "out")
    assert merged.trainings == runs[0].trainings | runs[1].trainings
    assert only(merged, ["m:a"]).trainings["a"].shipped
