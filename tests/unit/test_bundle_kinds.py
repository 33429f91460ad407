"""Bundles of every kind of run: pairs, learned methods, models, protocols of one's own; each to the last depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import bundle_of, members_of
from conftest import photograph, save

import srbench
from srbench.proof.reading import read_bundle
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
    from bundles import forge

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
