"""``srbench check --update``: it writes what has changed, and only where it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import BICUBIC, write_run
from typer.testing import CliRunner

import srbench.analysis.update as update_module
from srbench.analysis.baseline import write_baseline
from srbench.analysis.update import _rewritten
from srbench.bench.store import LoadedRun
from srbench.cli.check import check
from srbench.errors import DataError, UsageError
from srbench.system.places import reference_folder

app = typer.Typer()
app.command()(check)


def made(folder: Path, **options: Any) -> LoadedRun:
    return write_run(folder, **{"gains": {"bicubic": 0.0}, "failed": (), "pictures": 0, **options})


def invoke(*words: object) -> Any:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, [str(word) for word in words])


def moved(folder: Path, by: float, **options: Any) -> Path:
    """A run in which bicubic's PSNR on Set5 x2 differs."""
    psnr, ssim = BICUBIC["set5", 2]
    return made(folder, figures={("bicubic", "set5", 2): (psnr + by, ssim)}, **options).folder.path


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    write_baseline([made(tmp_path / "before")], tmp_path / "base.csv")
    return tmp_path / "base.csv"


def test_what_changed_is_rewritten_and_nothing_else(baseline: Path, tmp_path: Path) -> None:
    before = baseline.read_text().splitlines()
    run = moved(tmp_path / "after", 0.1)
    assert invoke(run, "--reference", baseline).exit_code == 1
    result = invoke(run, "--update", "--reference", baseline)
    assert result.exit_code == 0, result.exception
    after = baseline.read_text().splitlines()
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert [old.split(",")[4] for old, _ in changed] == ["psnr", "mse"]
    for old, new in changed:
        assert old.split(",")[6:] == new.split(",")[6:]  # tolerance, source, note, rule
    assert changed[0][1].startswith("bicubic,set5,2,vdsr,psnr,33.76146,0.001,gate,")
    assert invoke(run, "--reference", baseline).exit_code == 0

    shown = result.stdout.splitlines()
    assert shown[:2] == [f"--- {baseline}", f"+++ {baseline}"]
    assert [line[1:] for line in shown[2:] if line[0] == "-"] == [old for old, _ in changed]
    assert [line[1:] for line in shown[2:] if line[0] == "+"] == [new for _, new in changed]
    assert "base.csv: 2 of the 18 values that the runs hold rewritten" in result.stderr


def test_within_its_tolerance_a_figure_stays(baseline: Path, tmp_path: Path) -> None:
    before, time = baseline.read_bytes(), baseline.stat().st_mtime_ns
    result = invoke(moved(tmp_path / "after", 0.0005), "--update", "--reference", baseline)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 of the 18" in result.stderr
    assert (baseline.read_bytes(), baseline.stat().st_mtime_ns) == (before, time)


def test_hand_written_rows_keep_their_bytes(tmp_path: Path) -> None:
    """Quotes that are not needed, CR LF, notes over two lines, other rows, a byte order mark."""
    header = b"\xef\xbb\xbfvalue,method,dataset,scale,protocol,metric,tolerance,use,shown_for,source,note,rule\r\n"
    rows = [
        b'33.5,bicubic,set5,2,vdsr,psnr,0.001,gate,,srbench baseline,"of ours,\r\nin two lines",\r\n',
        b'"33.6",bicubic,set5,2,vdsr,psnr,0.1,gate,,srbench baseline,"needless",equal\r\n',
        b"33.4,bicubic,set5,2,vdsr,psnr,0.5,gate,,Somebody's Table 1,,\r\n",
        b"30,bicubic,set5,3,vdsr,psnr,0,gate,,srbench floor,,at_least\r\n",
        b"34,dcci,set5,2,vdsr,psnr,0,gate,,srbench baseline,,",
    ]
    path = tmp_path / "mine.csv"
    path.write_bytes(header + b"".join(rows))
    result = invoke(made(tmp_path / "run").folder.path, "--update", "--reference", path)
    assert result.exit_code == 0, result.exception
    new = rows[0].replace(b"33.5", b"33.66146")
    assert path.read_bytes() == header + new + b"".join(rows[1:])


@given(
    notes=st.lists(st.text("a\",\n\r'é ", max_size=8), min_size=1, max_size=6),
    ends=st.sampled_from(["\n", "\r\n"]),
    chosen=st.sets(st.integers(0, 5)),
)
def test_any_file_keeps_its_other_records(notes: list[str], ends: str, chosen: set[int]) -> None:
    import csv
    import io

    spans = ["note,value" + ends]
    for k, note in enumerate(notes):
        row = io.StringIO(newline="")
        csv.writer(row).writerow([note, k])
        spans.append(row.getvalue().removesuffix("\r\n") + ends)
    text = "".join(spans)
    reader = csv.reader(list(io.StringIO(text, newline="")))
    lines = [reader.line_num for _ in reader][1:]
    values = {lines[k]: "new" for k in chosen if k < len(notes)}
    after = _rewritten(text, values)
    records = list(csv.reader(list(io.StringIO(after, newline=""))))[1:]
    assert records == [[note, "new" if lines[k] in values else str(k)] for k, note in enumerate(notes)]
    for k, span in enumerate(spans[1:]):
        assert lines[k] in values or span in after
    assert _rewritten(text, {}) == text


@given(by=st.floats(-5, 5), tolerance=st.sampled_from(["0", "1e-9", "0.001", "0.15"]))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_an_update_the_check_passes(
    baseline: Path, tmp_path_factory: pytest.TempPathFactory, by: float, tolerance: float
) -> None:
    folder = tmp_path_factory.mktemp("update")
    path = folder / "base.csv"
    path.write_text(baseline.read_text().replace(",0.001,", f",{tolerance},"))
    options = {"images": {"set5": ("a", "b")}, "scales": (2,)}
    run = moved(folder / "run", by, **options)
    assert invoke(run, "--update", "--reference", path).exit_code == 0
    result = invoke(run, "--reference", path, "--json")
    assert {row["status"] for row in json.loads(result.stdout)["verdicts"]} <= {"pass", "missing"}


def test_a_limit_is_a_persons(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "method,dataset,scale,protocol,metric,value,tolerance,use,shown_for,source,note,rule\n"
        "bicubic,set5,2,vdsr,psnr,33.7,0,gate,,srbench floor,,at_least\n"
    )
    before = path.read_bytes()
    result = invoke(made(tmp_path / "run").folder.path, "--update", "--reference", path)
    assert result.exit_code == 0
    assert "not changed, since a person sets limits: bicubic set5 x2 vdsr psnr: 33.6615 where >= 33.7" in result.stderr
    assert path.read_bytes() == before


def test_new_figures_are_counted_and_left_out(baseline: Path, tmp_path: Path) -> None:
    run = made(tmp_path / "more", gains={"bicubic": 0.0, "dcci": 0.2})
    result = invoke(run.folder.path, "--update", "--reference", baseline)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "18 values stand in no baseline yet: --write" in result.stderr


@pytest.mark.parametrize("names", [("published",), ("BASELINE", "published")])
def test_published_figures_are_never_changed(baseline: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    before = (reference_folder() / "published.csv").read_bytes()
    options = [word for name in names for word in ("--reference", str(baseline) if name == "BASELINE" else name)]
    result = invoke(moved(tmp_path / "after", 0.1), "--update", *options)
    assert isinstance(result.exception, UsageError)
    assert "published.csv holds published values, which are never changed" in str(result.exception)
    assert (reference_folder() / "published.csv").read_bytes() == before


def test_srbenchs_own_baseline_is_what_is_meant_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, baseline: Path
) -> None:
    """In a checkout; a file of an installed package is nobody's to change."""
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "ours.csv").write_bytes(baseline.read_bytes())
    (folder / "published.csv").write_bytes((reference_folder() / "published.csv").read_bytes())
    monkeypatch.setattr("srbench.analysis.references.reference_folder", lambda: folder)
    run = moved(tmp_path / "after", 0.1)
    assert invoke(run, "--update").exit_code == 0
    assert (folder / "published.csv").read_bytes() == (reference_folder() / "published.csv").read_bytes()
    assert ",33.76146," in (folder / "ours.csv").read_text()
    monkeypatch.setattr(update_module, "_PACKAGE", tmp_path)
    result = invoke(run, "--update")
    assert isinstance(result.exception, UsageError)
    assert "ours.csv is part of the installed srbench" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"failed": (("bicubic", "set5", 2),)}, "1 cells without a result"),
        ({"content": "0" * 64}, "holds other images than srbench's"),
        ({"gains": {"dcci": 0.0}}, "hold no value of a baseline"),
    ],
)
def test_a_run_that_is_no_baseline_updates_none(
    baseline: Path, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    before = baseline.read_bytes()
    result = invoke(made(tmp_path / "run", **options).folder.path, "--update", "--reference", baseline)
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)
    assert baseline.read_bytes() == before


def test_two_runs_of_one_figure_are_refused(baseline: Path, tmp_path: Path) -> None:
    runs = [moved(tmp_path / name, by) for name, by in (("a", 0.1), ("b", 0.2))]
    result = invoke(*runs, "--update", "--reference", baseline)
    assert isinstance(result.exception, UsageError)
    assert "Two of the runs hold the same value" in str(result.exception)


def test_json(baseline: Path, tmp_path: Path) -> None:
    document = json.loads(invoke(moved(tmp_path / "after", 0.1), "--update", "--reference", baseline, "--json").stdout)
    assert document["runs"] == ["after"]
    (file,) = document["files"]
    assert (file["path"], file["checked"], file["limits"]) == (str(baseline), 18, [])
    first = file["changed"][0]
    assert (first["metric"], first["from"], first["to"]) == ("psnr", "33.66146", "33.76146")


@pytest.mark.parametrize("other", [["--junit", "j.xml"], ["--write", "w.csv"]])
def test_an_update_checks_nothing(baseline: Path, tmp_path: Path, other: list[str]) -> None:
    result = invoke(tmp_path / "before", "--update", "--reference", baseline, *other)
    assert isinstance(result.exception, UsageError)
    assert "leave one of them out" in str(result.exception)


def test_a_file_that_cannot_be_written_is_one_sentence(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("srbench.system.files.write_atomically", full)
    run = moved(tmp_path / "after", 0.1)
    monkeypatch.setattr("srbench.system.files.write_atomically", full)
    result = invoke(run, "--update", "--reference", baseline)
    assert isinstance(result.exception, DataError)
    assert "base.csv cannot be written (No space left on device)" in str(result.exception)
    assert result.stdout == ""
