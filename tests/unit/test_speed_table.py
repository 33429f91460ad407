"""Records of speed as tables."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from srbench.analysis.references import load_references
from srbench.report.plots.speed import speed_figures
from srbench.report.text.speed import (
    fastest,
    print_speed_head,
    print_speed_legend,
    print_speed_rows,
    speed_markdown,
)
from srbench.speed.record import SpeedRecord, SpeedRow


def row(method: str, scale: int, median: float | None) -> SpeedRow:
    return SpeedRow.model_validate(
        {
            "method": method,
            "scale": scale,
            "size": "256",
            "lr_height": 256,
            "lr_width": 256,
            "part": "whole",
            "mode": "fp32+channels_last",
            "batch": 1,
            "saturating": False,
            "tile": None,
            "median_ms": median,
            "lower_quartile_ms": median and median - 1,
            "upper_quartile_ms": median and median + 2,
            "pace_ms": None,
            "runs": 50,
            "warm_up": 6,
            "megapixels_per_s": median and 2.5,
            "parameters": 8032,
            "macs": 2_110_000_000,
            "memory_mb": 38.25,
            "energy_j": None,
            "roofline": 0.547,
            "error": "" if median else "no such layer",
        }
    )


RECORD = SpeedRecord(
    date="2026-11-21T12:00:00+00:00",
    command="srbench speed",
    device="a|b card",
    machine={"processor": "P", "threads": "2"},
    versions={"torch": "2.15.0"},
    protocol="vdsr",
    bandwidth_gb_s=20.7,
    tflops={"fp32": 0.095},
    rows=(row("fsrcnn", 2, 41.0), row("srcnn-y", 2, None), row("fsrcnn", 3, 20.5)),
)


def test_a_terminal_and_a_page_show_the_same_figures() -> None:
    page = "\n".join(speed_markdown(RECORD))
    out = StringIO()
    console = Console(file=out, width=80)
    print_speed_head(RECORD, console)
    print_speed_rows(RECORD.rows, console, every=True)
    print_speed_legend(RECORD.rows, console, every=True)
    for figure in ("41", "40-43", "2.5", "2.11", "38.2", "55 %", "20.5", "19.5-22.5"):
        assert figure in page
        assert figure in out.getvalue()
    assert ">100 %" not in out.getvalue() and "--all-modes" not in out.getvalue()


def variant(method: str, median: float | None, **changes: object) -> SpeedRow:
    return row(method, 2, median).model_copy(update=changes)


def test_the_fastest_row_of_each_method_and_batch() -> None:
    """Per image, of rows from LR to SR; a method that fails in one mode is not a failed method."""
    rows = [
        variant("a", 30.0),
        variant("a", 20.0, mode="bf16"),
        variant("a", 5.0, part="network"),
        variant("a", 90.0, batch=8, saturating=True),
        variant("a", 70.0, batch=4, saturating=True),
        variant("b", None, mode="bf16"),
        variant("b", 50.0),
        variant("c", None),
    ]
    assert fastest(rows) == [rows[1], rows[3], rows[6], rows[7]]
    out = StringIO()
    console = Console(file=out, width=120)
    print_speed_rows(rows, console, every=False)
    print_speed_legend(rows, console, every=False)
    text = out.getvalue()
    assert "--all-modes shows 4 more" in " ".join(text.split())
    assert "b fp32, channels last" not in text and "b bf16: no such layer" in text
    assert "batch 8 (saturating)" in text and "network alone" in text.split("Time: ")[1]


def test_more_than_the_limit_is_explained() -> None:
    rows = [variant("a", 30.0, roofline=1.31)]
    out = StringIO()
    console = Console(file=out, width=80)
    print_speed_rows(rows, console, every=True)
    print_speed_legend(rows, console, every=True)
    assert "131" not in out.getvalue()
    assert out.getvalue().count(">100 %") == 2
    assert "caches, which are faster than the memory" in " ".join(out.getvalue().split())
    hidden = [variant("a", 30.0), variant("a", 30.0, part="network", roofline=1.31)]
    out = StringIO()
    print_speed_legend(hidden, Console(file=out, width=80), every=False)
    assert ">100 %" not in out.getvalue()


def test_a_picture_has_the_fastest_rows_that_have_a_stored_value() -> None:
    references = load_references()
    record = RECORD.model_copy(
        update={
            "rows": (variant("bicubic", 1.0), variant("fsrcnn", 40.0), variant("fsrcnn", 30.0), variant("own", 2.0))
        }
    )
    ((name, figure),) = speed_figures(record, references)
    assert name == "x2-256"
    (axes,) = figure.axes
    values = {row.method: row.value for row in references if row.title.endswith("embedded x2 vdsr psnr")}
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines[1:]]
    assert points == [(1.0, values["bicubic"]), (30.0, values["fsrcnn:standard"])]
    assert list(speed_figures(RECORD, references)) == []  # one method alone is no comparison


def test_a_page_has_a_table_for_each_scale_and_no_markup_of_a_device() -> None:
    lines = list(speed_markdown(RECORD))
    assert lines[0] == "## a\\|b card, 2026-11-21\n"
    assert [line for line in lines if line.startswith("### ")] == [
        "### x2, 256x256 to 512x512 (256)\n",
        "### x3, 256x256 to 768x768 (256)\n",
    ]
    rows = [line for line in lines if line.startswith(("| fsrcnn", "| srcnn-y"))]
    assert rows[0] == "| fsrcnn | fp32, channels last | 41 | 40-43 | 2.5 | 2.11 | 38.2 | 55 % |"
    assert rows[1].count("—") == 6
    assert len(rows) == 3
