"""Tables: ranks, ties, directions, published figures, failed cells, and names that try to break out of the format."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from runs import FAILED, METRICS, NASTY, nasty_run, write_run

from srbench.analysis.compare import compare_all, report_pairs
from srbench.analysis.references import load_references
from srbench.analysis.sample import cell_intervals
from srbench.bench.results import MetricRecord
from srbench.bench.store import LoadedRun
from srbench.report.escape import markdown, markdown_code, safe_file_name
from srbench.report.plots.every_plot import plots
from srbench.report.tables.every_table import every_table
from srbench.report.tables.frame import (
    CELL_COLUMNS,
    cells_csv,
    cells_frame,
    comparisons_csv,
    comparisons_frame,
    images_csv,
    images_frame,
)
from srbench.report.tables.grid import Grid, grids, main_metrics, metric_titles, other_metrics, printed
from srbench.report.tables.intervals import signed
from srbench.report.text.latex import latex_tables
from srbench.report.text.markup import markdown_table
from srbench.report.text.page import markdown_report
from srbench.report.text.terminal import print_tables


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return write_run(tmp_path_factory.mktemp("tables") / "run", pictures=0)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return nasty_run(tmp_path_factory.mktemp("tables") / "run")


def _row(grid: Grid, name: str, *, published: bool = False) -> dict[int, str]:
    row = next(row for row in grid.rows if row.name == name and row.published == published)
    return {scale: " / ".join(entry.texts.values()) for scale, entry in row.entries.items()}


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(33.6615, 2, "33.66"), (0.92988, 4, ".9299"), (1.0, 4, "1.0000"), (-0.05, 2, "-.05"), (float("inf"), 2, "∞")],
)
def test_figures_are_printed_as_papers_do(value: float, digits: int, text: str) -> None:
    assert printed(value, digits) == text


def test_a_grid_holds_methods_by_scales(run: LoadedRun) -> None:
    set5, set14 = grids(run, load_references())
    assert (set5.scales, set5.dataset.images, set5.heading) == ((2, 3, 4), 5, "PSNR (dB) / SSIM")
    assert _row(set5, "bicubic") == {2: "33.66 / .9299", 3: "30.39 / .8682", 4: "28.42 / .8104"}
    assert _row(set5, "bicubic", published=True) == _row(set5, "bicubic")
    assert _row(set14, "SRCNN 9-5-5 (ImageNet)", published=True)[2] == "32.42 / .9063"
    names = [row.name for row in set5.rows]
    assert names.index("SRCNN 9-5-5 (ImageNet)") == names.index("srcnn-y-955:t91-9-5-5") + 1


def test_published_figures_of_another_protocol_are_not_shown(tmp_path: Path) -> None:
    linear = write_run(tmp_path / "run", protocol="linear", gains={"bicubic": 0.0}, pictures=0)
    assert not any(row.published for grid in grids(linear, load_references()) for row in grid.rows)


def test_ranks_follow_the_metric_and_ties_share_them(tmp_path: Path) -> None:
    gains = {"a": 1.0, "b": 1.0001, "c": 0.5, "d": 0.0}
    run = write_run(tmp_path / "run", gains=gains, pictures=0, scales=(2,), failed=())
    (metric,) = other_metrics(run)
    for grid, name in ((grids(run)[0], "psnr"), (grids(run, (), [metric])[0], "mse")):
        assert [row.entries[2].ranks[name] for row in grid.rows] == [1, 1, 2, 0]


def test_a_lone_method_is_not_the_best(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0}, pictures=0)
    assert "**" not in markdown_table(grids(run)[0])


def test_failed_cells_are_dashes_with_a_footnote(run: LoadedRun) -> None:
    text = markdown_table(grids(run)[1])
    (line,) = (line for line in text.splitlines() if line.startswith("| dcci |"))
    assert line.split(" | ")[2] == "—<sup>1</sup>"
    assert "<sup>1</sup> failed: dcci returned NaN." in text


def test_seeds_are_averaged_and_their_spread_is_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0, "srcnn-y-955:t91": 2.4}, seeds=(0, 1, 2), pictures=0)
    text = markdown_table(grids(run)[0])
    assert "**36.07** ± .01" in text
    assert "<ins>33.66</ins> / <ins>.9299</ins> |" in text


def test_csv_has_every_cell_at_full_precision(run: LoadedRun) -> None:
    rows = list(csv.DictReader(io.StringIO(cells_frame(run, cell_intervals(run)).to_csv(index=False))))
    assert list(rows[0]) == CELL_COLUMNS
    assert len(rows) == 2 * 3 * 8 * 3
    value = next(cell for cell in run.cells if str(cell.id) == "bicubic set5 x2 vdsr").values["psnr"]
    (row,) = (
        r for r in rows if (r["method"], r["dataset"], r["scale"], r["metric"]) == ("bicubic", "set5", "2", "psnr")
    )
    assert float(row["value"]) == value
    failed = [row for row in rows if row["status"] == "failed"]
    assert {(row["method"], row["dataset"], int(row["scale"]), row["value"]) for row in failed} == {(*FAILED, "")}
    images = images_frame(run)
    assert len(images) == (5 * 3 * 8 + 6 * 3 * 8 - 6) * 3
    assert images["image"].tolist()[0] == "baby"


def test_the_terminal_table_fits_80_columns(run: LoadedRun) -> None:
    console = Console(width=80, file=io.StringIO(), highlight=False)
    print_tables(run, console, others=other_metrics(run))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"bicubic +33\.66 / \.9299 +30\.39 / \.8682 +28\.42 / \.8104", text)
    assert "published: VDSR" in text
    assert "— [" in text
    assert "MSE ↓" in text
    assert "PSNR (dB) / SSIM\n" in text


def test_where_less_is_better_for_one_the_others_have_an_arrow_too() -> None:
    def titles(*better: bool) -> list[str]:
        return metric_titles(
            [MetricRecord(name=f"m{i}", higher_is_better=is_higher) for i, is_higher in enumerate(better)]
        )

    assert titles(True, True) == ["M0", "M1"]
    assert titles(False, True, True) == ["M0 ↓", "M1 ↑", "M2 ↑"]
    assert titles(False) == ["M0 ↓"]


def test_markdown_is_escaped(nasty: LoadedRun) -> None:
    text = markdown_report(nasty, every_table(nasty, ()), ["plots/a.png"])
    assert "<script>" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = {re.sub(r"\\.", "", line).count("|") for line in tables}
    assert widths <= {5, 6}
    assert "    Author et al., Conference 2012" in text
    assert markdown_code("a`b") == "``a`b``"
    assert markdown("a\n| b") == "a \\| b"


def test_file_names_are_safe_and_distinct() -> None:
    names = ["set5", "a/b", "a?b", "../../etc/passwd", "", ".", "con", "é", "x" * 300, "x" * 301, NASTY]
    safe = [safe_file_name(name) for name in names]
    assert safe[0] == "set5"
    assert len(set(safe)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) and len(name) < 100 for name in safe)


def test_published_figures_are_not_shown_beside_other_images(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0}, pictures=0, content="0" * 64)
    assert not any(row.published for grid in grids(run, load_references()) for row in grid.rows)


def test_a_narrow_terminal_keeps_the_methods_names(run: LoadedRun) -> None:
    console = Console(width=40, file=io.StringIO(), highlight=False)
    print_tables(run, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(re.findall(r"^bicubic +", text, re.MULTILINE)) >= 4
    assert all(f"x{scale}" in text for scale in (2, 3, 4))
    assert "28.42 / .8104" in text


def test_a_markdown_table_names_its_protocol(run: LoadedRun) -> None:
    assert "5 images, protocol vdsr (`338ce1a3`)." in markdown_report(run, every_table(run, ()), ())


LPIPS = MetricRecord(name="lpips-alex", higher_is_better=False, unavailable="alex_net.pth is not here: put it there.")


def test_a_metric_that_is_unavailable_says_so_and_why(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", metrics=(*METRICS, LPIPS), scales=(2, 3), pictures=0, failed=(FAILED,))
    assert LPIPS in other_metrics(run)
    grid, other = grids(run, (), [LPIPS])
    assert set(other.footnotes) == {*grid.footnotes, "failed: dcci returned NaN."}
    (note,) = grid.footnotes
    assert note == "unavailable: alex_net.pth is not here: put it there."
    for row in grid.rows:
        assert row.entries[2].texts == {"lpips-alex": "unavailable"}
        assert row.entries[2].ranks == {"lpips-alex": 0}
    assert "| bicubic | unavailable<sup>1</sup> |" in markdown_table(grid)
    assert "unavailable\\textsuperscript{1}" in latex_tables(run.record, [grid])
    rows = cells_frame(run, cell_intervals(run))
    lacking = rows[rows["metric"] == "lpips-alex"]
    assert set(lacking["status"]) == {"unavailable", "failed"}
    assert lacking["value"].isna().all()
    assert set(rows[rows["metric"] == "ssim"]["status"]) == {"ok", "failed"}


def test_the_main_table_is_of_what_was_computed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", metrics=(LPIPS, METRICS[2]), pictures=1)
    assert [metric.name for metric in main_metrics(run)] == ["mse"]
    assert all(name.startswith("mse-") for name, _ in plots(run))


def test_csv_is_what_pandas_writes(tmp_path: Path) -> None:
    infinite = {("a,b", "set5", 2): (float("inf"), 1.0), ("bicubic", "set5", 2): (float("inf"), 1.0)}
    gains = {"bicubic": 0.0, "a,b": 1.0, 'quoted "x"': 1e-7}
    run = write_run(tmp_path / "run", gains=gains, scales=(2,), pictures=0, failed=(FAILED,), figures=infinite)
    compared = compare_all(run, METRICS[0], report_pairs(run))
    intervals = cell_intervals(run)
    for text, frame in (
        (cells_csv(run, intervals), cells_frame(run, intervals)),
        (images_csv(run), images_frame(run)),
        (comparisons_csv(run, compared), comparisons_frame(run, compared)),
    ):
        assert text == frame.to_csv(index=False, lineterminator="\n")
        assert len(text.splitlines()) == len(frame) + 1 > 2


def test_differences_are_to_the_baseline(run: LoadedRun) -> None:
    compared = [c for m in main_metrics(run) for c in compare_all(run, m, report_pairs(run, "lanczos"))]
    grids_ = every_table(run, (), compared, "lanczos").differences
    assert [(grid.dataset.name, grid.heading) for grid in grids_[:2]] == [
        ("set5", "PSNR (dB), differences to lanczos"),
        ("set14", "PSNR (dB), differences to lanczos"),
    ]
    assert _row(grids_[0], "lanczos") == {2: "33.74", 3: "30.47", 4: "28.50"}
    assert _row(grids_[0], "bicubic")[2] == "-.08 (-.08 to -.08)"
    text = markdown_table(grids_[1])
    (line,) = (line for line in text.splitlines() if line.startswith("| dcci |"))
    assert line.split(" | ")[2] == "—<sup>1</sup>" and "failed: dcci returned NaN." in text
    assert not any(row.published for row in grids_[0].rows)
    assert "differences to lanczos" in latex_tables(run.record, grids_)
    assert "## Differences to lanczos" in markdown_report(run, every_table(run, (), compared, "lanczos"), ())


def test_a_baseline_without_a_result_leaves_dashes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2, 3), pictures=0, failed=(FAILED,))
    compared = compare_all(run, METRICS[0], report_pairs(run, "dcci"))
    set14 = next(grid for grid in every_table(run, (), compared, "dcci").differences if grid.dataset.name == "set14")
    assert _row(set14, "bicubic")[3] == "" and _row(set14, "bicubic")[2].startswith("-.20")


@pytest.mark.parametrize("gains", [{"bicubic": 0.0}, {f"method-number-{number}": 0.1 * number for number in range(40)}])
def test_one_method_and_forty_fit_80_columns(tmp_path: Path, gains: dict[str, float]) -> None:
    run = write_run(tmp_path / "run", gains=gains, images={"own": ("one",)}, pictures=0, failed=())
    console = Console(width=80, file=io.StringIO(), highlight=False)
    print_tables(run, console, others=other_metrics(run), intervals=True, baseline=next(iter(gains)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    assert all(re.search(rf"^{name} ", text, re.MULTILINE) for name in gains)
    assert "1 image)" in text


def test_nothing_less_than_nothing_is_nothing() -> None:
    assert (printed(-0.001, 2), signed(-0.004, 2), signed(0.004, 2), signed(-0.2, 0)) == (".00", ".00", ".00", "0")
    assert (printed(-0.5, 2), signed(0.005001, 2), signed(-0.06, 2)) == ("-.50", "+.01", "-.06")
