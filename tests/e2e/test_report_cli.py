"""``srbench report``: tables on stdout, files in a folder, and no work where nothing changed."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from runs import METRICS, write_run
from typer.testing import CliRunner

from srbench.bench.store import read_run
from srbench.cli.report import report
from srbench.cli.run import _show_results
from srbench.errors import DataError, UsageError
from srbench.protocols.builtin import get_protocol
from srbench.report.write import STAMP, write_report

app = typer.Typer()
app.command()(report)

EVERYTHING = {
    "report.md",
    "compare.md",
    "results.csv",
    "per_image.csv",
    "compare.csv",
    "tables.tex",
    "references.bib",
    "results.json",
    "report.html",
    *(
        f"{stem}-{dataset}-x2.{kind}"
        for stem in ("plots/psnr", "plots/ssim", "plots/psnr-scatter", "crops/crops")
        for dataset in ("set5", "set14")
        for kind in ("png", "svg")
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "first", scales=(2,), failed=(("dcci", "set14", 2),)).folder.path


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"report.json"}


def test_a_run_of_a_protocol_that_is_no_longer_there(folder: Path) -> None:
    """A run says all of its protocol itself: fields that srbench had then, and a name that it no longer knows."""
    run = read_run(folder)
    content = run.record.protocol_content | {"canvas": [224, 224]}
    past = {"protocol": "paired-rgb-224", "protocol_hash": "82f8bf98", "protocol_content": content}
    run.folder.write_record(run.record.model_copy(update=past))
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["--out", str(folder.parent)])
    assert result.exit_code == 0, result.output
    assert "33.66 / .9299" in result.stdout
    assert "<dt>canvas</dt><dd>[224, 224]</dd>" in (folder / "report" / "report.html").read_text("utf-8")
    with pytest.raises(UsageError, match="no protocol 'paired-rgb-224'"):
        get_protocol(read_run(folder).record.protocol)


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
        "upsampled Y clipped",
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
    assert _files(to) == {"results.csv", "per_image.csv", "compare.csv", "tables.tex", "references.bib"}
    assert not (folder / "report").exists()
    CliRunner().invoke(app, [str(folder), "--format", "md", "--no-plots", "--to", str(to)])
    assert _files(to) > {"results.csv", "report.md", "compare.md"}


def test_the_page_names_the_plots_that_stand_beside_it(tmp_path: Path) -> None:
    """In whatever order its parts are asked for: a page made without plots is not the one with them."""
    run = write_run(tmp_path / "run", images={"set5": ("bird",)}, gains={"bicubic": 0.0, "dcci": 0.1}, scales=(2,))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_report(run, whole, ["md"])
    expected = (whole / "report.md").read_text("utf-8")
    assert "(plots/" in expected
    write_report(run, parts, ["md"], plots=False)
    write_report(run, parts, ["csv"])
    write_report(run, parts, ["md"])
    assert (parts / "report.md").read_text("utf-8") == expected
    write_report(run, parts, ["md", "latex"], plots=False)
    write_report(run, parts, ["md"])
    assert (parts / "report.md").read_text("utf-8") == expected


def test_the_tables_are_those_that_run_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _show_results(read_run(folder), as_json=False)
    printed = capsys.readouterr().out
    assert "PSNR (dB) / SSIM" in printed and "MSE" in printed
    assert (
        CliRunner(env={"COLUMNS": "80"}).invoke(app, [str(folder), "--format", "csv", "--no-plots"]).stdout == printed
    )


def test_metrics_are_chosen(folder: Path) -> None:
    arguments = [str(folder), "--format", "csv", "--no-plots", "--metrics"]
    for words, shown in (("psnr", False), ("ssim,mse", True), ("all", True)):
        result = CliRunner().invoke(app, [*arguments, words])
        assert result.exit_code == 0 and "PSNR (dB) / SSIM" in result.stdout
        assert ("MSE" in result.stdout) == shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metrics", "nope"], "There is no metric in the runs 'nope'. Known: all, mse, psnr, ssim."),
        (["--metrics", "psmr"], "Did you mean psnr"),
        (["--format", "md,pdf"], "There is no format 'pdf'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_printed(folder: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, [str(folder), *arguments])
    assert isinstance(result.exception, UsageError) and message in str(result.exception)
    assert result.stdout == "" and not (folder / "report").exists()


def test_a_metric_of_one_run_alone_is_printed_for_that_one(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write_run(runs / "one", gains={"bicubic": 0.0}, scales=(2,), failed=())
    write_run(runs / "two", gains={"bicubic": 0.0}, scales=(2,), failed=(), protocol="srcnn", metrics=METRICS[:2])
    words = [str(runs / "one"), str(runs / "two"), "--metrics", "mse", "--no-plots", "--to", str(tmp_path / "to")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.exception
    assert result.stdout.count(": MSE") == 2, "of the two data sets of one run"


def test_the_page_on_reports_names_every_file(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "report.md").read_text("utf-8")
    files = {path.relative_to(folder / "report") for path in write_report(read_run(folder))} | {Path(STAMP)}
    names = {f"{file.parts[0]}/" if len(file.parts) > 1 else file.name for file in files}
    table = page[page.index("| file |") : page.index("A report that is up to date")]
    assert not {name for name in names if f"`{name}`" not in table}


def test_an_up_to_date_report_is_not_made_again(folder: Path) -> None:
    run = read_run(folder)
    first = {path: path.stat().st_mtime_ns for path in write_report(run)}
    code = (
        "import sys, time; from pathlib import Path\n"
        "from srbench.bench.store import read_run; from srbench.report.write import write_report\n"
        f"run = read_run(Path({str(folder)!r})); write_report(run)\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    began = time.perf_counter()
    assert set(write_report(run)) == set(first)
    assert time.perf_counter() - began < 0.3
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_a_changed_run_or_a_damaged_file_is_made_again(folder: Path) -> None:
    run = read_run(folder)
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
    write_report(read_run(folder), formats=["csv"], plots=False)
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


def test_some_methods_and_a_baseline(folder: Path) -> None:
    arguments = [str(folder), "--methods", "srcnn-y-955:t91,l*", "--baseline", "bicubic", "--format", "md,latex,csv"]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "PSNR (dB), differences to bicubic" in result.stdout
    assert "dcci" not in result.stdout and max(map(len, result.stdout.splitlines())) <= 80
    report_folder = folder / "report"
    assert {"differences.tex", "plots/psnr-difference-set5-x2.png"} <= _files(report_folder)
    text = (report_folder / "report.md").read_text("utf-8")
    assert "3 of the run's 8 methods are shown" in text and "## Differences to bicubic" in text
    assert text.index("| srcnn-y-955:t91 |") < text.index("| lanczos |") < text.index("| bicubic |")
    with (report_folder / "compare.csv").open() as file:
        assert {row["b"] for row in csv.DictReader(file)} == {"bicubic"}
    whole = CliRunner().invoke(app, [str(folder), "--no-plots"])
    assert whole.exit_code == 0
    assert _files(report_folder) == {name for name in EVERYTHING if "/" not in name}, "of another choice nothing stays"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "bicubik"], "Did you mean bicubic"),
        (["--methods", "zzz*"], "There is no method"),
        (["--baseline", "lanzcos"], "Did you mean lanczos"),
        (["--baseline", "srcnn-y-955"], "--baseline takes one method"),
    ],
)
def test_unknown_names_are_refused_in_a_sentence(folder: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, [str(folder), *arguments])
    assert isinstance(result.exception, UsageError) and message in str(result.exception)
    assert not (folder / "report").exists()


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    """Two runs of one protocol that disagree on lanczos, and one of another protocol."""
    runs = tmp_path / "runs"
    write_run(runs / "one", gains={"bicubic": 0.0, "lanczos": 0.08}, scales=(2,), failed=())
    write_run(runs / "two", gains={"bicubic": 0.0, "lanczos": 0.5, "dcci": 0.2}, scales=(2,), failed=())
    write_run(runs / "three", gains={"bicubic": 1.0}, scales=(2,), failed=(), protocol="srcnn")
    return [str(runs / name) for name in ("one", "two", "three")]


def test_several_runs_are_a_leaderboard(three: list[str], tmp_path: Path) -> None:
    to = tmp_path / "board"
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*three, "--to", str(to)])
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stdout.index("protocol vdsr (338ce1a3)") < result.stdout.index("protocol srcnn (")
    vdsr, srcnn = (next(to.glob(f"{name}-*")) for name in ("vdsr", "srcnn"))
    assert {path.name for path in to.iterdir()} == {"leaderboard.md", vdsr.name, srcnn.name}
    plots = {f"plots/{m}-{d}-x2.{k}" for m in ("psnr", "ssim") for d in ("set5", "set14") for k in ("png", "svg")}
    assert plots | {"report.md", "results.csv", "tables.tex"} <= _files(vdsr)
    assert "crops/crops-set5-x2.png" in _files(vdsr)
    document = json.loads((vdsr / "results.json").read_text("utf-8"))
    assert {row["run"] for row in document["results"]} <= {"one", "two"}
    page = (to / "leaderboard.md").read_text("utf-8")
    assert re.search(r"run (one|two) has \d", page), "that the runs disagree on lanczos must be said"
    again = CliRunner().invoke(app, [*three, "--to", str(to)])
    assert again.exit_code == 0


def test_a_method_of_one_protocol_alone_leaves_the_other_out(three: list[str], tmp_path: Path) -> None:
    to = tmp_path / "board"
    result = CliRunner().invoke(app, [*three, "--to", str(to), "--methods", "dcci", "--no-plots"])
    assert result.exit_code == 0, result.output
    assert "srcnn (" not in result.stdout and "dcci" in result.stdout
    with_baseline = CliRunner().invoke(app, [*three, "--to", str(to), "--baseline", "lanczos", "--no-plots"])
    assert with_baseline.exit_code == 0, with_baseline.output
    assert "differences to lanczos" in with_baseline.stdout


def test_a_run_named_twice_is_one(three: list[str]) -> None:
    result = CliRunner().invoke(app, [three[0], three[0], "--no-plots"])
    assert result.exit_code == 0, result.output
    assert (Path(three[0]) / "report" / "report.md").is_file()


def test_a_leaderboard_goes_to_a_folder_of_its_own(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, [*three, "--no-plots", "--format", "md"]).exit_code == 0
    assert (tmp_path / "results" / "leaderboard" / "leaderboard.md").is_file()
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, [*three, "--no-plots", "--to", "file"])
    assert isinstance(result.exception, DataError) and "--to" in str(result.exception)


@pytest.mark.parametrize("starts", [True, False])
def test_open_shows_the_page_or_else_the_tables(folder: Path, monkeypatch: pytest.MonkeyPatch, starts: bool) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or starts)
    arguments = [str(folder), "--no-plots", "--format", "md", "--open"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert ("no browser" in result.stderr) != starts
    (folder / "report" / "report.html").write_text("<p>")
    CliRunner().invoke(app, arguments)
    assert [url.rpartition("/")[2] for url in opened] == ["report.md", "report.html"]
    assert opened[0].startswith("file://")


def test_no_torch_is_imported(three: list[str], tmp_path: Path) -> None:
    gains = {"bicubic": 0.0, "dcci": 0.1}
    folder = write_run(tmp_path / "small", images={"set5": ("bird",)}, gains=gains, scales=(2,)).folder.path
    code = "import sys; from srbench.cli.main import app; app(standalone_mode=False); print('torch' in sys.modules)"
    for words in ([str(folder), "--baseline", "bicubic"], [*three, "--to", str(tmp_path / "board")]):
        done = subprocess.run(
            [sys.executable, "-c", code, "report", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "False"


def test_published_values(folder: Path) -> None:
    """Of the methods shown, of all, or none; the report follows, and says what is of another protocol."""
    for choice, beside, others in (("", True, False), ("all", True, True), ("none", False, False)):
        words = [str(folder), "--no-plots", "--format", "md,latex,html", *(["--published", choice] if choice else [])]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        for text in (
            result.stdout,
            *((folder / "report" / name).read_text("utf-8") for name in ("report.md", "tables.tex")),
        ):
            assert ("SRCNN 9-5-5 (ImageNet)" in text) == beside
            assert ("DRCN" in text) == others
            assert ("not comparable with values of vdsr" in text) == others
        page = (folder / "report" / "report.html").read_text("utf-8")
        assert ('"name":"DRCN"' in page) == others
    assert "published, not run here:" not in result.stdout
    refused = CliRunner().invoke(app, [str(folder), "--published", "some"])
    assert isinstance(refused.exception, UsageError)


def test_an_index_of_all_runs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path / "runs" / name, images={"set5": ("baby", "bird")}, scales=(2,), pictures=0)
    (tmp_path / "runs" / "hurt").mkdir()
    (tmp_path / "runs" / "hurt" / "run.json").write_text("{")
    CliRunner().invoke(app, [str(tmp_path / "runs" / "one"), "--format", "html", "--no-plots"])
    result = CliRunner().invoke(app, ["--all", "--out", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "runs" / "index.html").read_text("utf-8")
    assert '<a href="one/report/report.html">one</a>' in text
    assert "two (no report)" in text and "hurt" not in text
    assert "best PSNR on set5 x2" in text and "8 methods" in text
    assert "hurt" in result.stderr
    refused = CliRunner().invoke(app, ["one", "--all", "--out", str(tmp_path / "runs")])
    assert isinstance(refused.exception, UsageError) or refused.exit_code == 2
