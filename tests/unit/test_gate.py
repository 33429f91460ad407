"""The gate says no to every deviation, to every missing figure, and to having checked nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from runs import BICUBIC, METRICS, write_run

from srbench.analysis.baseline import write_baseline
from srbench.analysis.gate import check_runs
from srbench.analysis.references import Reference, load_references
from srbench.bench.results import TrainingRecord
from srbench.errors import UsageError
from srbench.protocols.builtin import get_protocol

ONLY = {"gains": {"bicubic": 0.0}, "failed": (), "pictures": 0}


def _published() -> tuple[Reference, ...]:
    return load_references(["published"])


def _figure(psnr: float) -> dict[tuple[str, str, int], tuple[float, float]]:
    return {("bicubic", "set5", 2): (psnr, BICUBIC["set5", 2][1])}


def test_the_published_figures_pass(tmp_path: Path) -> None:
    result = check_runs([write_run(tmp_path / "run", **ONLY)], _published())
    assert result.ok
    # 2 data sets x 3 scales x 2 metrics, each printed and recomputed
    assert len(result.verdicts) == 24
    assert max(abs(verdict.difference or 0) for verdict in result.verdicts) < 0.005


@pytest.mark.parametrize("psnr", [33.61, 33.6609, 33.6621, 34.2])
def test_a_value_outside_fails_in_either_direction_and_is_named(tmp_path: Path, psnr: float) -> None:
    result = check_runs([write_run(tmp_path / "run", figures=_figure(psnr), **ONLY)], _published())
    assert not result.ok
    assert result.verdicts[0].status == "fail"
    message = next(verdict.message for verdict in result.failures if verdict.reference.text == "33.6615")
    assert message.startswith(f"bicubic set5 x2 vdsr psnr: {psnr} where 33.6615 +- 0.0005 is expected (recomputed")
    assert ("better than published" in message) == (psnr > 33.6615)


def test_a_planned_figure_without_a_result_is_missing(tmp_path: Path) -> None:
    failed = ONLY | {"failed": (("bicubic", "set5", 2),)}
    result = check_runs([write_run(tmp_path / "run", **failed)], _published())
    assert {verdict.status for verdict in result.failures} == {"missing"}
    assert len(result.failures) == 4
    assert "bicubic set5 x2 vdsr psnr: failed (bicubic returned NaN) where 33.66" in result.failures[0].message


def test_a_run_of_which_nothing_is_known_fails(tmp_path: Path) -> None:
    result = check_runs([write_run(tmp_path / "run", gains={"dcci": 0.2}, pictures=0)], _published())
    assert not result.verdicts
    assert not result.ok
    assert "Nothing was checked in run run" in result.problems[0]


def test_metrics_that_were_not_asked_for_are_out_of_scope(tmp_path: Path) -> None:
    result = check_runs([write_run(tmp_path / "run", metrics=METRICS[:1], **ONLY)], _published())
    assert result.ok
    assert len(result.verdicts) == 12


def test_a_protocol_is_matched_by_content_not_by_name(tmp_path: Path) -> None:
    impostor = dataclasses.replace(get_protocol("vdsr"), border="replicate")
    assert not check_runs([write_run(tmp_path / "a", protocol=impostor, **ONLY)], _published()).verdicts
    renamed = dataclasses.replace(get_protocol("vdsr"), name="mine")
    assert check_runs([write_run(tmp_path / "b", protocol=renamed, **ONLY)], _published()).ok


def test_named_references_must_all_be_there(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", **ONLY)
    vdsr = [row for row in _published() if row.protocol == "vdsr" and row.dataset in ("set5", "set14")]
    assert check_runs([run], vdsr, complete=True).ok
    result = check_runs([run], _published(), complete=True)
    assert not result.ok
    assert "bicubic bsd100 x2 vdsr psnr: not in the run where" in "\n".join(v.message for v in result.failures)
    nothing = check_runs([run], [row for row in vdsr if row.use == "show"], complete=True)
    assert nothing.problems and not nothing.ok


def test_several_runs_cover_together(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, images={name: ("a", "b")}, gains={"bicubic": 0.0}, failed=(), pictures=0)
        for name in ("set5", "set14")
    ]
    rows = [row for row in _published() if row.protocol == "vdsr" and row.dataset in ("set5", "set14")]
    assert check_runs(runs, rows, complete=True).ok
    assert not check_runs(runs[:1], rows, complete=True).ok


def test_a_baseline_holds_the_run_it_was_written_from(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", failed=(), pictures=0, seeds=(0, 1))
    count = write_baseline([run], tmp_path / "base.csv")
    rows = load_references([str(tmp_path / "base.csv")])
    assert len(rows) == count == 8 * 2 * 3 * 3
    assert check_runs([run], rows, complete=True).ok
    tolerance = {(row.method, row.metric): row.tolerance for row in rows if (row.dataset, row.scale) == ("set5", 2)}
    assert tolerance["bicubic", "psnr"] == 0.001
    assert tolerance["srcnn-y-955:t91", "psnr"] == 0.15
    assert tolerance["bicubic", "ssim"] == 0.00005
    weights = tuple(cell.model_copy(update={"inputs": {"weights": "w"}}) for cell in run.cells)
    for shipped in (False, True):  # with the method, so that every machine has the same
        trainings = {"w": TrainingRecord(weights="w", shipped=shipped)}
        write_baseline([dataclasses.replace(run, cells=weights, trainings=trainings)], tmp_path / "shipped.csv")
        slack = {row.tolerance for row in load_references([str(tmp_path / "shipped.csv")]) if row.metric == "psnr"}
        assert slack == ({0.001} if shipped else {0.001, 0.15})
    worse = write_run(tmp_path / "worse", gains={"bicubic": -0.1}, failed=(), pictures=0)
    messages = [verdict.message for verdict in check_runs([worse], rows).failures]
    assert len(messages) == 18
    assert all(message.endswith("worse than the baseline") for message in messages)


def test_a_baseline_of_a_protocol_of_ones_own(tmp_path: Path) -> None:
    own = dataclasses.replace(get_protocol("vdsr"), name="mine", shave_per_scale=2)
    run = write_run(tmp_path / "run", protocol=own, **ONLY)
    write_baseline([run], tmp_path / "base.csv")
    assert check_runs([run], load_references([str(tmp_path / "base.csv")]), complete=True).ok


def test_a_run_with_holes_is_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 cells without a result"):
        write_baseline([write_run(tmp_path / "run", pictures=0)], tmp_path / "base.csv")


def test_a_folder_that_is_called_like_a_data_set_is_not_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", content="0" * 64, **ONLY)
    result = check_runs([run], _published())
    assert not result.verdicts and not result.ok
    assert "its data sets 'set5', 'set14' hold other images than srbench's" in result.problems[0]
    named = check_runs([run], _published(), complete=True)
    assert {verdict.status for verdict in named.verdicts} == {"missing"}
    messages = [verdict.message for verdict in named.verdicts if verdict.reference.dataset == "set5"]
    assert "psnr: other images than srbench's set5 where" in messages[0]
    with pytest.raises(UsageError, match="'set5' of run run holds other images than srbench's"):
        write_baseline([run], tmp_path / "base.csv")


def test_a_folder_of_ones_own_is_matched_by_name(tmp_path: Path) -> None:
    own = {"images": {"mine": ("a", "b")}, **ONLY}
    write_baseline([write_run(tmp_path / "a", **own)], tmp_path / "base.csv")
    rows = load_references([str(tmp_path / "base.csv")])
    assert check_runs([write_run(tmp_path / "b", content="0" * 64, **own)], rows, complete=True).ok


def test_seeds_are_one_figure_and_it_is_missing_if_one_is(tmp_path: Path) -> None:
    options = {"gains": {"srcnn-y:t91": 2.4}, "images": {"set5": ("a", "b")}, "scales": (2,), "pictures": 0}
    run = write_run(tmp_path / "run", failed=(), seeds=(0, 100), **options)  # type: ignore[arg-type]
    write_baseline([run], tmp_path / "base.csv")
    rows = load_references([str(tmp_path / "base.csv")])
    result = check_runs([run], rows, complete=True)
    assert result.ok
    assert [verdict.seeds for verdict in result.verdicts] == [(0, 100)] * 3
    assert "srcnn-y:t91 set5 x2 vdsr psnr (mean of 2 seeds): " in result.verdicts[0].message
    lost = dataclasses.replace(run, cells=run.cells[:1])
    messages = [verdict.message for verdict in check_runs([lost], rows).failures]
    assert len(messages) == 3
    assert "no result of seed 100 where" in messages[0]


def test_a_figure_of_a_metric_that_is_unavailable_is_missing(tmp_path: Path) -> None:
    """The gate never passes because something could not be computed, and no baseline is made without it."""
    lacking = METRICS[1].model_copy(update={"unavailable": "its weights are not here."})
    run = write_run(tmp_path / "run", metrics=(METRICS[0], lacking), **ONLY)
    result = check_runs([run], _published())
    missing = [verdict for verdict in result.verdicts if verdict.status == "missing"]
    assert {verdict.reference.metric for verdict in missing} == {"ssim"}
    assert len(missing) == 12
    assert "ssim: unavailable (its weights are not here) where 0.92988" in missing[0].message
    with pytest.raises(UsageError, match="could not compute ssim; run it without"):
        write_baseline([run], tmp_path / "baseline.csv")
