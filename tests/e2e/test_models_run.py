"""One small network, saved in every way and scored from the command line: one figure, whatever file it comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch
from conftest import photograph, save
from hub_server import COMMIT, hub

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
LABELS = ["spandrel:small", "onnx:small", "torchscript:small", "exported:small", "hub:small", "images:sr"]
X2 = ("--scales", "2", "--no-speed")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    network = small_models.trained()
    small_models.save_all(network, folder)
    small_models.save_sr_images(network, folder / "sr")
    (folder / "hub").mkdir()
    small_models.save_safetensors(network, folder / "hub" / "model.safetensors")
    return folder


@pytest.fixture
def here(files: Path, tmp_path: Path) -> Path:
    """The models, in the folder that commands are run in."""
    for path in files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def psnr_by_method(document: str) -> dict[str, float]:
    results = json.loads(document)["results"]
    return {result["method"]: result["value"] for result in results if result["metric"] == "psnr"}


def test_every_file_of_a_network_has_its_figure(cli: Cli, here: Path) -> None:
    with hub() as server:
        server.repositories["org/small"] = {"model.safetensors": (here / "hub/model.safetensors").read_bytes()}
        methods = "nearest,spandrel:small.pth,onnx:small.onnx,torchscript:small.pt,exported:small.pt2"
        methods += ",hub:org/small,images:sr"
        result = cli("run", "--methods", methods, *X2, "--json", HF_ENDPOINT=server.url)
    assert result.returncode == 0, result.stderr
    found = psnr_by_method(result.stdout)
    assert list(found) == ["nearest", *LABELS]
    assert max(abs(found[label] - found["images:sr"]) for label in LABELS) < 1e-3
    assert found["images:sr"] > found["nearest"] + 0.3  # or any network would do

    (run,) = (here / "results/runs").glob("embedded*")
    report = (run / "report/report.md").read_text("utf-8")
    row = "| onnx:small | prediction | rgb | yes | ONNX model, small.onnx (sha256 "
    assert row in report
    assert f"| RealESRGAN Compact (spandrel 0.4.2), org/small at {COMMIT[:12]}: model.safetensors (sha256 " in report
    assert "| images:sr | prediction | any | no | 5 images of sr, sha256 " in report
    page = (run / "report/report.html").read_text("utf-8")
    assert "<dt>onnx:small</dt><dd>ONNX model, small.onnx (sha256 " in page

    shown = cli("report", "--methods", "onnx:small,images:*", "--baseline", "onnx:small")
    assert shown.returncode == 0, shown.stderr
    assert "onnx:small" in shown.stdout
    assert "exported:small" not in shown.stdout
    compared = cli("compare", "onnx:small", "nearest", "--json")
    assert compared.returncode == 0, compared.stderr
    again = cli("run", "--methods", "onnx:small.onnx,images:sr", *X2)
    assert "cells: 0 computed, 2 known before" in again.stderr


def test_workers_open_models_too(cli: Cli, here: Path, photos: Path) -> None:
    methods = f"onnx:small.onnx,spandrel:small.pth,hub:./hub,images:{photos}"
    words = ("run", "--methods", methods, "--datasets", str(photos), *X2, "--json", "--no-report")
    alone, workers = cli(*words, "--out", "a"), cli(*words, "--out", "b", "--jobs", "2")
    assert workers.returncode == 0, workers.stderr
    assert psnr_by_method(workers.stdout) == psnr_by_method(alone.stdout)


def runs(here: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in (here / "results/runs").glob("*/run.json")}


def test_a_changed_file_is_another_cell_of_another_run(cli: Cli, here: Path, photos: Path) -> None:
    words = ("run", "--methods", "onnx:small.onnx", "--datasets", str(photos), *X2, "--no-report")
    assert "1 computed" in cli(*words).stderr
    before = runs(here)
    (here / "small.onnx").unlink()
    small_models.save_onnx(small_models.trained(steps=3), here / "small.onnx")
    assert "1 computed" in cli(*words).stderr
    after = runs(here)
    assert len(after) == 2
    assert before.items() <= after.items()  # nothing finished is lost


def test_weights_beside_an_onnx_model_that_were_changed_are_another_cell(
    cli: Cli, tmp_path: Path, photos: Path
) -> None:
    import onnx

    words = ("run", "--methods", "onnx:net.onnx", "--datasets", str(photos), *X2, "--no-report", "--json")
    figures = []
    for steps in (1, 3):
        model = onnx.load(small_models.save_onnx(small_models.trained(steps=steps), tmp_path / "whole.onnx"))
        (tmp_path / "weights.bin").unlink(missing_ok=True)
        where = {"location": "weights.bin", "size_threshold": 0}
        onnx.save_model(model, tmp_path / "net.onnx", save_as_external_data=True, **where)
        result = cli(*words)
        assert "1 computed" in result.stderr
        figures.append(psnr_by_method(result.stdout)["onnx:net"])
    assert figures[0] != figures[1]
    (tmp_path / "weights.bin").unlink()
    result = cli(*words)
    assert result.returncode == 4
    assert "srbench: net.onnx has weights in 'weights.bin', which is not in" in result.stderr


def test_two_models_of_one_name_stand_in_one_run(cli: Cli, tmp_path: Path, photos: Path) -> None:
    for number, folder in enumerate(("A", "B")):
        save(tmp_path / folder / "sr" / "first.png", photograph(48, 60, number))
        save(tmp_path / folder / "sr" / "second.png", photograph(52, 40, number))
    words = ("--datasets", str(photos), *X2, "--no-report", "--json", "--metrics", "psnr")
    both = psnr_by_method(cli("run", "--methods", "images:A/sr,images:B/sr", *words).stdout)
    assert list(both) == ["images:A-sr", "images:B-sr"]
    alone = [psnr_by_method(cli("run", "--methods", f"images:{x}/sr", *words).stdout)["images:sr"] for x in "AB"]
    assert alone == list(both.values())
    assert len(runs(tmp_path)) == 3
    named = psnr_by_method(cli("run", "--methods", "images:A/sr?label=ours,images:B/sr", *words).stdout)
    assert list(named) == ["images:ours", "images:sr"]
    refused = cli("run", "--methods", "images:A/sr?label=x,images:B/sr?label=x", *words)
    assert refused.returncode == 2
    assert "Two models would be called 'images:x'; name one of them: 'images:PATH?label=NAME'." in refused.stderr


def test_a_network_that_divides_by_zero_on_small_images_is_a_row(cli: Cli, tmp_path: Path, photos: Path) -> None:
    small_models.save_onnx(small_models.pooling(), tmp_path / "pool.onnx")
    words = ("run", "--methods", "nearest,onnx:pool.onnx", "--datasets", str(photos), *X2, "--no-report", "--json")
    alone = cli(*words, "--out", "a")
    assert alone.returncode == 0, alone.stderr
    assert alone.stderr.count("trying pool.onnx: its channels, scale, sizes and halo") == 1
    workers = cli(*words, "--out", "b", "--jobs", "1")
    assert workers.returncode == 0, workers.stderr
    assert psnr_by_method(workers.stdout) == psnr_by_method(alone.stdout)
    assert list(psnr_by_method(alone.stdout)) == ["nearest", "onnx:pool"]
    save(tmp_path / "tiny.png", photograph(6, 9))
    upscaled = cli("upscale", "tiny.png", "large.png", "--method", "onnx:pool.onnx", "--scale", "2")
    assert upscaled.returncode == 0, upscaled.stderr
    assert (tmp_path / "large.png").is_file()


def test_a_network_that_cannot_be_tried_is_one_sentence(cli: Cli, tmp_path: Path, photos: Path) -> None:
    small_models.save_onnx(small_models.pooling(35), tmp_path / "pool.onnx", side=128)
    for words in (
        ("run", "--methods", "nearest,onnx:pool.onnx", "--datasets", str(photos), *X2, "--no-report"),
        ("upscale", str(photos), "out", "--method", "onnx:pool.onnx", "--scale", "2"),
    ):
        result = cli(*words)
        assert result.returncode == 4, result.stderr
        assert "srbench: pool.onnx takes no image of 3 channels, 96x64 pixels (" in result.stderr
        assert "Traceback" not in result.stderr


def test_wrong_images_fail_their_cells_alone(cli: Cli, here: Path, photos: Path) -> None:
    for name, size in (("small", (48, 58)), ("large", (50, 60))):
        save(here / name / "first.png", photograph(*size, 1))
        save(here / name / "second.png", photograph(53, 41, 2))
    save(here / "one" / "first.png", photograph(48, 60, 1))
    save(here / "others" / "a.png", photograph(48, 60, 1))
    save(here / "others" / "b.png", photograph(53, 41, 2))
    save(here / "gray" / "first_x2.png", photograph(48, 60, 1)[..., 0])
    save(here / "gray" / "second_x2.png", photograph(53, 41, 2))
    save(here / "right" / "photos" / "x2" / "first_x2.png", photograph(48, 60, 5))
    save(here / "right" / "photos" / "x2" / "second_x2.png", photograph(52, 40, 6))
    methods = "nearest,images:small,images:large,images:one,images:others,images:gray,images:right/{dataset}/x{scale}"
    result = cli("run", "--methods", methods, "--datasets", str(photos), *X2, "--json", "--no-report")
    assert result.returncode == 4, result.stderr
    document = json.loads(result.stdout)
    assert set(psnr_by_method(result.stdout)) == {"nearest", "images:right"}
    errors = {failed["method"]: failed["error"] for failed in document["failed"]}
    for label, words in {
        "images:small": "first.png is 58x48 and the HR image 'first' is 60x48; SR must be as large as HR",
        "images:large": "first.png is 60x50 and",
        "images:one": "has no image called like 'second' of photos",
        "images:others": "are not those of photos; name each SR image as its HR image",
        "images:gray": "first_x2.png: SR is gray and HR has colours",
    }.items():
        assert words in errors[label]


def test_gray_images_are_scored_with_gray_ones(cli: Cli, tmp_path: Path) -> None:
    picture = photograph(40, 44)[..., 0]
    save(tmp_path / "hr" / "a.png", picture)
    save(tmp_path / "sr" / "a.png", np.repeat(picture[..., None], 3, axis=2))  # as many programs write gray
    result = cli("run", "--methods", "images:sr", "--datasets", "hr", *X2, "--json", "--no-report")
    assert psnr_by_method(result.stdout) == {"images:sr": "inf"}, result.stderr


def test_the_scale_of_images_must_be_said(cli: Cli, here: Path) -> None:
    result = cli("run", "--methods", "images:sr", "--scales", "2,3")
    assert result.returncode == 2
    assert "At which scale were the images of images:sr made?" in result.stderr
    plan = cli("run", "--methods", "images:sr?scale=2", "--scales", "2,3", "--dry-run", "--json")
    assert [cell["scale"] for cell in json.loads(plan.stdout)["cells"]] == [2]


def test_models_are_timed_and_images_are_not(cli: Cli, here: Path, photos: Path) -> None:
    words = ("--methods", "onnx:small.onnx,spandrel:small.pth", "--scales", "2", "--sizes", "32", "--runs", "5")
    result = cli("speed", *words, "--json")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert {row["method"]: row["parameters"] for row in rows} == {"onnx:small": 6876, "spandrel:small": 6876}
    refused = cli("speed", "--methods", "images:sr")
    assert refused.returncode == 2
    assert "images:sr is a folder of SR images, which cannot be timed" in refused.stderr
    methods = ("--methods", f"onnx:small.onnx,images:{photos}", "--datasets", str(photos))
    timed = cli("run", *methods, "--scales", "2", "--no-report")
    assert timed.returncode == 0, timed.stderr
    (run,) = (here / "results/runs").glob("photos*")
    assert [row["method"] for row in json.loads((run / "speed.json").read_text())["rows"]] == ["onnx:small"]


def test_explain_takes_models(cli: Cli, here: Path, photos: Path) -> None:
    data = ("--datasets", str(photos))
    figure = psnr_by_method(cli("run", "--methods", "onnx:small.onnx", *data, *X2, "--json", "--no-report").stdout)
    number = f"{figure['onnx:small']:.2f}"
    asked = ("explain", number, "--dataset", str(photos), "--scale", "2")
    found = cli(*asked, "--method", "onnx:small.onnx", "--json")
    assert found.returncode == 0, found.stderr
    refused = cli(*asked, "--method", "images:sr")
    assert refused.returncode == 2
    assert "name it by --images" in refused.stderr


def test_list_names_the_kinds(cli: Cli) -> None:
    kinds: list[dict[str, Any]] = json.loads(cli("list", "--json").stdout)["models"]
    names = ["torch", "basicsr", "spandrel", "onnx", "torchscript", "exported", "images", "hub"]
    assert [kind["kind"] for kind in kinds] == names
    shown = cli("list").stdout
    assert "onnx:FILE" in shown
    assert "images:DIR" in shown


def test_planning_a_model_needs_no_torch(here: Path) -> None:
    code = "import sys; from srbench.plugins.registry import Registry;"
    code += "Registry().select(['onnx:small.onnx', 'images:sr']);"
    for tried in (1, 0):  # once, in another process
        result = subprocess.run(
            [sys.executable, "-c", f"{code} print('torch' in sys.modules)"],
            cwd=here,
            env=os.environ,
            capture_output=True,
            text=True,
        )
        assert result.stdout.strip() == "False", result.stderr
        assert result.stderr.count("trying small.onnx") == tried


class Enlarged(torch.nn.Module):
    """Bicubic, brighter by a constant: nearly white in [0, 1] and hardly brighter in 0..255."""

    def __init__(self, brighter: float) -> None:
        super().__init__()
        self.brighter = brighter

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bicubic") + self.brighter


PLUGIN = """
import torch
from srbench.method import Method, MethodInfo

class Dim(Method):
    info = MethodInfo(name="dim", family="{family}", channels="any", input="upsampled")

    def upscale(self, x, scale):
        return x * 0.8
"""


def test_a_network_that_is_under_bicubic_is_asked_whether_it_is_fed_rightly(
    cli: Cli, tmp_path: Path, photos: Path
) -> None:
    for name, brighter in (("fine", 0.0), ("bright", 0.25)):
        torch.jit.script(Enlarged(brighter)).save(str(tmp_path / f"{name}.pt"))
    for family in ("prediction", "interpolation"):
        text = PLUGIN.format(family=family).replace("dim", f"dim-{family}")
        (tmp_path / f"{family}.py").write_text(text)
    plugins = [word for family in ("prediction", "interpolation") for word in ("--plugin", f"{family}.py")]
    data = ("--datasets", str(photos), "--scales", "2", "--metrics", "psnr", "--no-speed")
    models = "torchscript:fine.pt,torchscript:bright.pt"
    result = cli("run", "--methods", f"{models},dim-*,bicubic,nearest", *data, *plugins, "--json")
    assert result.returncode == 0, result.stderr
    figures = psnr_by_method(result.stdout)
    short = figures["bicubic"] - figures["torchscript:bright"]
    question = "is its input 0..255 (?range=255), BGR, or of another scale or degradation?"
    sentence = f"torchscript:bright is {short:.1f} dB under bicubic on photos x2: {question}"
    assert f"note: {sentence}" in result.stderr
    assert "dim-prediction is " in result.stderr and "?range" not in result.stderr.partition("dim-prediction is")[2]
    noted = [line for line in result.stderr.splitlines() if "under bicubic" in line]
    assert len(noted) == 2  # what interpolates may lie where it likes, and so may nearest
    (folder,) = (tmp_path / "results/runs").glob("photos*")
    assert any(sentence in note for note in json.loads((folder / "run.json").read_text())["notes"])
    assert "is its input 0..255" in (folder / "report/report.md").read_text("utf-8")
    again = cli("run", "--methods", f"{models},dim-*,bicubic,nearest", *data, *plugins)
    assert "0 computed" in again.stderr and sentence in again.stderr

    said = cli("run", "--methods", "torchscript:bright.pt?range=255,bicubic", *data)
    assert "under bicubic" not in said.stderr
    said = cli("run", "--methods", "torchscript:bright.pt?range=0.5,bicubic", *data)
    assert "is its ?range right, or is its input BGR" in said.stderr
    alone = cli("run", "--methods", "torchscript:bright.pt", *data)
    assert alone.returncode == 0 and "under bicubic" not in alone.stderr  # nothing to hold it against
