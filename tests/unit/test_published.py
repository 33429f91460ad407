"""Published values of methods that are not in a run: which are shown, and that another protocol's say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import write_run

from srbench.analysis.published import published, shown_alone
from srbench.analysis.references import REFERENCE_COLUMNS, load_references
from srbench.bench.store import LoadedRun
from srbench.errors import DataError, UsageError
from srbench.protocols.builtin import PROTOCOLS
from srbench.report.html.data import page_document
from srbench.report.plots.pareto import published_points
from srbench.report.tables.grid import Grid, Row, grids
from srbench.report.text.latex import latex_tables
from srbench.report.text.markup import markdown_table

HEAD = ",".join(REFERENCE_COLUMNS) + ",parameters\n"


@pytest.fixture
def run(tmp_path: Path) -> LoadedRun:
    gains = {"bicubic": 0.0, "fsrcnn:standard": 3.0}
    return write_run(tmp_path / "run", gains=gains, protocol="edsr", pictures=0, scales=(2, 4), failed=())


def own_file(tmp_path: Path, *rows: str) -> str:
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return str(path)


def row_of(grid: Grid, name: str) -> Row:
    (row,) = (row for row in grid.rows if row.name == name)
    return row


def test_by_default_methods_of_the_run_alone(run: LoadedRun) -> None:
    assert all(row.shown_for and not row.alone for row in published())
    assert not any(row.alone for grid in grids(run, published()) for row in grid.rows)
    assert published("none") == ()


def test_all_of_the_same_protocol_then_of_others(run: LoadedRun) -> None:
    set5, _ = grids(run, published("all"))
    alone = [row.name for row in set5.rows if row.alone]
    assert [row.name for row in set5.rows if not row.published] == ["bicubic", "fsrcnn:standard"]
    assert alone == [row.name for row in set5.rows][-len(alone) :]
    named = [name for name in alone if "[" in name]
    assert alone[: alone.index(named[0])] == ["EDSR", "RCAN", "SwinIR-lightweight", "SwinIR (DIV2K)", "SwinIR", "IMDN",
                                              "PAN", "SMFANet", "RLFN"]  # fmt: skip
    assert {"VDSR [vdsr]", "DRCN [vdsr]", "LapSRN [lapsrn]", "HAT [basicsr]", "SelfExSR [selfexsr]"} < set(named)
    assert named == alone[alone.index(named[0]) :]
    assert row_of(set5, "RCAN").entries[2].texts == {"psnr": "38.27", "ssim": ".9614"}
    assert row_of(set5, "VDSR [vdsr]").entries[4].texts == {"psnr": "31.35", "ssim": ".8838"}


def test_every_value_of_another_protocol_says_so(run: LoadedRun) -> None:
    for grid in grids(run, published("all")):
        for row in (row for row in grid.rows if row.alone):
            notes = [grid.footnotes[number - 1] for number in row.notes]
            assert any(note.startswith("published: ") for note in notes)
            if "[" in row.name:
                protocol = row.name.rpartition("[")[2].rstrip("]")
                assert f"[{protocol}]: of protocol {protocol}, so not comparable with values of edsr" in notes
        text = markdown_table(grid)
        assert "*VDSR \\[vdsr\\], published" in text or "*VDSR [vdsr], published" in text
        assert "so not comparable with values of edsr" in text
        tex = latex_tables(run.record, [grid])
        assert "\\textit{EDSR}\\srbenchcite{lim2017enhanced}" in tex and "\\quad\\textit{EDSR" not in tex
        assert "Published values in italics" in tex
        assert "so not comparable with values of edsr" in tex


def test_methods_of_the_run_have_no_row_of_another_protocol(run: LoadedRun) -> None:
    """Bicubic, and FSRCNN under `srcnn` and `lapsrn`, would stand beside what the run itself has by its protocol."""
    rows = shown_alone(published("all"), run.record, run.record.datasets[0], ["bicubic", "fsrcnn:standard"])
    assert not {row.method for row in rows} & {"bicubic", "FSRCNN"}
    assert {row.shown_for for row in rows} >= {"aplus", "srcnn-y-955"}


def test_of_one_method_the_runs_protocol_counts(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0}, pictures=0, failed=())
    rows = shown_alone(published("all"), run.record, run.record.datasets[0], ["bicubic"])
    assert {row.protocol for row in rows if row.method == "SelfExSR"} == {"vdsr"}
    assert {row.protocol for row in rows if row.method == "A+"} == {"vdsr"}


def test_other_images_have_none(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"bicubic": 0.0}, pictures=0, content="a" * 64, failed=())
    assert not any(row.published for grid in grids(run, published("all")) for row in grid.rows)


def test_a_file_of_ones_own(run: LoadedRun, tmp_path: Path) -> None:
    mine = own_file(tmp_path, "Theirs,set5,2,edsr,psnr,38.9,,show,,their paper,,1590000")
    set5, set14 = grids(run, published(mine))
    assert [row.name for row in set5.rows if row.published] == ["Theirs"]
    assert not any(row.published for row in set14.rows)
    both = published(f"all,{mine}")
    assert {"Theirs", "RCAN"} <= {row.name for row in grids(run, both)[0].rows}


def test_points_of_the_pareto_plot(run: LoadedRun, tmp_path: Path) -> None:
    mine = own_file(
        tmp_path,
        "Theirs,set5,2,edsr,psnr,38.9,,show,,their paper,,1590000",
        "Old,set5,2,vdsr,psnr,37.9,,show,,their paper,,",
        "Small,set5,2,edsr,psnr,37.5,,show,,their paper,,",
    )
    metric = run.record.metrics[0]
    rows = shown_alone(published(mine), run.record, run.record.datasets[0], ["bicubic"])
    points = published_points(run, rows, 2, metric, "parameters")
    assert points == [("Theirs", 1590000.0, 38.9), ("Small", None, 37.5)]
    assert [cost for _, cost, _ in published_points(run, rows, 2, metric, "latency")] == [None, None]


def test_the_page_has_them(run: LoadedRun) -> None:
    values = page_document(run, published("all"), [])["published"]
    by_name = {value["name"]: value for value in values if (value["dataset"], value["scale"]) == (0, 2)}
    assert by_name["EDSR"]["note"] == ""
    assert by_name["VDSR [vdsr]"]["note"].startswith("[vdsr]: of protocol vdsr, so not comparable")
    assert page_document(run, published(), [])["published"] == []


@pytest.mark.parametrize(
    ("choice", "error", "says"),
    [
        ("every", UsageError, "--published is all, none or a CSV file such as mine.csv, not 'every'"),
        ("none,all", UsageError, "--published none goes alone"),
        ("nowhere.csv", UsageError, "There is no reference file nowhere.csv"),
    ],
)
def test_refused(choice: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        published(choice)


def test_a_file_without_values_to_show_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no published value: the column use of such rows is 'show'\."):
        published(own_file(tmp_path, "bicubic,set5,2,edsr,psnr,33.67,0.01,gate,,x,,"))
    with pytest.raises(DataError, match="parameters must be a whole number"):
        published(own_file(tmp_path, "Theirs,set5,2,edsr,psnr,38.9,,show,,their paper,,1.59M"))


def test_what_comes_with_srbench() -> None:
    """Distinct, of known protocols, and as the literature orders them."""
    rows = load_references(["other-methods"])
    assert len({row.title for row in rows}) == len(rows) > 400
    assert {row.protocol for row in rows} <= PROTOCOLS.keys()
    assert all(row.use == "show" and not row.shown_for and row.source for row in rows)
    assert all(10 < row.value < 45 if row.metric == "psnr" else 0 < row.value < 1 for row in rows)
    value = {(row.method, row.dataset, row.scale): row.value for row in rows if row.metric == "psnr"}
    for dataset in ("set5", "set14", "bsd100", "urban100"):
        order = [value[name, dataset, 4] for name in ("VDSR", "EDSR", "SwinIR", "HAT")]
        assert order == sorted(order)
