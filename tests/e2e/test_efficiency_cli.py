"""``srbench efficiency``."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.up = nn.Sequential(nn.Conv2d(3, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, x):
        return self.up(x)

if __name__ == "__main__":
    torch.save(Net(4).state_dict(), "net.pth")
"""


def test_networks_of_srbench_and_of_files_in_one_table(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    subprocess.run(["python", "net.py"], cwd=tmp_path, check=True)
    methods = ("--methods", "bicubic,fsrcnn-s+,torch:net.py:Net?weights=net.pth&scale=4")
    result = cli(
        "efficiency",
        *methods,
        "--runs",
        "5",
        "--baseline",
        "torch:net.py:Net?weights=net.pth&scale=4",
        "--format",
        "csv",
    )
    assert result.returncode == 0, result.stderr
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert {*rows} == {"fsrcnn-s+:standard", "torch:net"}
    own = rows["torch:net"]
    assert (float(own["Params [M]"]), float(own["FLOPs [G]"])) == (1344e-6, 65536 * 1296 / 1e9)
    assert (float(own["Acts [M]"]), own["Conv"]) == (65536 * 48 / 1e6, "1")
    assert float(own["Score"]) == pytest.approx(7.389, abs=1e-3)
    assert float(own["embedded PSNR [dB]"]) < 15 < float(rows["fsrcnn-s+:standard"]["embedded PSNR [dB]"])
    assert float(own["Time [ms]"]) > 0 < float(own["Mem [M]"])
    result = cli("efficiency", *methods, "--columns", "paper", "--datasets", "none", "--runs", "5")
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "0.07" in next(line for line in result.stdout.splitlines() if "torch:net" in line)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "bicubic"), "None of the methods has a network at x4"),
        (("--columns", "mine"), "--columns is ntire or paper, not 'mine'"),
        (("--format", "pdf"), "--format is table, md, csv or latex, not 'pdf'"),
        (("--published", "--scale", "2"), "The published rows are of x4, not x2"),
        (("--columns", "paper", "--published"), "are for --columns ntire"),
    ],
)
def test_what_cannot_be_is_a_sentence(cli: Cli, words: tuple[str, ...], message: str) -> None:
    result = cli("efficiency", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
