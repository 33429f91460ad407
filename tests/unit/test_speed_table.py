"""Records of speed as tables."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from srbench.report.text.speed import print_speed, speed_markdown
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
    print_speed(RECORD, Console(file=out, width=80))
    for figure in ("41", "40-43", "2.5", "2.11", "38.2", "55 %", "20.5", "19.5-22.5"):
        assert figure in page
        assert figure in out.getvalue()


def test_a_page_has_a_table_for_each_scale_and_no_markup_of_a_device() -> None:
    lines = list(speed_markdown(RECORD))
    assert lines[0] == "## a\\|b card, 2026-11-21\n"
    assert [line for line in lines if line.startswith("### ")] == [
        "### x2, 256x256 to 512x512 (256)\n",
        "### x3, 256x256 to 768x768 (256)\n",
    ]
    rows = [line for line in lines if line.startswith(("| fsrcnn", "| srcnn-y"))]
    assert rows[0] == "| fsrcnn | fp32 cl | 41 | 40-43 | 2.5 | 2.11 | 38.2 | 55 % |"
    assert rows[1].count("—") == 6
    assert len(rows) == 3
