"""Perceptual metrics from the command line: what is unavailable, what is fetched, what is placed by hand."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from server import Server, serving

from srbench.bench.store import RunFolder
from srbench.imaging.files import read_image

pytestmark = pytest.mark.long

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
RUN = ("run", "--methods", "bicubic,nearest", "--datasets", "./photos", "--scales", "2")
LPIPS = ("--metrics", "psnr,haarpsi,lpips-squeeze")

PINNED = """
from dataclasses import replace
from srbench.data.fetch.networks import NETWORKS

for name, sha256 in {hashes!r}.items():
    NETWORKS[name] = replace(NETWORKS[name], sha256=sha256, url={url!r}, packaged="")
from srbench.cli.main import main
main()
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("SRBENCH_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def networks(tmp_path: Path) -> dict[str, Path]:
    """Random weights for LPIPS by SqueezeNet, as files of the right names."""
    from torchvision import models

    torch.manual_seed(0)
    folder = tmp_path / "made"
    folder.mkdir()
    channels = (64, 128, 256, 384, 384, 512, 512)
    heads = {f"lin{index}.model.1.weight": torch.rand(1, count, 1, 1) for index, count in enumerate(channels)}
    names = {"squeezenet1_1": "squeezenet1_1-b8a52dc0.pth", "lpips-squeeze-heads": "lpips-v0.1-squeeze.pth"}
    files = {name: folder / file for name, file in names.items()}
    torch.save(models.squeezenet1_1(weights=None).state_dict(), files["squeezenet1_1"])
    torch.save(heads, files["lpips-squeeze-heads"])
    return files


@pytest.fixture
def pinned(networks: dict[str, Path], server: Server, tmp_path: Path) -> Cli:
    return pinned_to(networks, f"{server.url}/none", tmp_path)


def pinned_to(networks: dict[str, Path], url: str, tmp_path: Path) -> Cli:
    """srbench with these files' hashes in the place of the public ones; the check itself is the real one."""
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in networks.items()}
    hashes = {name: sha256 if "heads" in name else sha256[:8] for name, sha256 in hashes.items()}
    program = PINNED.format(hashes=hashes, url=url)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return run


def rows(result: subprocess.CompletedProcess[str], metric: str) -> list[dict[str, Any]]:
    assert result.returncode == 0, result.stderr
    return [row for row in json.loads(result.stdout)["results"] if row["metric"] == metric]


def test_a_metric_without_its_weights_is_unavailable_and_the_run_goes_on(
    cli: Cli, photos: Path, tmp_path: Path
) -> None:
    result = cli(*RUN, *LPIPS, "--json")
    assert len(rows(result, "psnr")) == len(rows(result, "haarpsi")) == 2
    for row in rows(result, "lpips-squeeze"):
        assert (row["status"], row["value"], row["n"], row["per_image"]) == ("unavailable", None, 0, [])
        assert "srbench data fetch lpips-squeeze" in row["error"]
    assert result.stderr.count("unavailable: lpips-squeeze: squeezenet1_1-b8a52dc0.pth ") == 1

    table = cli(*RUN, *LPIPS)
    assert "0 computed, 2 known" in table.stderr
    assert "unavailable" in table.stdout
    assert "[1] unavailable: squeezenet1_1-b8a52dc0.pth" in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80
    (run,) = (tmp_path / "results" / "runs").iterdir()
    report = (run / "report" / "report.md").read_text()
    assert "LPIPS-SQUEEZE" in report
    assert "data fetch lpips-squeeze" in report
    cells = [line.split(",") for line in (run / "report" / "results.csv").read_text().splitlines()]
    assert {row[-1] for row in cells if "lpips-squeeze" in row} == {"unavailable"}
    assert "unavailable" in (run / "report" / "tables.tex").read_text()
    assert list((run / "report" / "plots").glob("psnr-*.png"))


def test_nothing_but_what_is_unavailable_is_an_error(cli: Cli, photos: Path) -> None:
    result = cli(*RUN, "--metrics", "lpips-squeeze,vgg")
    assert result.returncode == 4
    assert result.stderr.startswith(
        "srbench: There is nothing to score with: lpips-squeeze: squeezenet1_1-b8a52dc0.pth"
    )
    assert "Traceback" not in result.stderr


def test_a_baseline_is_not_made_of_half_a_run(cli: Cli, photos: Path) -> None:
    cli(*RUN, *LPIPS, "--no-report")
    result = cli("check", "--write", "baseline.csv")
    assert result.returncode == 2
    assert "could not compute lpips-squeeze" in result.stderr


def test_weights_placed_by_hand(
    pinned: Cli, photos: Path, networks: dict[str, Path], own_cache: Path, tmp_path: Path
) -> None:
    """Unavailable, then placed: only then is the column computed, and nothing stale is taken for it."""
    before = pinned(*RUN, *LPIPS, "--json", "--no-report")
    assert {row["status"] for row in rows(before, "lpips-squeeze")} == {"unavailable"}
    (own_cache / "networks").mkdir(exist_ok=True)
    for path in networks.values():
        (own_cache / "networks" / path.name).write_bytes(path.read_bytes())
    after = pinned(*RUN, *LPIPS, "--json", "--no-report")
    assert "2 computed" in after.stderr
    found = {row["method"]: row for row in rows(after, "lpips-squeeze")}
    assert {row["status"] for row in found.values()} == {"ok"}
    assert 0 < found["bicubic"]["value"] < 10
    assert found["bicubic"]["value"] != found["nearest"]["value"]
    assert [row["value"] for row in rows(after, "psnr")] == [row["value"] for row in rows(before, "psnr")]
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 1
    again = pinned(*RUN, *LPIPS, "--no-report")
    assert "2 known" in again.stderr
    table = again.stdout
    assert "LPIPS-SQUEEZE" in table
    assert "unavailable" not in table


@pytest.fixture
def alexnet(tmp_path: Path) -> dict[str, Path]:
    """A seeded random AlexNet with all its layers, as large as the real file, and heads for LPIPS."""
    from torchvision import models

    torch.manual_seed(0)
    folder = tmp_path / "downloads"
    folder.mkdir()
    files = {"alexnet": folder / "alexnet-owt-7be5be79.pth", "lpips-alex-heads": folder / "lpips-v0.1-alex.pth"}
    torch.save(models.alexnet(weights=None).state_dict(), files["alexnet"])
    channels = (64, 192, 384, 256, 256)
    heads = {f"lin{index}.model.1.weight": torch.rand(1, count, 1, 1) for index, count in enumerate(channels)}
    torch.save(heads, files["lpips-alex-heads"])
    return files


def networks_of(folder: Path) -> tuple[torch.nn.Sequential, list[torch.Tensor]]:
    from torchvision import models

    with torch.device("meta"):
        net = models.alexnet(weights=None)
    net.load_state_dict(torch.load(folder / "alexnet-owt-7be5be79.pth", weights_only=True), assign=True)
    heads = torch.load(folder / "lpips-v0.1-alex.pth", weights_only=True)
    return net.eval().features, list(heads.values())


def lpips_by_definition(features: torch.nn.Sequential, heads: list[torch.Tensor], sr: Path, hr: Path) -> float:
    """Zhang et al. 2018, section 3, layer by layer."""
    pair = torch.stack([torch.tensor(read_image(path)).permute(2, 0, 1) for path in (sr, hr)]) / 127.5 - 1
    x = (pair - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(
        3, 1, 1
    )
    total, layers = 0.0, iter(heads)
    with torch.inference_mode():
        for layer in features[:12]:
            x = layer(x)
            if isinstance(layer, torch.nn.ReLU):
                a, b = x / x.norm(dim=1, keepdim=True).clamp_min(1e-10)
                total += float(((a - b) ** 2 * next(layers)[0]).sum(0).mean())
    return total


def test_lpips_on_set5_with_weights_placed_by_hand(
    alexnet: dict[str, Path], own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/reference/metrics.md says: files into SRBENCH_CACHE/networks, verified, found, used on all five."""
    if not (MIRROR / "set5").is_dir():
        pytest.skip("set5 is not at hand: SRBENCH_MIRROR names no folder that holds it")
    monkeypatch.setenv("SRBENCH_MIRROR", str(MIRROR))
    srbench = pinned_to(alexnet, "http://127.0.0.1:9", tmp_path)
    for path in alexnet.values():
        place = own_cache / "networks" / path.name
        place.parent.mkdir(exist_ok=True)
        path.rename(place)
    verified = srbench("data", "verify", "lpips-alex")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("whole, ") == 2

    words = ("run", "--methods", "bicubic", "--datasets", "set5", "--scales", "2,4", "--no-speed", "--json")
    result = srbench(*words, "--metrics", "psnr,ssim,lpips-alex")
    found = {row["scale"]: row for row in rows(result, "lpips-alex")}
    assert {(row["status"], row["n"], len(row["per_image"])) for row in found.values()} == {("ok", 5, 5)}
    assert {row["scale"]: row["value"] for row in rows(result, "psnr")}[2] == pytest.approx(33.6615, abs=0.0005)
    for two, four in zip(found[2]["per_image"], found[4]["per_image"], strict=True):
        assert 0 < two["value"] < four["value"]

    (run,) = (tmp_path / "results" / "runs").iterdir()
    cells = [json.loads(path.read_text()) for path in (run / "cells").glob("*.json")]
    features, heads = networks_of(own_cache / "networks")
    compared = 0
    for cell in (cell for cell in cells if "lpips-alex" in cell["values"]):
        for image in cell["images"]:
            sr = RunFolder(run).sr_path(cell["key"], image["name"])
            hr = RunFolder(run).hr_path(cell["inputs"]["dataset"], cell["id"]["scale"], image["name"])
            if sr.is_file() and hr.is_file():
                expected = lpips_by_definition(features, heads, sr, hr)
                assert image["values"]["lpips-alex"] == pytest.approx(expected, rel=1e-4), image["name"]
                compared += 1
    assert compared >= 4


def test_weights_in_a_mirrors_folder(
    pinned: Cli, photos: Path, networks: dict[str, Path], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRBENCH_MIRROR", str(networks["squeezenet1_1"].parent))
    assert {row["status"] for row in rows(pinned(*RUN, *LPIPS, "--json", "--no-report"), "lpips-squeeze")} == {"ok"}
    fetched = pinned("data", "fetch", "lpips-squeeze")
    assert fetched.returncode == 0, fetched.stderr
    assert {path.name for path in (own_cache / "networks").glob("*.pth")} == {p.name for p in networks.values()}


def test_weights_from_a_server(
    pinned: Cli, networks: dict[str, Path], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in networks.values():
        server.files[f"networks/{path.name}"] = path.read_bytes()
    monkeypatch.setenv("SRBENCH_MIRROR", server.url)
    fetched = pinned("data", "fetch", "lpips-squeeze")
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.count("fetched") == 2
    listed = json.loads(pinned("data", "list", "--json").stdout)["weights"]
    present = {record["name"]: record["present"] for record in listed}
    assert (present["squeezenet1_1"], present["lpips-squeeze-heads"], present["vgg16"]) == ("yes", "yes", "no")


def test_a_damaged_file_is_not_used(pinned: Cli, photos: Path, networks: dict[str, Path], own_cache: Path) -> None:
    (own_cache / "networks").mkdir(exist_ok=True)
    for path in networks.values():
        (own_cache / "networks" / path.name).write_bytes(path.read_bytes()[:-7])
    result = pinned(*RUN, *LPIPS, "--json", "--no-report")
    (reason, _) = (row["error"] for row in rows(result, "lpips-squeeze"))
    assert "is not the file that its name says" in reason


def test_images_too_small_for_a_network_cost_that_metric_alone(
    pinned: Cli, tmp_path: Path, networks: dict[str, Path], own_cache: Path
) -> None:
    from conftest import photograph, save

    save(tmp_path / "tiny" / "one.png", photograph(16, 16))
    (own_cache / "networks").mkdir(exist_ok=True)
    for path in networks.values():
        (own_cache / "networks" / path.name).write_bytes(path.read_bytes())
    result = pinned("run", "--methods", "bicubic", "--datasets", "./tiny", "--scales", "2", *LPIPS)
    assert result.returncode == 0
    assert "psnr " in result.stderr
    reason = "one cannot be scored: LPIPS (squeeze) needs at least 17x17 pixels, and the image is 16x16"
    assert f"has no lpips-squeeze: {reason}" in result.stderr


def test_other_libraries_metrics_by_name(cli: Cli, photos: Path) -> None:
    pytest.importorskip("piq")
    result = cli(*RUN, "--metrics", "piq:mdsi,piq:gmsd", "--json", "--no-report")
    for metric in ("piq:mdsi", "piq:gmsd"):
        assert all(0 < row["value"] < 0.7 for row in rows(result, metric))
    assert "Did you mean vif_p" in cli(*RUN, "--metrics", "piq:vif").stderr


def test_list_says_what_is_here(cli: Cli) -> None:
    found = {metric["name"]: metric for metric in json.loads(cli("list", "--json").stdout)["metrics"]}
    assert not found["haarpsi"]["unavailable"]
    assert found["haarpsi"]["higher_is_better"]
    assert not found["dists"]["higher_is_better"]
    assert "data fetch dists" in found["dists"]["unavailable"]
    assert "higher" in cli("list").stdout
