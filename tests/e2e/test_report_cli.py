"""``srbench report``: tables on stdout, files in a folder, and no work where nothing changed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from runs import write_run
from typer.testing import CliRunner

from srbench.bench.store import load_run
from srbench.cli.report import report
from srbench.errors import UsageError
from srbench.report.write import write_report

app = typer.Typer()
app.command()(report)

EVERYTHING = {
    "report.md",
    "compare.md",
    "results.csv",
    "per_image.csv",
    "compare.csv",
    "tables.tex",
    "intervals.tex",
    "results.json",
    "report.html",
    "plots/psnr-set5-x2.png",
    "plots/psnr-set5-x2.svg",
    "plots/psnr-set14-x2.png",
    "plots/psnr-set14-x2.svg",
    "crops/crops-set5-x2.png",
    "crops/crops-set14-x2.png",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "first", scales=(2,), failed=(("dcci", "set14", 2),)).folder.path


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"report.json"}


def test_a_whole_report(folder: Path) -> None:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--out", str(folder.parent)])
    assert result.exit_code == 0, result.output
    assert "33.66 / .9299" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert str(folder / "report") in result.stderr
    assert _files(folder / "report") == EVERYTHING
    text = (folder / "report" / "report.md").read_text("utf-8")
    for part in (
        "`338ce1a3`",
        "enlarged Y clipped",
        "![psnr-set5-x2](plots/psnr-set5-x2.png)",
        "srbench run --methods",
        "Author et al., Conference 2012",
        "research only",
        "Dong et al., TPAMI 2015",
        "dcci set14 x2 vdsr: dcci returned NaN.",
        "torch: 2.11.0",
    ):
        assert part in text
    document = json.loads((folder / "report" / "results.json").read_text("utf-8"))
    assert document["schema_version"] == 1


def test_some_formats_elsewhere(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "elsewhere"
    result = CliRunner().invoke(app, [str(folder), "--format", "csv,latex", "--no-plots", "--to", str(to)])
    assert result.exit_code == 0, result.output
    assert _files(to) == {"results.csv", "per_image.csv", "compare.csv", "tables.tex", "intervals.tex"}
    assert not (folder / "report").exists()
    CliRunner().invoke(app, [str(folder), "--format", "md", "--no-plots", "--to", str(to)])
    assert _files(to) > {"results.csv", "report.md", "compare.md"}


def test_other_metrics_are_printed_when_asked_for(folder: Path) -> None:
    arguments = [str(folder), "--format", "csv", "--no-plots"]
    assert "MSE" not in CliRunner().invoke(app, arguments).stdout
    assert "MSE" in CliRunner().invoke(app, [*arguments, "--metrics", "mse"]).stdout
    assert isinstance(CliRunner().invoke(app, [*arguments, "--metrics", "lpips"]).exception, UsageError)
    assert isinstance(CliRunner().invoke(app, [str(folder), "--format", "pdf"]).exception, UsageError)


def test_an_up_to_date_report_is_not_made_again(folder: Path) -> None:
    run = load_run(folder)
    first = {path: path.stat().st_mtime_ns for path in write_report(run)}
    code = (
        "import sys, time; from pathlib import Path\n"
        "from srbench.bench.store import load_run; from srbench.report.write import write_report\n"
        f"run = load_run(Path({str(folder)!r})); write_report(run)\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    began = time.perf_counter()
    assert set(write_report(run)) == set(first)
    assert time.perf_counter() - began < 0.3
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_a_changed_run_or_a_damaged_file_is_made_again(folder: Path) -> None:
    run = load_run(folder)
    write_report(run, plots=False)
    table = folder / "report" / "report.md"
    whole = table.read_text("utf-8")
    table.write_text("cut", "utf-8")
    write_report(run, plots=False)
    assert table.read_text("utf-8") == whole
    write_report(write_run(folder, gains={"bicubic": 0.5}, scales=(2,)), formats=["csv"], plots=False)
    assert _files(folder / "report") == {"results.csv", "per_image.csv"}, "tables of the old numbers must not stay"


@pytest.mark.parametrize(
    "stamp", ["", "[]", "{}", '{"schema_version": 1, "inputs": "", "made": [], "files": {"../x": 1}}']
)
def test_a_stamp_that_is_not_ours_is_not_trusted(folder: Path, stamp: str) -> None:
    (folder / "report").mkdir()
    (folder / "x").write_text("keep")
    (folder / "report" / "report.json").write_text(stamp)
    write_report(load_run(folder), formats=["csv"], plots=False)
    assert (folder / "x").read_text() == "keep"
    assert _files(folder / "report") == {"results.csv", "per_image.csv", "compare.csv"}


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run", images={"..": ("<script>",), "a|b": ("&%$_",)}, gains={"<b>": 0.0, "x_%": 1.0}, scales=(2,)
    )
    files = write_report(run, tmp_path / "to")
    assert all(path.resolve().is_relative_to(tmp_path / "to") for path in files)
    assert "<script>" not in (tmp_path / "to" / "report.md").read_text("utf-8")


def test_a_run_without_results(tmp_path: Path) -> None:
    failed = tuple(("bicubic", dataset, 2) for dataset in ("set5", "set14"))
    write_run(tmp_path / "run", gains={"bicubic": 0.0}, scales=(2,), failed=failed)
    result = CliRunner().invoke(app, [str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "failed: bicubic returned NaN." in result.stdout


def test_help_lists_the_exit_codes() -> None:
    text = " ".join(CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--help"]).stdout.split())
    assert "Exit codes: 0" in text
