"""What a bundle's results become for others: the Hub, leaderboards, Codabench, badges, a GitHub Action."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bundles import bundle_of, edit, forge, make_run
from conftest import Cli, photograph, save

import srbench
from srbench.imaging.files import read_image, write_png

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    run, plugin = make_run(tmp_path)
    bundle_of(run, tmp_path / "claim.srb.zip", plugins=[plugin])
    return tmp_path / "claim.srb.zip"


def test_eval_results_are_read_back_by_the_hubs_own_library(bundle: Path, cli: Cli, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    words = [
        "claim",
        "export",
        "claim.srb.zip",
        "--dataset-ids",
        "photos=me/photos",
        "--source",
        "https://example.org/x",
    ]
    assert cli(*words).returncode == 2  # two methods
    result = cli(*words, "--method", "sharp")
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "claim/.eval_results/srbench.yaml").read_text()
    entries = hub.parse_eval_result_entries(yaml.safe_load(text))
    assert len(entries) == 6  # two scales by three metrics
    name = json.loads((tmp_path / "claim/results.json").read_text())["proof"]
    values = {
        row["scale"]: row["value"] for row in rows(tmp_path) if (row["model"], row["metric"]) == ("sharp", "psnr")
    }
    for entry in entries:
        assert entry.dataset_id == "me/photos"
        assert name in entry.notes and "338ce1a3" in entry.notes
        assert entry.source_url == "https://example.org/x"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry.date)
    psnr = next(entry for entry in entries if entry.task_id == "x2-vdsr-psnr")
    assert psnr.value == pytest.approx(values[2], abs=5e-5)
    assert hub.eval_result_entries_to_yaml(entries) == yaml.safe_load(text)


def test_data_sets_that_the_hub_does_not_know(bundle: Path, cli: Cli) -> None:
    words = ["claim", "export", "claim.srb.zip", "--method", "sharp", "--dataset-ids"]
    assert cli(*words, "other=me/other").returncode == 2
    for wrong in ("photos", "photos=me", "photos=me/a/b", "=me/a", "photos=/a"):
        assert cli(*words, wrong).returncode == 2, wrong


def test_an_exported_model_has_them_too(cli: Cli, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    pytest.importorskip("onnxruntime")
    words = ["export", "fsrcnn", "--scale", "2", "--format", "hub", "--out", "model"]
    result = cli(*words, "--dataset-ids", "embedded=me/embedded")
    assert result.returncode == 0, result.stderr
    content = yaml.safe_load((tmp_path / "model/.eval_results/srbench.yaml").read_text())
    assert {entry.dataset_id for entry in hub.parse_eval_result_entries(content)} == {"me/embedded"}
    assert cli(*words, "--overwrite").returncode == 0  # its own folder
    assert not (tmp_path / "model/.eval_results").exists()
    (tmp_path / "model/mine").mkdir()
    assert cli(*words, "--overwrite").returncode == 2
    assert cli("export", "fsrcnn", "--dataset-ids", "embedded=me/embedded").returncode == 2


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "claim/results.json").read_text())["results"]
    return found


def test_a_table_for_leaderboards(bundle: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("claim", "export", "claim.srb.zip").returncode == 0
    assert cli("claim", "export", "claim.srb.zip").returncode == 2  # they are there
    assert len(rows(tmp_path)) == 12
    for row in rows(tmp_path):
        assert row.keys() >= {"model", "dataset", "scale", "metric", "value", "protocol", "proof"}
        assert row["proof"].startswith("srb:")
    lines = (tmp_path / "claim/results.md").read_text().splitlines()
    assert lines[0] == "| model | data set | scale | metric | value | protocol | proof |"
    assert len([line for line in lines if line.startswith("| ")]) == 14
    assert not (tmp_path / "claim/.eval_results").exists()


def test_badges(bundle: Path, cli: Cli, tmp_path: Path) -> None:
    means = ["--datasets", "photos", "--plugin", "sharp.py"]
    assert cli("verify", "claim.srb.zip", *means, "--badge", "badge.svg").returncode == 0
    svg = ElementTree.fromstring((tmp_path / "badge.svg").read_text())
    assert "reproduced srb:" in "".join(svg.itertext())
    assert cli("verify", "claim.srb.zip", "--depth", "whole", "--badge", "badge.json").returncode == 0
    badge = json.loads((tmp_path / "badge.json").read_text())
    assert badge.keys() == {"schemaVersion", "label", "message", "color", "isError"}
    assert badge["schemaVersion"] == 1 and not badge["isError"]
    assert badge["message"].startswith("whole srb:")
    assert cli("verify", "claim.srb.zip", "--badge", "badge.png").returncode == 2


# Codabench ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def codabench(tmp_path: Path, cli: Cli) -> Path:
    """Folders as Codabench lays them out: program/, input/ref/, input/res/, output/."""
    for number in range(2):
        save(tmp_path / "photos" / f"image{number}.png", photograph(48, 60, number))
    result = cli("export-challenge", "--dataset", "./photos", "--scale", "2", "--protocol", "edsr")
    assert result.returncode == 0, result.stderr
    app = tmp_path / "app"
    for name, place in (("scoring_program.zip", app / "program"), ("reference_data.zip", app / "input/ref")):
        with zipfile.ZipFile(tmp_path / "challenge" / name) as archive:
            archive.extractall(place)
    (app / "input/res").mkdir()
    (app / "output").mkdir()
    return app


def score(app: Path) -> subprocess.CompletedProcess[str]:
    """The command of metadata.yaml, with /app where it lies here."""
    command = yaml.safe_load((app / "program/metadata.yaml").read_text())["command"]
    words = [word.replace("/app", str(app)) for word in command.split()]
    assert words[0] == "python3"
    return subprocess.run([sys.executable, *words[1:]], cwd=app / "program", capture_output=True, text=True)


def test_a_submission_is_scored_as_srbench_scores(codabench: Path, tmp_path: Path) -> None:
    run = srbench.run("bicubic", datasets=str(tmp_path / "photos"), scales=2, protocol="edsr", out=tmp_path / "runs")
    cell = run.loaded.cells[0]
    for image in cell.images:
        shutil.copy(run.loaded.folder.sr_path(cell.key, image.name), codabench / "input/res")
    result = score(codabench)
    assert result.returncode == 0, result.stderr
    scores = json.loads((codabench / "output/scores.json").read_text())
    assert scores == {name: cell.values[name] for name in ("psnr", "ssim")}

    shutil.move(codabench / "input/res", codabench / "input/inner")  # zipped with its folder
    (codabench / "input/res/__MACOSX").mkdir(parents=True)
    shutil.move(codabench / "input/inner", codabench / "input/res/submission")
    (codabench / "output/scores.json").unlink()
    assert score(codabench).returncode == 0
    assert json.loads((codabench / "output/scores.json").read_text()) == scores


def blurred(codabench: Path, name: str) -> np.ndarray:
    hr = read_image(codabench / "input/ref/hr" / f"{name}.png")
    return np.ascontiguousarray((hr // 2 * 2).astype(np.uint8))


@pytest.mark.parametrize("wrong", ["nothing", "missing", "size", "hr", "broken", "names", "bomb"])
def test_submissions_that_cannot_be_scored(codabench: Path, wrong: str) -> None:
    res = codabench / "input/res"
    if wrong != "nothing":
        write_png(res / "image0.png", blurred(codabench, "image0"))
    if wrong == "size":
        write_png(res / "image1.png", blurred(codabench, "image1")[:20])
    elif wrong == "hr":
        for name in ("image0.png", "image1.png"):
            shutil.copy(codabench / "input/ref/hr" / name, res / name)
    elif wrong == "broken":
        (res / "image1.png").write_bytes(b"hello")
    elif wrong == "names":
        write_png(res / "other.png", blurred(codabench, "image1"))
    elif wrong == "bomb":
        (res / "image1.png").write_bytes(bomb())
    result = score(codabench)
    assert result.returncode == 1, result.stdout
    assert result.stderr.startswith("not scored: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (codabench / "output/scores.json").exists()


def bomb() -> bytes:
    """A small file of very many pixels."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    return file.getvalue()


def test_the_same_challenge_has_the_same_bytes(codabench: Path, tmp_path: Path, cli: Cli) -> None:
    words = ["export-challenge", "--dataset", "./photos", "--scale", "2", "--protocol", "edsr"]
    assert cli(*words).returncode == 2
    assert cli(*words, "--out", "again").returncode == 0
    for name in ("scoring_program.zip", "reference_data.zip"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "challenge" / name).read_bytes()
    assert cli(*words[:-2], "--protocol", "bd", "--out", "third").returncode == 2  # which is for x3 alone
    assert cli(*words[:-2], "--protocol", "paired", "--out", "fourth").returncode == 2


# The action ----------------------------------------------------------------------------------------------------------


def run_action(folder: Path, **inputs: str) -> tuple[int, str, str]:
    """The steps of action.yml in a plain shell, as GitHub runs composite steps; returns code, output and summary."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    given = {name: str(known.get("default", "")) for name, known in action["inputs"].items()} | inputs
    summary = folder / "summary.md"
    summary.write_text("")
    output, code = "", 0
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an input in a script would be a part of it"
        environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for name, value in step["env"].items():
            value = value.replace("${{ github.action_path }}", str(ROOT))
            environment[name] = re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: given[found[1]], value)
        words = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        result = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
        output, code = output + result.stdout + result.stderr, result.returncode
        if code:
            break
    return code, output, summary.read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="the action's steps are bash")
def test_the_actions_steps(bundle: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "results of mine").mkdir(parents=True)
    place = work / "results of mine/$(touch pwned);claim.srb.zip"
    shutil.copy(bundle, place)
    shutil.copytree(tmp_path / "photos", work / "photos")
    code, output, summary = run_action(work, depth="rescored", options="--datasets=photos\n")
    assert code == 0, output
    assert "every SR image scores as claimed" in output
    assert summary.strip() and all(line.startswith("    ") for line in summary.splitlines() if line)
    assert {path.name for path in (work / "srbench-verified").iterdir()} == {"1.html", "1.json", "1.txt"}
    assert not (work / "pwned").exists()

    code, output, _ = run_action(work, depth="reproduced", options="--datasets=photos")
    assert code == 4  # its plugin is not there
    code, output, _ = run_action(work, depth="reproduced", options="--datasets=photos\n--run-code")
    assert code == 0, output

    forge(bundle, work / "forged.srb.zip", edit("cells/", lambda cell: cell["values"].update(psnr=99.0)))
    code, output, summary = run_action(work)
    assert code == 1
    assert "::error title=srbench verify::" in output
    assert "REFUTED" in summary

    code, output, _ = run_action(work, bundles="nothing/*.srb.zip")
    assert code == 4
