"""``srbench check``: exit codes, and every way in which it tells what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from runs import BICUBIC, write_run
from typer.testing import CliRunner

from srbench.analysis.references import REFERENCE_COLUMNS
from srbench.bench.store import LoadedRun
from srbench.cli.check import check
from srbench.errors import DataError, UsageError
from srbench.protocols.builtin import get_protocol

app = typer.Typer()
app.command()(check)
LOWERED = {("bicubic", "set5", 2): (33.61, BICUBIC["set5", 2][1])}
ENV = {"COLUMNS": "80", "GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": ""}


def _run(folder: Path, **options: object) -> LoadedRun:
    return write_run(folder, pictures=0, **{"gains": {"bicubic": 0.0}, "failed": (), **options})  # type: ignore[arg-type]


@pytest.fixture
def good(tmp_path: Path) -> str:
    return str(_run(tmp_path / "runs" / "good").folder.path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return str(_run(tmp_path / "runs" / "bad", figures=LOWERED).folder.path)


def test_a_good_run_passes_with_a_summary(good: str) -> None:
    result = CliRunner(env=ENV).invoke(app, [good])
    assert result.exit_code == 0, result.output
    assert "passed: all 24 values" in result.stdout
    assert "vdsr" in result.stdout and "set14" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_newest_run_is_checked(good: str, tmp_path: Path) -> None:
    assert CliRunner(env=ENV).invoke(app, ["--out", str(tmp_path / "runs")]).exit_code == 0


def test_a_lowered_bicubic_fails_and_is_named(bad: str) -> None:
    result = CliRunner(env=ENV).invoke(app, [bad])
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "bicubic set5 x2" in text and "33.61" in text and "33.6615" in text and "-0.05150" in text
    assert "FAILED: 2 of 24 differ" in text
    assert result.stdout.index("bicubic set5 x2") < result.stdout.index("protocol")


def test_json_is_one_document(bad: str) -> None:
    result = CliRunner(env=ENV | {"GITHUB_ACTIONS": "true"}).invoke(app, [bad, "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["schema_version"], document["ok"], document["runs"]) == (1, False, ["bad"])
    assert document["verdicts"][0]["status"] == "fail"
    assert "::error" in result.stderr


def test_junit(bad: str, tmp_path: Path) -> None:
    CliRunner(env=ENV).invoke(app, [bad, "--junit", str(tmp_path / "out" / "junit.xml")])
    suite = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("24", "2", "0")
    messages = [failure.get("message", "") for failure in suite.iter("failure")]
    assert any(m.startswith("bicubic set5 x2 vdsr psnr: 33.61 where 33.6615 +- 0.0005") for m in messages)


def test_github_annotations_and_summary(bad: str, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = ENV | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    result = CliRunner(env=env).invoke(app, [bad])
    lines = [line for line in result.stdout.splitlines() if line.startswith("::error ")]
    assert len(lines) == 2
    place, _, rest = lines[0].partition(",title=")
    assert re.fullmatch(r"::error file=\S+\.csv,line=\d+", place)
    assert rest.startswith("srbench check%3A bicubic set5 x2 vdsr psnr::bicubic set5 x2 vdsr psnr: ")
    text = summary.read_text("utf-8")
    assert text.startswith("before\n## srbench check: failed\n")
    assert "| bicubic set5 x2 vdsr psnr | 33.61 | 33.6615 ± 0.0005 |" in text


def test_odd_characters_stay_inside_their_format(tmp_path: Path) -> None:
    method, source = "m\x01<&]]>%", "a%b\r\n::warning::x | y\x00"
    run = _run(tmp_path / "run", gains={method: 0.0})
    path = tmp_path / "odd.csv"
    row = [method, "set5", "2", "vdsr", "psnr", "1.0", "0.1", "gate", "", source.replace("\x00", "\x02"), ""]
    quoted = ",".join(f'"{field}"' for field in row)
    path.write_text(",".join(REFERENCE_COLUMNS) + "\n" + quoted + "\n", "utf-8", newline="")
    env = ENV | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    arguments = [str(run.folder.path), "--reference", str(path), "--junit", str(tmp_path / "junit.xml")]
    result = CliRunner(env=env).invoke(app, arguments)
    assert result.exit_code == 1
    ElementTree.parse(tmp_path / "junit.xml")
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("::"))
    assert "a%25b%0D%0A::warning" in line
    table = [line for line in (tmp_path / "summary.md").read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert table[-1].replace("\\|", "").count("|") == 6


def test_a_named_reference_must_be_covered(good: str, tmp_path: Path) -> None:
    result = CliRunner(env=ENV).invoke(app, [good, "--reference", "published"])
    assert result.exit_code == 1
    assert "not in the run" in " ".join(result.stdout.split())
    assert "more; --json and --junit list them all" in result.stdout
    empty = tmp_path / "empty.csv"
    empty.write_text(",".join(REFERENCE_COLUMNS) + "\n")
    result = CliRunner(env=ENV).invoke(app, [good, "--reference", str(empty)])
    assert result.exit_code == 1
    assert "Nothing was checked" in result.stdout


def test_nothing_in_scope_fails(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", gains={"mine": 0.0})
    result = CliRunner(env=ENV).invoke(app, [str(run.folder.path)])
    assert result.exit_code == 1
    assert "Nothing was checked" in result.stdout


def test_a_failed_cell_fails(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", failed=(("bicubic", "set5", 2),))
    result = CliRunner(env=ENV).invoke(app, [str(run.folder.path), "--json"])
    assert result.exit_code == 1
    assert [v["status"] for v in json.loads(result.stdout)["verdicts"]].count("missing") == 4


def test_a_written_baseline_passes_and_catches_a_change(good: str, bad: str, tmp_path: Path) -> None:
    baseline = tmp_path / "base" / "line.csv"
    written = CliRunner(env=ENV).invoke(app, [good, "--write", str(baseline)])
    assert (written.exit_code, written.stdout) == (0, "")
    assert "18 values written" in written.stderr
    assert CliRunner(env=ENV).invoke(app, [good, "--reference", str(baseline)]).exit_code == 0
    assert CliRunner(env=ENV).invoke(app, [bad, "--reference", str(baseline)]).exit_code == 1


def test_a_baseline_that_is_there_is_not_written_over(good: str, tmp_path: Path) -> None:
    baseline = tmp_path / "line.csv"
    baseline.write_text("tolerances of mine\n")
    result = CliRunner(env=ENV).invoke(app, [good, "--write", str(baseline)])
    assert isinstance(result.exception, UsageError)
    assert f"--update --reference {baseline}" in str(result.exception)
    assert baseline.read_text() == "tolerances of mine\n"


def test_wrong_use_is_explained(good: str, tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, [good, "--reference", "publishd"]).exception, UsageError)
    assert isinstance(CliRunner().invoke(app, ["--out", str(tmp_path / "none")]).exception, UsageError)
    (tmp_path / "broken.csv").write_text("a,b\n")
    result = CliRunner().invoke(app, [good, "--reference", str(tmp_path / "broken.csv")])
    assert isinstance(result.exception, DataError)


def test_json_tells_the_protocols_hash(good: str) -> None:
    document = json.loads(CliRunner(env=ENV).invoke(app, [good, "--json"]).stdout)
    assert {verdict["protocol_hash"] for verdict in document["verdicts"]} == {get_protocol("vdsr").hash}


@pytest.mark.parametrize("option", ["--junit", "--write"])
@pytest.mark.parametrize("where", ["file/j.xml", "folder"])
def test_a_path_that_cannot_be_written_is_one_sentence(good: str, tmp_path: Path, option: str, where: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    result = CliRunner(env=ENV).invoke(app, [good, option, str(tmp_path / where)])
    assert isinstance(result.exception, DataError)
    assert f"{where} cannot be written" in str(result.exception)
    assert result.stdout == ""


def test_a_broken_step_summary_does_not_fail_a_good_run(good: str, tmp_path: Path) -> None:
    result = CliRunner(env=ENV | {"GITHUB_STEP_SUMMARY": str(tmp_path)}).invoke(app, [good])
    assert result.exit_code == 0
    assert "GITHUB_STEP_SUMMARY" in result.stderr


@pytest.mark.parametrize("other", [["--json"], ["--junit", "j.xml"], ["--reference", "published"]])
def test_writing_a_baseline_goes_with_no_check(good: str, tmp_path: Path, other: list[str]) -> None:
    result = CliRunner(env=ENV).invoke(app, [good, "--write", str(tmp_path / "base.csv"), *other])
    assert isinstance(result.exception, UsageError)
    assert other[0] in str(result.exception)
    assert not (tmp_path / "base.csv").exists()


def test_help_lists_the_exit_codes() -> None:
    text = " ".join(CliRunner(env=ENV).invoke(app, ["--help"]).stdout.split())
    assert "Exit codes: 0" in text
