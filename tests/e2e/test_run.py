"""`srbench run` as a user meets it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import hear_interrupts

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

PLUGIN = """
import torch
from srbench.method import Method, MethodInfo

def info(name):
    return MethodInfo(name=name, family="interpolation", channels="any", input="upsampled", halo=0)

class Same(Method):
    info = info("same")
    def upscale(self, x, scale):
        return x * 1.0

class Darker(Method):
    info = info("darker")
    def upscale(self, x, scale):
        return x * 0.9
"""

BROKEN = """
import torch
from srbench.method import Method, MethodInfo

def info(name):
    return MethodInfo(name=name, family="interpolation", channels="any", input="upsampled", halo=0)

class Raises(Method):
    info = info("raises")
    def upscale(self, x, scale):
        raise RuntimeError("no luck today")

class Nan(Method):
    info = info("nan")
    def upscale(self, x, scale):
        return x * float("nan")

class Shape(Method):
    info = info("shape")
    def upscale(self, x, scale):
        return x[..., 1:]

class Nothing(Method):
    info = info("nothing")
    def upscale(self, x, scale):
        return None
"""

SLOW = """
import time
from srbench.method import Method, MethodInfo

class Slow(Method):
    info = MethodInfo(name="slow", family="interpolation", channels="any", input="upsampled", halo=0)
    def upscale(self, x, scale):
        time.sleep(0.25)
        return x * 0.98
"""


def document(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def values(doc: Any, metric: str = "psnr") -> dict[tuple[str, int], float]:
    return {(r["method"], r["scale"]): r["value"] for r in doc["results"] if r["metric"] == metric}


def test_table_report_and_exit_code(cli: Cli, photos: Path, tmp_path: Path) -> None:
    result = cli("run", "--methods", "nearest,bicubic,dcci", "--datasets", "./photos", "--scales", "2,3")
    assert result.returncode == 0, result.stderr
    for word in ("nearest", "bicubic", "dcci", "x2", "x3", "vdsr"):
        assert word in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    (run,) = (tmp_path / "results" / "runs").iterdir()
    assert (run / "run.json").is_file()
    assert len(list((run / "cells").glob("*.json"))) == 6
    for name in ("report.md", "results.csv", "tables.tex"):
        assert (run / "report" / name).stat().st_size > 100
    assert list((run / "report").rglob("*.png"))


def test_json_is_one_document_of_the_agreed_form(cli: Cli, photos: Path) -> None:
    doc = document(cli("run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--json"))
    assert doc["schema_version"] == 1
    assert doc["failed"] == []
    assert {r["metric"] for r in doc["results"]} == {"psnr", "ssim", "mse", "haarpsi"}
    row = doc["results"][0]
    assert {"method", "recipe", "dataset", "scale", "protocol", "metric", "value", "n", "status", "per_image"} <= set(
        row
    )
    assert row["n"] == len(row["per_image"]) == 2
    mean = sum(image["value"] for image in row["per_image"]) / 2
    assert row["value"] == pytest.approx(mean)


def test_a_second_run_computes_nothing_and_needs_no_torch(cli: Cli, photos: Path, tmp_path: Path) -> None:
    words = ["run", "--methods", "bicubic,dcci", "--datasets", "./photos", "--json"]
    first = cli(*words)
    assert "6 computed" in first.stderr
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "srbench", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert traced.returncode == 0
    assert "0 computed, 6 known before" in traced.stderr
    assert traced.stdout == first.stdout
    imported = {line.rpartition("|")[2].strip() for line in traced.stderr.splitlines() if "import time" in line}
    assert imported.isdisjoint({"torch", "pandas", "matplotlib", "cv2"})


def test_another_run_takes_over_what_is_known(cli: Cli, photos: Path) -> None:
    cli("run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2")
    other = cli("run", "--methods", "bicubic,nearest", "--datasets", "./photos", "--scales", "2,3")
    assert "3 computed, 1 known before" in other.stderr


def test_the_run_that_was_asked_for_last_is_the_newest(cli: Cli, photos: Path) -> None:
    first = ["run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--no-report", "--no-speed"]
    cli(*first)
    cli("run", "--methods", "nearest", "--datasets", "./photos", "--scales", "2", "--no-report", "--no-speed")
    assert "nearest" in cli("report", "--no-plots").stdout
    assert "0 computed" in cli(*first).stderr
    assert "bicubic" in cli("report", "--no-plots").stdout


def test_force_computes_again(cli: Cli, photos: Path) -> None:
    words = ["run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--no-report", "--no-speed"]
    cli(*words)
    assert "1 computed" in cli(*words, "--force").stderr


def test_a_changed_method_is_the_only_one_computed_again(cli: Cli, photos: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text(PLUGIN.replace("darker", "other").replace("class Darker", "class Other"))
    two.write_text(PLUGIN.replace('"same"', '"same2"'))
    words = ["run", "--methods", "same,other,same2,darker,bicubic", "--datasets", "./photos", "--scales", "2"]
    words += ["--plugin", "one.py", "--plugin", "two.py", "--no-report", "--no-speed"]
    assert "5 computed" in cli(*words).stderr
    two.write_text(two.read_text().replace("0.9", "0.8"))
    assert "2 computed, 3 known before" in cli(*words).stderr  # the two methods of that file


def test_a_changed_image_is_noticed(cli: Cli, photos: Path) -> None:
    words = ["run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--no-report", "--no-speed"]
    cli(*words)
    (photos / "first.png").write_bytes((photos / "second.png").read_bytes())
    assert "1 computed, 0 known" in cli(*words).stderr


def test_a_broken_method_takes_only_its_own_cells(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    names = "bicubic,raises,nan,shape,nothing,nearest"
    words = ["run", "--methods", names, "--plugin", "broken.py", "--datasets", "./photos", "--scales", "2"]
    result = cli(*words, "--json")
    assert result.returncode == 3
    doc = document(result)
    assert {r["method"] for r in doc["results"]} == {"bicubic", "nearest"}
    errors = {failed["method"]: failed["error"] for failed in doc["failed"]}
    assert "no luck today" in errors["raises"]
    assert "NaN" in errors["nan"]
    assert "shape" in errors["shape"]
    assert "NoneType" in errors["nothing"]
    again = cli(*words)
    assert again.returncode == 3
    assert "2 known before, 4 failed" in again.stderr  # a failure is never taken for a result
    assert "Traceback" not in again.stderr


def test_killed_and_resumed_gives_the_same_numbers(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    words = [
        "run",
        "--methods",
        "bicubic,slow,nearest",
        "--plugin",
        "slow.py",
        "--datasets",
        "./photos",
        "--no-report",
        "--no-speed",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "srbench", *words, "--out", "killed"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("killed/*/cells/*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("killed/*/cells/*.json")}
    assert 3 <= len(kept) < 9
    resumed = cli(*words, "--out", "killed")
    assert resumed.returncode == 0
    assert f"{9 - len(kept)} computed, {len(kept)} known before" in resumed.stderr
    cli(*words, "--out", "whole")
    after = {path.name: path.read_bytes() for path in tmp_path.glob("killed/*/cells/*.json")}
    whole = {path.name: path.read_bytes() for path in tmp_path.glob("whole/*/cells/*.json")}
    assert after == whole
    assert kept.items() <= after.items()


def test_interrupted_it_says_how_to_go_on(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    words = ["run", "--methods", "slow", "--plugin", "slow.py", "--datasets", "./photos"]
    process = subprocess.Popen(
        [sys.executable, "-m", "srbench", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    while not list(tmp_path.glob("results/runs/*/cells/*.json")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "srbench run --methods slow --datasets ./photos --plugin slow.py" in errors
    assert "Traceback" not in errors


def test_dry_run_computes_nothing(cli: Cli, photos: Path, tmp_path: Path) -> None:
    result = cli("run", "--datasets", "./photos", "--scales", "2", "--dry-run")
    assert result.returncode == 0
    assert "srcnn-y:standard photos x2 vdsr: 2 images\n" in result.stdout
    assert not (tmp_path / "results").exists()
    plan = document(cli("run", "--datasets", "./photos", "--scales", "2", "--dry-run", "--json"))
    assert len(plan["cells"]) >= 8


def test_config_file_stands_behind_the_command_line(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text(
        'methods = ["bicubic", "nearest"]\ndatasets = "./photos"\nscales = [2, 3]\nno-report = true\n'
    )
    doc = document(cli("run", "--config", "bench.toml", "--json"))
    assert set(values(doc)) == {("bicubic", 2), ("bicubic", 3), ("nearest", 2), ("nearest", 3)}
    doc = document(cli("run", "--config", "bench.toml", "--scales", "4", "--json"))
    assert set(values(doc)) == {("bicubic", 4), ("nearest", 4)}


def test_pairs(cli: Cli, photos: Path, tmp_path: Path) -> None:
    """Supplied LR that srbench's own resizer made gives what protocol edsr gives."""
    import cv2

    from srbench.imaging.files import read_image
    from srbench.imaging.resize import imresize

    (tmp_path / "lr").mkdir()
    for path in photos.iterdir():
        hr = read_image(path)
        hr = hr[: hr.shape[0] // 2 * 2, : hr.shape[1] // 2 * 2]
        cv2.imwrite(str(tmp_path / "lr" / f"{path.stem}x2.png"), imresize(hr, 0.5)[..., ::-1])
    words = ["--methods", "bicubic,dcci", "--no-report", "--no-speed", "--json"]
    paired = document(cli("run", "--datasets", "hr=photos,lr=lr", "--protocol", "paired", *words))
    made = document(cli("run", "--datasets", "./photos", "--scales", "2", "--protocol", "edsr", *words))
    assert values(paired) == pytest.approx(values(made))
    refused = cli("run", "--datasets", "hr=photos,lr=lr")
    assert refused.returncode == 2
    assert "--protocol paired" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--methods", "bicubc"], 2, "Did you mean bicubic"),
        (["--methods", "bicubic:quick"], 2, "no recipe"),
        (["--methods", "srcnn-y:qick"], 2, "quick"),
        (["--methods", "zz*"], 2, "no method"),
        (["--datasets", "set55"], 2, "Did you mean set5"),
        (["--datasets", "./nowhere"], 4, "nowhere"),
        (["--scales", "two"], 2, "numbers from 1 on"),
        (["--scales", "17"], 2, "does not work at x17"),
        (["--protocol", "vdrs"], 2, "Did you mean vdsr"),
        (["--metrics", "snr"], 2, "Did you mean psnr"),
        (["--train", "maybe"], 2, "missing, always or never"),
        (["--plugin", "none.py"], 2, "no plugin file"),
        (["--config", "none.toml"], 2, "no config file"),
        (["--device", "gpu9", "--methods", "bicubic", "--datasets", "./photos"], 2, "gpu9"),
        (["--sclaes", "2"], 2, "--scales"),
    ],
)
def test_wrong_usage_is_one_sentence(cli: Cli, photos: Path, words: list[str], code: int, message: str) -> None:
    result = cli("run", *words)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_device_that_is_not_here_leaves_no_run_to_be_the_newest(cli: Cli, photos: Path) -> None:
    words = ("run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--no-speed")
    assert cli(*words).returncode == 0
    for more in ((), ("--jobs", "1")):
        result = cli(*words, "--methods", "nearest", "--device", "nope", *more)
        assert result.returncode == 2, result.stderr
        assert "nope" in result.stderr
    shown = cli("report")
    assert "bicubic" in shown.stdout
    assert "not run yet" not in shown.stdout + shown.stderr


def test_a_misspelt_key_of_a_config_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("sclaes = [2]\n")
    result = cli("run", "--config", "bench.toml")
    assert result.returncode == 2
    assert "Did you mean scales" in result.stderr


def test_a_data_set_that_cannot_be_had(cli: Cli) -> None:
    closed = "http://127.0.0.1:9"
    result = cli(
        "run", "--methods", "bicubic", "--datasets", "set5", "--scales", "2",
        SRBENCH_MIRROR="", HTTPS_PROXY=closed, https_proxy=closed, NO_PROXY="", no_proxy="", SRBENCH_TIMEOUT="2",
    )  # fmt: skip
    assert result.returncode == 4
    assert "set5" in result.stderr
    assert "Traceback" not in result.stderr


def test_weights_that_are_missing_and_may_not_be_trained(cli: Cli, photos: Path) -> None:
    result = cli("run", "--methods", "srcnn-y:quick", "--datasets", "./photos", "--scales", "2", "--train", "never")
    assert result.returncode == 3
    assert "srbench train srcnn-y:quick --scales 2" in result.stderr


def test_results_that_cannot_be_written(cli: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    result = cli("run", "--methods", "bicubic", "--datasets", "./photos", "--out", "file/runs")
    assert result.returncode == 4
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_read_only_folder(cli: Cli, photos: Path, closed: Path) -> None:
    result = cli("run", "--methods", "bicubic", "--datasets", "./photos", "--out", f"{closed.name}/runs")
    assert result.returncode == 4
    assert "cannot be written" in result.stderr


def test_the_end_of_a_run_shows_the_main_table_and_the_page(cli: Cli, photos: Path, tmp_path: Path) -> None:
    result = cli("run", "--methods", "nearest,bicubic", "--datasets", "./photos", "--scales", "2")
    assert result.stdout.index("MSE") < result.stdout.index("PSNR")
    (run,) = Path(tmp_path, "results", "runs").iterdir()
    report = Path("results", "runs", run.name, "report")
    assert result.stderr.splitlines()[-2:] == [f"report: {report}", f"open {report / 'report.html'}"]
    assert (tmp_path / report / "report.html").is_file()
    without = cli("run", "--methods", "nearest", "--datasets", "./photos", "--scales", "2", "--no-report")
    assert without.stderr.splitlines()[-1].startswith("results: results/runs/")


def test_a_quick_look_at_the_first_images_says_so_everywhere(cli: Cli, photos: Path, tmp_path: Path) -> None:
    words = ["run", "--methods", "nearest,bicubic", "--datasets", "./photos", "--scales", "2"]
    result = cli(*words, "--limit", "1")
    assert "photos (the first 1 of 2 images): PSNR" in result.stdout
    assert "quick look" in result.stderr
    (report,) = tmp_path.glob("results/runs/*/report")
    for name in ("report.md", "tables.tex", "report.html", "compare.md"):
        assert "the first 1 of 2 images" in (report / name).read_text("utf-8"), name
    assert "--limit 1" in (report / "report.md").read_text("utf-8")
    whole = cli(*words)
    assert "photos (2 images): PSNR" in whole.stdout
    assert "2 computed, 0 known before" in whole.stderr  # another question: its cells are of other images
    assert "limit" in cli(*words, "--limit", "-1").stderr
    assert "photos (2 images)" in cli(*words, "--limit", "7").stdout
