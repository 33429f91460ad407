"""Bundles of every kind of run: pairs, learned methods, models, protocols of one's own; each to the last depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import bundle_of, edit, forge, members_of
from conftest import photograph, save

import srbench
from srbench.proof.reading import read_bundle
from srbench.proof.text import paragraphs
from srbench.proof.verdict import Verification
from srbench.proof.verify import Means, verify

LEARNED = """
import torch
from torch import nn

from srbench.method import LearnedMethod, MethodInfo
from srbench.recipe import Recipe

TINY = Recipe(train=("embedded:train",), steps=3, validate_every=3, patch=16, stride=200, batch=2, validation_images=1)


class Tiny(LearnedMethod):
    info = MethodInfo(name="tiny", family="prediction", channels="y", input="upsampled", scales=frozenset({2}))
    recipes = {"tiny": TINY}

    def network(self, scale):
        return nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate")

    def upscale(self, x, scale):
        return self.model(x)
"""
OWN = 'base = "vdsr"\nname = "own"\naggregate = "pooled"\nshave_extra = 1\n'


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    save(tmp_path / "photos" / "colour.png", photograph(48, 60, 1))
    save(tmp_path / "photos" / "gray.png", photograph(40, 44, 2)[..., 0])
    return tmp_path / "photos"


def made(tmp_path: Path, *methods: str, **options: Any) -> Path:
    more = {"scales": 2, "metrics": ["psnr", "ssim", "mse"], "out": tmp_path / "runs", "speed": False}
    run = srbench.run(list(methods), **(more | options))
    run.raise_for_failures()
    return run.folder


def reached(path: Path, datasets: str, **means: Any) -> Verification:
    found = verify(read_bundle(path), Means(datasets=(datasets,), **means))
    assert not found.is_refuted, found.problems
    return found


@pytest.mark.parametrize("protocol", ["vdsr", "edsr", "rgb", "linear", "lapsrn"])
def test_gray_and_coloured_images(photos: Path, tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "x.srb.zip"
    bundle_of(made(tmp_path, "bicubic", "bilinear+", datasets=str(photos), protocol=protocol), path)
    found = reached(path, str(photos))
    assert found.depth == "reproduced"
    assert all(cell.rescored and cell.rescored.is_done and not cell.rescored.largest for cell in found.cells)


def test_a_protocol_of_ones_own(photos: Path, tmp_path: Path) -> None:
    """Its content is in the bundle, so nobody needs its file; its figures are pooled."""
    (tmp_path / "own.toml").write_text(OWN)
    run = made(tmp_path, "bicubic", datasets=str(photos), protocol=str(tmp_path / "own.toml"))
    (tmp_path / "own.toml").unlink()
    bundle_of(run, tmp_path / "x.srb.zip")
    assert reached(tmp_path / "x.srb.zip", str(photos)).depth == "reproduced"


def test_a_degradation_of_ones_own(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'base = "edsr"\nname = "blurred"\n[[degradation]]\nstep = "blur"\nsize = 5\nsigma = 1.0\n'
        '[[degradation]]\nstep = "resize"\n[[degradation]]\nstep = "noise"\nsigma = 3.0\n'
    )
    run = made(tmp_path, "bicubic", datasets=str(photos), protocol=str(tmp_path / "own.toml"))
    bundle_of(run, tmp_path / "x.srb.zip")
    assert reached(tmp_path / "x.srb.zip", str(photos)).depth == "reproduced"


def test_pairs(tmp_path: Path) -> None:
    for number in range(2):
        hr = photograph(48, 60, number)
        save(tmp_path / "hr" / f"image{number}.png", hr)
        save(tmp_path / "lr" / f"image{number}.png", np.ascontiguousarray(hr[::2, ::2]))
    pairs = f"hr={tmp_path / 'hr'},lr={tmp_path / 'lr'}"
    bundle_of(made(tmp_path, "bicubic", datasets=pairs, protocol="paired"), tmp_path / "x.srb.zip")
    assert reached(tmp_path / "x.srb.zip", pairs).depth == "reproduced"
    assert reached(tmp_path / "x.srb.zip", str(tmp_path / "hr")).depth == "whole"  # LR is not there


def test_images_by_other_names(photos: Path, tmp_path: Path) -> None:
    """Pixels tell which images they are, in whatever file, under whatever name, among others."""
    bundle_of(made(tmp_path, "bicubic", datasets=str(photos)), tmp_path / "x.srb.zip")
    (tmp_path / "other").mkdir()
    from srbench.imaging.files import read_image

    for path in photos.iterdir():
        save(tmp_path / "other" / f"z-{path.stem}.bmp", read_image(path))
    save(tmp_path / "other" / "a.png", photograph(20, 20, 5))
    assert reached(tmp_path / "x.srb.zip", str(tmp_path / "other")).depth == "reproduced"
    (tmp_path / "other" / "z-gray.bmp").unlink()
    assert reached(tmp_path / "x.srb.zip", str(tmp_path / "other")).depth == "whole"


@pytest.mark.parametrize("with_weights", [True, False])
def test_weights_of_a_training(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_weights: bool
) -> None:
    """They are data: with them and its own code a verifier needs no training, and nothing of the bundle is executed."""
    plugin = tmp_path / "tiny.py"
    plugin.write_text(LEARNED)
    run = made(tmp_path, "tiny", datasets=str(photos), plugins=plugin, seeds=[0, 1])
    path = tmp_path / "x.srb.zip"
    bundle_of(run, path, plugins=[plugin], with_weights=with_weights)
    assert len([name for name in members_of(path) if name.startswith("weights/")]) == (2 if with_weights else 0)

    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "elsewhere"))
    found = reached(path, str(photos), plugins=(plugin,))
    assert found.depth == ("reproduced" if with_weights else "rescored")
    if not with_weights:
        assert "are not here" in found.reasons()[0]
    assert reached(path, str(photos)).depth == "rescored"
    assert len(reached(path, str(photos)).code) == 1
    found = reached(path, str(photos), run_code=True)
    assert (found.depth == "reproduced") == with_weights
    assert len(found.ran) == 1


def test_weights_that_are_none(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tensors than those that the cells name are not used, whatever the bundle says of them."""
    plugin = tmp_path / "tiny.py"
    plugin.write_text(LEARNED)
    run = made(tmp_path, "tiny", datasets=str(photos), plugins=plugin, seeds=[0, 1])
    bundle_of(run, tmp_path / "x.srb.zip", plugins=[plugin], with_weights=True)

    def swap(members: dict[str, bytes]) -> None:
        one, other = [name for name in members if name.startswith("weights/")]
        members[one], members[other] = members[other], b"no weights"

    forge(tmp_path / "x.srb.zip", tmp_path / "forged.srb.zip", swap)
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "elsewhere"))
    found = reached(tmp_path / "forged.srb.zip", str(photos), plugins=(plugin,))
    assert found.depth == "rescored"
    assert all("are not here" in reason for reason in found.reasons())


def test_models_by_their_hashes(photos: Path, tmp_path: Path) -> None:
    """A model's file is not in the bundle; the verifier names it, and another one is told apart."""
    (tmp_path / "net.py").write_text(
        "import torch.nn.functional as F\nfrom torch import nn\n\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        return F.interpolate(x, scale_factor=2) * 0.99\n"
    )
    spec = f"torch:{tmp_path / 'net.py'}:Net?scale=2&channels=any"
    path = tmp_path / "x.srb.zip"
    bundle_of(made(tmp_path, spec, datasets=str(photos)), path)
    assert not [name for name in members_of(path) if name.startswith("methods/")]
    found = reached(path, str(photos))
    assert found.depth == "rescored"
    assert "name its file or folder by --methods" in found.reasons()[0]
    assert reached(path, str(photos), methods=(spec,)).depth == "reproduced"
    (tmp_path / "net.py").write_text((tmp_path / "net.py").read_text().replace("0.99", "0.9"))
    found = verify(read_bundle(path), Means(datasets=(str(photos),), methods=(spec,)))
    assert found.is_refuted
    assert any("another version" in note for note in found.notes)


def test_failed_cells_are_told_without_tracebacks(photos: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "bad.py"
    plugin.write_text(
        "from srbench.method import Method, MethodInfo\n\n\nclass Bad(Method):\n"
        '    info = MethodInfo(name="bad", family="interpolation", channels="y", input="lr", scales=frozenset({2}))\n\n'
        "    def upscale(self, x, scale):\n        raise RuntimeError('no')\n"
    )
    run = srbench.run(["bicubic", "bad"], datasets=str(photos), scales=2, plugins=plugin, out=tmp_path / "runs")
    bundle_of(run.folder, tmp_path / "x.srb.zip")
    record = json.loads(members_of(tmp_path / "x.srb.zip")["run.json"])
    assert [failed["traceback"] for failed in record["failed"]] == [""]
    found = reached(tmp_path / "x.srb.zip", str(photos))
    assert found.depth == "reproduced"
    assert len(found.cells) == 1


def test_two_names_of_one_set(photos: Path, tmp_path: Path) -> None:
    """A cell is stored once where two data sets have the same images."""
    run = made(tmp_path, "bicubic", datasets=[f"one={photos}", f"other={photos}"])
    bundle_of(run, tmp_path / "x.srb.zip")
    found = reached(tmp_path / "x.srb.zip", str(photos))
    assert found.depth == "reproduced"
    assert [cell.id.dataset for cell in found.cells] == ["one", "other"]


def test_a_class_of_a_session(photos: Path, tmp_path: Path) -> None:
    """Its source is in no file: the bundle has its hash, and its figures can be scored again."""
    from srbench.method import Method, MethodInfo

    class Own(Method):
        info = MethodInfo(name="own", family="interpolation", channels="any", input="upsampled", scales=frozenset({2}))

        def upscale(self, x: Any, scale: int) -> Any:
            return x

    run = srbench.run([Own], datasets=str(photos), scales=2, out=tmp_path / "runs")
    manifest = bundle_of(run.folder, tmp_path / "x.srb.zip").manifest
    assert manifest.methods[0].files == {}
    assert any("own" in sentence for sentence in manifest.left_out)
    assert reached(tmp_path / "x.srb.zip", str(photos)).depth == "rescored"


GAP = """
import numpy as np
from srbench.metrics.metric import Metric

def moments(pair):
    return np.array([pair.sr.mean(), pair.target.mean()])

def gap(parts):
    if len(parts) < 2:
        raise ValueError("gap needs two images")
    return float(((np.stack(parts)[:, 0] - np.stack(parts)[:, 1]) ** 2).sum())

GAP = Metric("gap", moments, higher_is_better=False, digits=5, input="image", combine=gap)
"""


def test_lr_without_hr(tmp_path: Path) -> None:
    """What needs no HR is scored again; a folder of HR images is not what the bundle means."""
    for number, (height, width) in enumerate([(64, 112), (65, 113)]):
        save(tmp_path / "lr" / f"image{number}.png", photograph(height, width, number))
    run = made(
        tmp_path, "bicubic", "nearest", datasets=f"lr={tmp_path / 'lr'}", protocol="paired", metrics=["psnr", "niqe"]
    )
    manifest = bundle_of(run, tmp_path / "x.srb.zip").manifest
    assert [(image.pixels, image.lr_pixels is None) for image in manifest.datasets[0].images] == [(None, False)] * 2
    found = reached(tmp_path / "x.srb.zip", f"lr={tmp_path / 'lr'}")
    assert found.depth == "reproduced"
    assert all(cell.rescored and cell.rescored.is_done and not cell.rescored.largest for cell in found.cells)
    assert {name for cell in found.cells for name in cell.cell.values} == {"niqe"}
    lines = list(paragraphs(found))
    assert lines[-3].split() == ["method", "data", "set", "scale", "niqe", "verified"]
    found = reached(tmp_path / "x.srb.zip", str(tmp_path / "lr"))
    assert found.depth == "whole"
    assert "--datasets lr=DIR" in found.reasons()[0]
    (tmp_path / "other").mkdir()
    for number in range(2):
        save(tmp_path / "other" / f"z{number}.bmp", photograph(64 + number, 112 + number, number))
    assert reached(tmp_path / "x.srb.zip", f"lr={tmp_path / 'other'}").depth == "reproduced"


LR_FORGED = {
    "a value that needs HR": (
        edit(
            "cells/",
            lambda cell: (cell["values"].update(psnr=40.0), [i["values"].update(psnr=40.0) for i in cell["images"]]),
        ),
        "its psnr compares with HR",
    ),
    "HR that is not there": (
        edit("run.json", lambda run: run["datasets"][0].update(has_hr=True)),
        "another in the run",
    ),
    "another size": (edit("cells/", lambda cell: cell["images"][0].update(width=112)), "enlarged LR"),
    "a better value": (edit("cells/", lambda cell: better_niqe(cell)), ""),
}


def better_niqe(cell: dict[str, Any]) -> None:
    for image in cell["images"]:
        image["values"]["niqe"] = 2.0
    cell["values"]["niqe"] = 2.0


@pytest.mark.parametrize("name", LR_FORGED)
def test_forged_values_of_lr_without_hr(name: str, tmp_path: Path) -> None:
    save(tmp_path / "lr" / "image.png", photograph(64, 112, 1))
    run = made(tmp_path, "bicubic", datasets=f"lr={tmp_path / 'lr'}", protocol="paired", metrics=["psnr", "niqe"])
    bundle_of(run, tmp_path / "x.srb.zip")
    change, expected = LR_FORGED[name]
    forged = read_bundle(forge(tmp_path / "x.srb.zip", tmp_path / "forged.srb.zip", change))
    found = verify(forged, Means(datasets=(f"lr={tmp_path / 'lr'}",), depth="rescored"))
    assert found.is_refuted
    assert any(expected in problem for problem in found.problems or [""]), found.problems


@pytest.fixture
def with_gap(photos: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A bundle of a run with a metric of the set, and its plugin."""
    plugin = tmp_path / "gap.py"
    plugin.write_text(GAP)
    run = made(tmp_path, "bicubic", "nearest", datasets=str(photos), metrics=["psnr", "gap"], plugins=plugin)
    bundle_of(run, tmp_path / "x.srb.zip", plugins=[plugin])
    return tmp_path / "x.srb.zip", plugin


def test_metrics_of_a_set(with_gap: tuple[Path, Path], photos: Path, tmp_path: Path) -> None:
    """They are computed again of all SR images; where these are a sample, when the methods run."""
    path, plugin = with_gap
    found = reached(path, str(photos), plugins=(plugin,), depth="rescored")
    assert found.depth == "rescored"
    assert [cell.rescored.figures for cell in found.cells if cell.rescored] == [3, 3]  # two images' PSNR, and gap
    assert all(cell.cell.of_set == ("gap",) for cell in found.cells)
    assert reached(path, str(photos), plugins=(plugin,)).depth == "reproduced"
    without = reached(path, str(photos))
    assert without.depth == "reproduced"
    assert any("not compared, for they cannot be computed here: gap" in note for note in without.notes)


SET_FORGED: dict[str, tuple[Any, str]] = {
    "a better value": (edit("cells/", lambda cell: cell["values"].update(gap=cell["values"]["gap"] * 0.9)), ""),
    "a PSNR of the whole set": (edit("cells/", lambda cell: of_set(cell)), "in the other"),
    "values of images": (
        edit("cells/", lambda cell: [image["values"].update(gap=cell["values"]["gap"]) for image in cell["images"]]),
        "and images have one",
    ),
}


def of_set(cell: dict[str, Any]) -> None:
    cell["of_set"].append("psnr")
    cell["values"]["psnr"] += 1.0
    for image in cell["images"]:
        del image["values"]["psnr"]


@pytest.mark.parametrize("name", SET_FORGED)
def test_forged_values_of_a_set(name: str, with_gap: tuple[Path, Path], photos: Path, tmp_path: Path) -> None:
    path, plugin = with_gap
    change, expected = SET_FORGED[name]
    means = Means(datasets=(str(photos),), plugins=(plugin,), depth="rescored")
    found = verify(read_bundle(forge(path, tmp_path / "forged.srb.zip", change)), means)
    assert found.is_refuted
    assert any(expected in problem for problem in found.problems or [""]), found.problems


def test_a_psnr_that_both_run_and_cell_call_one_of_the_set(
    with_gap: tuple[Path, Path], photos: Path, tmp_path: Path
) -> None:
    """Its mean is not that of images then, which have none; the images do not give it either."""
    path, plugin = with_gap

    def change(members: dict[str, bytes]) -> None:
        edit("cells/", of_set)(members)
        edit("run.json", lambda run: run["metrics"][0].update(of_set=True))(members)
        other = sorted(name for name in members if name.startswith("cells/"))[1]
        edit(other, of_set)(members)

    forged = read_bundle(forge(path, tmp_path / "forged.srb.zip", change))
    found = verify(forged, Means(datasets=(str(photos),), plugins=(plugin,), depth="rescored"))
    assert not found.problems
    assert [one.metric for cell in found.cells if cell.rescored for one in cell.rescored.wrong] == ["psnr", "psnr"]


def test_several_lr_images_of_each_hr_image(photos: Path, tmp_path: Path) -> None:
    """A protocol of eight kernels has eight rows of each image."""
    run = made(tmp_path, "bicubic", datasets=str(photos), protocol="gaussian8")
    bundle_of(run, tmp_path / "x.srb.zip")
    found = reached(tmp_path / "x.srb.zip", str(photos))
    assert found.depth == "reproduced"
    assert [cell.rescored.images for cell in found.cells if cell.rescored] == [16]
    folder = reached(tmp_path / "x.srb.zip", str(photos), images=str(photos), depth="rescored")
    assert "one of several SR images" in folder.reasons()[0]


def test_the_first_images_of_a_set(photos: Path, tmp_path: Path) -> None:
    run = made(tmp_path, "bicubic", datasets=[str(photos), "embedded"], limit=1)
    bundle_of(run, tmp_path / "x.srb.zip")
    found = reached(tmp_path / "x.srb.zip", str(photos))
    assert found.depth == "reproduced"
    assert [len(cell.cell.images) for cell in found.cells] == [1, 1]


def test_other_images_are_not_the_first_of_a_set(photos: Path, tmp_path: Path) -> None:
    """The name of a set is not to be had by saying that one's images are its first."""
    bundle_of(made(tmp_path, "bicubic", datasets=str(photos)), tmp_path / "x.srb.zip")

    def change(members: dict[str, bytes]) -> None:
        for name in [name for name in members if name.endswith(".json")]:
            members[name] = members[name].replace(b'"photos"', b'"embedded"')
        edit("run.json", lambda run: run["datasets"][0].update(of=5))(members)

    found = verify(read_bundle(forge(tmp_path / "x.srb.zip", tmp_path / "f.srb.zip", change)), Means(depth="whole"))
    assert found.problems == ["it calls its data set embedded, and its images are not those of srbench's embedded"]
