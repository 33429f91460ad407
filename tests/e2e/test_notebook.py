"""The notebook in examples/ runs, shows what it shows here, and the API's figures are those of the command line."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import srbench
from srbench.imaging.files import read_image

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


def test_the_notebook_shows_what_it_gives_and_computes_it_once(tmp_path: Path) -> None:
    """In another kernel the classes of its cells are known again, so nothing is computed a second time."""
    nbformat = pytest.importorskip("nbformat", reason="pip install '.[test]' brings nbclient and ipykernel")
    pytest.importorskip("nbclient")
    executed = runpy.run_path(str(ROOT / "tools" / "notebook.py"))["executed"]
    first = shown(executed(NOTEBOOK, tmp_path))
    assert first == shown(nbformat.read(NOTEBOOK, as_version=4)), "python tools/notebook.py writes its outputs anew"
    assert len(first) > 8

    cells = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("cells/*.json")}
    assert len(cells) == 10 + 2 + 6
    assert shown(executed(NOTEBOOK, tmp_path)) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("cells/*.json")} == cells


def shown(notebook: Any) -> list[tuple[str, str]]:
    """What the cells of a notebook print and show, but for pictures."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" not in data:
                found += [(cell.id, f"{kind}: {content}") for kind, content in sorted(data.items())]
    return found


def test_a_score_is_the_command_line_s_number(cli: Cli, photos: Path, tmp_path: Path) -> None:
    """Of a picture that it kept, read as any user would, under a protocol whose SR is an 8-bit picture."""
    words = ("run", "--methods", "fsrcnn,autoencoder", "--datasets", str(photos), "--scales", "2", "--protocol", "edsr")
    result = cli(*words, "--metrics", "psnr,ssim", "--no-speed", "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    run = srbench.load_run(document["run"], out=tmp_path / "results" / "runs")
    compared = 0
    for cell in run.loaded.cells:
        of_cell = [row for row in document["results"] if row["method"] == cell.id.method]
        assert len(of_cell) == 2
        for row in of_cell:
            for image in row["per_image"]:
                sr = read_image(run.loaded.folder.sr_path(cell.key, image["image"]))
                hr = read_image(photos / f"{image['image']}.png")
                score = srbench.score(sr, hr, scale=2, protocol="edsr", metrics=row["metric"])
                assert score[row["metric"]] == image["value"]
                compared += 1
    assert compared == 8


def test_the_api_takes_what_the_command_line_computed_and_the_reverse(cli: Cli, photos: Path, tmp_path: Path) -> None:
    """One folder of runs for both; in worker processes too."""
    runs = tmp_path / "results" / "runs"
    words = ("run", "--methods", "bicubic,nearest", "--datasets", str(photos), "--metrics", "psnr", "--no-speed")
    assert "2 computed" in cli(*words, "--scales", "2").stderr
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("cells/*.json")}
    same = srbench.run(["bicubic", "nearest"], photos, scales=2, metrics="psnr", out=runs)
    assert same.folder == next(runs.iterdir())
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("cells/*.json")} == before

    more = srbench.run(["bicubic", "nearest"], photos, scales=(2, 3), metrics="psnr", out=runs, jobs=2)
    more.raise_for_failures()
    told = cli(*words, "--scales", "2,3")
    assert "0 computed, 4 known" in told.stderr
    assert " --scales 2,3 " in more.loaded.record.command and "--jobs 2" in more.loaded.record.command


def test_a_script_that_asks_for_workers_needs_no_guard(photos: Path, tmp_path: Path) -> None:
    """Spawned processes would otherwise execute its lines once more, and fail."""
    script = tmp_path / "script.py"
    script.write_text(
        "import srbench\n"
        f"run = srbench.run('bicubic', {str(photos)!r}, scales=2, metrics='psnr', jobs=1)\n"
        "run.raise_for_failures()\n"
        "print('once', __file__, run.table().shape)\n"
    )
    result = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"once {script} (1, 1)\n"
