"""``srbench compare``: two methods, two runs, a matrix, and what it refuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import Cli, photograph, save
from runs import write_run
from scipy import stats
from typer.testing import CliRunner

from srbench.cli.compare import compare
from srbench.errors import SrbenchError, UsageError
from srbench.report.write import write_report

app = typer.Typer()
app.command()(compare)
IMAGES = {"set5": ("baby", "bird", "butterfly", "head", "woman"), "mine": tuple(f"image{n}" for n in range(20))}
GAINS = {"bicubic": 0.0, "dcci": 0.2, "srcnn-y:t91": 2.4}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_run(tmp_path / "runs" / "old", gains=GAINS, images=IMAGES, pictures=0, failed=(("dcci", "mine", 3),))
    gains = GAINS | {"dcci": 0.5}
    write_run(tmp_path / "runs" / "new", gains=gains, images=IMAGES, seeds=(0, 1, 2), pictures=0, failed=())
    return tmp_path / "runs"


def _run(out: Path, *words: str) -> Any:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, [*words, "--out", str(out)])


def _document(out: Path, *words: str) -> dict[str, Any]:
    result = _run(out, *words, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["schema_version"] == 1
    return document


def _refused(out: Path, *words: str) -> str:
    error = _run(out, *words).exception
    assert isinstance(error, UsageError) and error.exit_code == 2
    assert "\n" not in str(error)
    return str(error)


def test_two_methods(out: Path) -> None:
    result = _run(out, "dcci", "bicubic", "old", "--scales", "2,3")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["set5", "x2", "5", "33.86", "33.66", "+.20", "+.20", "to", "+.20", "5/0/0", "too", "few"] in rows
    assert ["mine", "x2", "20", "28.20", "28.00", "+.20", "[+.20,", "+.20]", "20/0/0", "<.001*"] in rows
    assert ["set5", "x2", "baby", "30.86", "30.66", "+.20"] in rows
    assert "n = 5 is too few for a test" in result.stdout.replace("\n", " ")
    assert "seeds" not in result.stdout
    assert "no result of dcci mine x3 vdsr" in result.stderr


def test_seeds_are_shown_apart(out: Path) -> None:
    result = _run(out, "srcnn-y", "bicubic", "new", "--dataset", "mine", "--scales", "2", "--top", "0")
    assert "over images, and over seeds" in result.stdout
    assert ".010 (3)" in result.stdout
    assert "largest" not in result.stdout
    (row,) = _document(out, "srcnn-y", "bicubic", "new", "--datasets", "mine", "--scales", "2")["comparisons"]
    assert (row["n"], row["seeds_a"], row["seeds_b"], row["seed_sd_b"]) == (20, 3, 1, None)
    assert row["seed_sd_a"] == pytest.approx(0.01)


def test_the_same_method_in_two_runs(out: Path) -> None:
    document = _document(out, "dcci", "dcci", "new", "old", "--metric", "psnr", "--top", "2")
    assert document["runs"] == ["new", "old"]
    rows = document["comparisons"]
    assert len(rows) == 5
    assert {round(row["difference"], 6) for row in rows} == {0.3}
    assert {len(row["images"]) for row in rows} == {2}
    text = _run(out, "dcci", "dcci", "new", "old").stdout
    assert "A = dcci of run new" in text and "B = dcci of run old" in text


def test_lower_is_better_for_mse(out: Path) -> None:
    document = _document(out, "dcci", "bicubic", "old", "--metric", "mse")
    assert document["higher_is_better"] is False
    assert all(row["difference"] < 0 and row["losses"] == 0 < row["wins"] for row in document["comparisons"])
    assert "MSE ↓" in _run(out, "dcci", "bicubic", "old", "--metric", "mse").stdout


def test_a_matrix_without_names_and_with_globs(out: Path) -> None:
    result = _run(out)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "3 srcnn-y:t91  +2.41*  +1.91*" in result.stdout
    assert result.stdout.count("Holm over 3 pairs") == 3
    five = result.stdout[result.stdout.index("set5 x2") : result.stdout.index("mine x2")]
    assert "*" not in five and "n = 5 is too few" in five
    narrow = _run(out, "*", "bicubic", "new", "--scales", "2", "--dataset", "mine").stdout
    assert "bicubic" in narrow and "Holm over 2 pairs" in narrow
    rows = _document(out, "*", "*", "new")["comparisons"]
    assert len(rows) == 3 * 6


def test_what_cannot_be_compared_is_refused_in_a_sentence(out: Path) -> None:
    write_run(out / "srcnn", gains=GAINS, images=IMAGES, protocol="srcnn", pictures=0)
    write_run(out / "fake", gains=GAINS, images=IMAGES, content="0" * 64, pictures=0)
    assert "cannot be compared with itself" in _refused(out, "dcci", "dcci", "new")
    assert "cannot be compared with itself" in _refused(out, "dcci", "dcci", "new", "new")
    assert "Did you mean dcci" in _refused(out, "dcc", "bicubic", "new")
    assert "two protocols" in _refused(out, "dcci", "dcci", "new", "srcnn")
    assert "holds other images" in _refused(out, "dcci", "dcci", "new", "fake")
    assert "There is no data set in the run 'set6'" in _refused(out, "dcci", "bicubic", "new", "--dataset", "set6")
    assert "metric in the run 'lpips'" in _refused(out, "dcci", "bicubic", "new", "--metric", "lpips")
    assert "without globs" in _refused(out, "*", "*", "new", "old")
    assert "among those asked for" in _refused(out, "dcci", "bicubic", "new", "--scales", "8")
    assert "run more" in _refused(out, "*", "*", "new", "--scales", "8")
    assert isinstance(_run(out, "dcci", "bicubic", "nowhere").exception, SrbenchError)


def test_torch_is_not_imported(out: Path) -> None:
    words = ["compare", "dcci", "bicubic", "old", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "srbench", *words], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "srbench.analysis.compare" in imported
    assert imported.isdisjoint({"torch", "pandas", "matplotlib"})


def test_a_report_holds_the_matrix_and_the_intervals(out: Path, tmp_path: Path) -> None:
    from srbench.bench.store import read_run

    write_report(read_run(out / "new"), tmp_path / "report", plots=False)
    rows = list(csv.DictReader((tmp_path / "report" / "compare.csv").open(encoding="utf-8")))
    assert len(rows) == 3 * 6 * 2
    assert {row["p"] for row in rows if row["dataset"] == "set5"} == {""}
    assert all(float(row["p"]) <= float(row["p_holm"]) for row in rows if row["dataset"] == "mine")
    cells = list(csv.DictReader((tmp_path / "report" / "results.csv").open(encoding="utf-8")))
    assert all(
        float(row["ci_low"]) < float(row["value"]) < float(row["ci_high"]) for row in cells if row["dataset"] == "mine"
    )
    results = json.loads((tmp_path / "report" / "results.json").read_text("utf-8"))["results"]
    assert [row["ci_low"] for row in results] == [float(row["ci_low"]) if row["ci_low"] else None for row in cells]
    assert "### mine: PSNR (dB), intervals" in (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "\\label{tab:srbench-psnr-intervals}" in (tmp_path / "report" / "intervals.tex").read_text("utf-8")


def test_a_run_of_one_method_on_few_images_has_neither(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0}, images={"mine": ("a", "b")}, pictures=0, failed=())
    names = {path.name for path in write_report(run, plots=False)}
    assert names == {"report.md", "results.csv", "per_image.csv", "tables.tex", "results.json", "report.html"}


def test_a_real_run(cli: Cli, tmp_path: Path) -> None:
    for index in range(6):
        save(tmp_path / "photos" / f"photo{index}.png", photograph(40, 44, index))
    run = cli("run", "--methods", "nearest,bicubic", "--datasets", "photos", "--scales", "2", "--no-report", "--json")
    assert run.returncode == 0, run.stderr
    values = {row["method"]: row for row in json.loads(run.stdout)["results"] if row["metric"] == "psnr"}
    done = cli("compare", "bicubic", "nearest", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["comparisons"]
    a, b = ([image["value"] for image in values[name]["per_image"]] for name in ("bicubic", "nearest"))
    assert row["difference"] == pytest.approx(values["bicubic"]["value"] - values["nearest"]["value"])
    assert row["p"] == row["p_holm"] == pytest.approx(float(stats.wilcoxon(a, b).pvalue))
    assert values["bicubic"]["ci_low"] is None, "of so few images there is no interval"
    itself = cli("compare", "bicubic", "bicubic")
    assert (itself.returncode, itself.stdout) == (2, "")
    assert itself.stderr.startswith("srbench: bicubic cannot be compared with itself")
