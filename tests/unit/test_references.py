"""Reference files: the built-in ones are sound, and a malformed one is refused with its line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from srbench.analysis.references import REFERENCE_COLUMNS, load_references, read_references
from srbench.errors import DataError, UsageError
from srbench.protocols.builtin import get_protocol
from srbench.system.places import RUNS, reference_folder

HEADER = ",".join(REFERENCE_COLUMNS)
GOOD = "bicubic,set5,2,vdsr,psnr,33.66,0.005,gate,bicubic,VDSR paper,"


def _file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
    return path


def test_the_built_in_rows_cover_bicubic_in_every_table_family() -> None:
    gates = {(row.protocol, row.dataset, row.scale, row.metric) for row in load_references() if row.use == "gate"}
    for protocol in ("srcnn", "vdsr", "lapsrn", "edsr", "selfexsr"):
        for dataset in ("set5", "set14", "bsd100"):
            for scale in (2, 3, 4):
                assert {(protocol, dataset, scale, metric) for metric in ("psnr", "ssim")} <= gates
    for protocol in ("bd", "dn"):
        assert {(protocol, dataset, 3, "psnr") for dataset in ("set5", "set14", "bsd100")} <= gates


def test_built_in_rows_name_a_source_and_a_hash() -> None:
    for row in load_references():
        assert row.source
        assert row.protocol_hash == get_protocol(row.protocol).hash
        assert (row.tolerance is not None) == (row.use == "gate")


def test_known_figures_are_there() -> None:
    rows = {(row.title, row.text) for row in load_references(["published"])}
    assert ("bicubic set5 x2 vdsr psnr", "33.66") in rows
    assert ("bicubic set5 x2 vdsr psnr", "33.6615") in rows
    assert ("bicubic set5 x2 edsr ssim", "0.93029") in rows


def test_a_file_by_path(tmp_path: Path) -> None:
    (row,) = load_references([str(_file(tmp_path, GOOD))])
    assert (row.method, row.scale, row.value, row.tolerance, row.text) == ("bicubic", 2, 33.66, 0.005, "33.66")
    assert row.where.endswith("mine.csv:2")
    assert row.accepts(33.665) and row.accepts(33.655) and not row.accepts(33.6651) and not row.accepts(float("nan"))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (GOOD.replace("33.66", "many"), ":3: value must be a number"),
        (GOOD.replace("33.66", "nan"), ":3: value must be a number"),
        (GOOD.replace("0.005", ""), ":3: tolerance must be a number"),
        (GOOD.replace("0.005", "-1"), ":3: tolerance must be a number from 0 up"),
        (GOOD.replace("0.005", "inf"), ":3: tolerance must be a number from 0 up"),
        (GOOD.replace("gate", "maybe"), ":3: use must be gate or show"),
        (GOOD.replace("gate", "show"), ":3: a row to show"),
        (GOOD.replace(",2,", ",x2,"), ":3: scale must be a number such as 2 or 1.5, not 'x2'"),
        (GOOD.replace("vdsr", "vdrs"), ":3: There is no protocol 'vdrs'"),
        (GOOD.replace("VDSR paper", " "), ":3: source is empty"),
        (GOOD + ",more", ":3: 12 fields"),
        (GOOD.replace("33.66", "33.68"), "contradicts"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(DataError, match=r"mine\.csv") as caught:
        read_references(_file(tmp_path, GOOD, line))
    assert says in str(caught.value)


def test_headers_are_strict(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column note is missing"):
        read_references(_file(tmp_path, header=HEADER.removesuffix(",note")))
    with pytest.raises(DataError, match="colour is not a column"):
        read_references(_file(tmp_path, header=HEADER + ",colour"))
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a CSV file"):
        read_references(tmp_path / "mine.csv")


def test_an_unknown_reference_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Did you mean published"):
        load_references(["publishd"])
    with pytest.raises(UsageError, match="no reference file"):
        load_references(["nowhere/x.csv"])


def test_places() -> None:
    assert (reference_folder() / "published.csv").is_file()
    assert not RUNS.is_absolute()  # runs lie where the user works


def test_nothing_here_imports_torch_and_the_verbs_import_nothing_heavy() -> None:
    code = (
        "import sys, srbench.cli.check, srbench.cli.report\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "import srbench.analysis.gate, srbench.analysis.baseline, srbench.report.tables.frame\n"
        "import srbench.report.text.markup, srbench.report.text.terminal\n"
        "import srbench.report.plots.every_plot, srbench.report.plots.crops, srbench.report.write\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
