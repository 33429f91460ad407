"""Text from outside on terminals, in GitHub's log and in CSV files."""

from __future__ import annotations

import ast
import csv
import io
import json
from pathlib import Path

import pytest
from rich.progress import BarColumn
from rich.table import Table
from rich.text import Text
from runs import write_run
from typer.testing import CliRunner

from srbench.analysis.baseline import write_baseline
from srbench.analysis.references import read_references
from srbench.cli.main import app
from srbench.console import make_bars, make_console
from srbench.report.frame import cells_csv, images_csv
from srbench.text import csv_field, cut, echo_json, from_csv_field, printable, warn

ROOT = Path(__file__).resolve().parents[2]
EVIL = "\x1b]0;owned\x07\x1b[2J\n::error file=x::evil\r##[group]\x9b31m\u202e"


def is_safe(text: str) -> bool:
    harmless = all(c.isprintable() or c in "\n\t" for c in text)
    return harmless and "##[" not in text and not any(line.lstrip().startswith("::") for line in text.split("\n"))


def test_printable() -> None:
    assert not is_safe(EVIL)
    assert is_safe(printable(EVIL))
    assert printable(EVIL) == ("\\x1b]0;owned\\x07\\x1b[2J\n: :error file=x::evil\\r## [group]\\x9b31m\\u202e")
    for plain in ("Bild ä 画像.png", "a::b", "two\nlines\tand a tab", "::"[:1]):
        assert printable(plain) == plain
    assert printable(printable(EVIL)) == printable(EVIL)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_console_passes_no_controls_of_others(terminal: bool) -> None:
    file = io.StringIO()
    console = make_console(file=file, width=80, force_terminal=terminal, color_system=None, highlight=False)
    table = Table("a")
    table.add_row(EVIL)
    console.print(table)
    console.print(EVIL, markup=False, soft_wrap=True)
    console.print(Text.assemble(("::", "bold"), "error::x"))
    console.print(f"note: {EVIL}", markup=False)
    with make_bars(console, BarColumn()) as bars:
        bars.advance(bars.add_task(EVIL, total=2))
        if terminal:
            text = file.getvalue()
            assert "\x1b]" not in text and "\x9b" not in text and "\n::" not in text
            return
    assert is_safe(file.getvalue())
    assert "x1b]0;owned" in file.getvalue()


def test_documents_stay_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"name": EVIL + "\U000e0001é", "n": 1.5}
    echo_json(json.dumps(document, ensure_ascii=False, indent=1))
    out = capsys.readouterr().out
    assert is_safe(out)
    assert json.loads(out) == document


def test_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    warn(EVIL)
    assert is_safe(capsys.readouterr().err)


def test_everything_is_printed_by_one_function() -> None:
    """Else the next place that prints forgets it. Workflow commands, which check itself means, are the exception."""
    found = []
    for path in sorted((ROOT / "srbench").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name == "Progress" and path.parent.name == "training":  # which is no bar
                continue
            if name in ("print", "typer.echo", "click.echo", "Console", "sys.stdout.write", "typer.secho", "Progress"):
                found.append((path.relative_to(ROOT / "srbench").as_posix(), name))
    allowed = [("cli/check.py", "typer.echo"), ("console.py", "Console"), ("console.py", "Progress")]
    assert sorted(found) == sorted([*allowed, ("text.py", "print"), ("text.py", "print")])


def test_names_in_what_report_check_and_compare_print(tmp_path: Path) -> None:
    evil = "\x1b[31m::error::x"
    run = write_run(
        tmp_path / "run", images={evil: (f"a{EVIL}", "b")}, gains={evil: 0.0, "x": 1.0, f"y{EVIL}": 2.0},
        scales=(2,), pictures=0, failed=((evil, evil, 2),),
    )  # fmt: skip
    for words in (["report", "--format", "csv", "--no-plots"], ["check"], ["compare", "*", "*"]):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, str(run.folder.path)])
        assert result.output
        assert "\x1b" not in result.output, words
        assert is_safe(result.output), words


FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\tx", "\rx", "=1", "-x"]


def test_formulas_are_no_formulas_in_csv(tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run", images={"=set": tuple(FORMULAS)}, gains={"bicubic": 0.0, "=a": -99.0}, scales=(2,),
        failed=(), pictures=0, values={"ssim": -0.25},
    )  # fmt: skip
    for text in (images_csv(run), cells_csv(run, {})):
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        for row in rows:
            for column in ("method", "dataset", "image"):
                assert not row.get(column, "").startswith(("=", "+", "-", "@", "\t", "\r"))
        assert {float(row["value"]) for row in rows if row["metric"] == "ssim"} == {-0.25}
    names = {row["image"] for row in csv.DictReader(io.StringIO(images_csv(run), newline=""))}
    assert names == {f"'{name}" for name in FORMULAS}


def test_numbers_are_no_formulas() -> None:
    for number in (-1.5, float("-inf"), 3, None, "-1.5", "+2", "-inf", "plain", ""):
        assert csv_field(number) == number
    for text in [*FORMULAS, "it's", "plain"]:
        assert from_csv_field(str(csv_field(text))) == text


def test_a_baseline_of_names_like_formulas_is_read_back(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", images={"=set": ("a",)}, gains={"=m": 0.0}, scales=(2,), failed=(), pictures=0)
    path = tmp_path / "base.csv"
    write_baseline([run], path)
    assert "'=m,'=set," in path.read_text()
    assert {(row.method, row.dataset) for row in read_references(path)} == {("=m", "=set")}


def test_what_is_cut_says_so() -> None:
    assert cut("short", 100) == "short"
    text = cut("a" * 5000 + "z", 1000)
    assert len(text) < 1000 and text.startswith("aaa") and text.endswith("az") and "4,085 characters left out" in text
