"""A gray HR image under the protocols that read every file with three channels: as if it had been stored so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import photograph, save
from PIL import Image

import srbench
from srbench.imaging.files import read_image, to_uint8

METHODS = ["bicubic", "nearest", "dcci", "srcnn-y", "srcnn-rgb"]
"""Of any channels, of luma, and of RGB."""


def stored(folder: Path, mode: str) -> Path:
    """A gray photograph as Pillow's mode."""
    gray = Image.fromarray(photograph(64, 80)[..., 1])
    path = folder / mode.replace(";", "") / "picture.png"
    path.parent.mkdir(parents=True)
    if mode == "palette":
        gray.quantize(64).save(path)
        palette = Image.open(path)
        values = np.arange(256).repeat(3)
        palette.putpalette(values.tolist())
        palette.save(path)
    elif mode == "I;16":
        Image.fromarray(np.asarray(gray).astype(np.uint16) * 257).save(path)
    else:
        gray.convert(mode).save(path)
    return path


def figures(data: Path | str, out: Path, protocol: str, methods: list[str] = METHODS) -> dict[str, float]:
    """PSNRs by method."""
    run = srbench.run(methods, str(data), scales=2, protocol=protocol, metrics="psnr", out=out)
    run.raise_for_failures()
    return dict(run.table()[run.loaded.record.datasets[0].name, 2])


@pytest.mark.parametrize("mode", ["L", "1", "LA", "palette", "I;16"])
def test_it_has_the_figures_of_the_same_picture_in_three_channels(tmp_path: Path, mode: str) -> None:
    path = stored(tmp_path, mode)
    hr = to_uint8(read_image(path))
    assert hr.ndim == 2
    save(tmp_path / "rgb" / "picture.png", np.repeat(hr[..., None], 3, axis=2))
    found = [figures(folder, tmp_path / "runs", "edsr") for folder in (path.parent, tmp_path / "rgb")]
    assert found[0] == found[1]
    (tmp_path / "own-y.toml").write_text('base = "edsr"\ngray = "y"\n')
    own = figures(path.parent, tmp_path / "runs", str(tmp_path / "own-y.toml"), ["bicubic"])
    assert found[0]["bicubic"] - own["bicubic"] == pytest.approx(20 * np.log10(255 / 219), abs=1e-9)


@pytest.mark.parametrize("protocol", ["edsr", "basicsr", "rgb"])
def test_its_sr_may_be_stored_gray_or_in_three_channels(tmp_path: Path, protocol: str) -> None:
    hr = photograph(64, 80)[..., 1]
    save(tmp_path / "hr" / "picture.png", hr)
    sr = np.clip(hr.astype(int) + np.random.default_rng(1).integers(-6, 7, hr.shape), 0, 255).astype(np.uint8)
    tinged = np.repeat(sr[..., None], 3, axis=2)
    save(tmp_path / "gray" / "picture.png", sr)
    save(tmp_path / "rgb" / "picture.png", tinged)
    tinged[..., 2] ^= 1  # as a network for RGB leaves it
    save(tmp_path / "tinged" / "picture.png", tinged)
    names = ["gray", "rgb", "tinged"]
    found = figures(
        tmp_path / "hr", tmp_path / "runs", protocol, [f"images:{tmp_path / name}?scale=2" for name in names]
    )
    assert found["images:gray"] == found["images:rgb"] != found["images:tinged"]
    for name, picture in (("gray", sr), ("rgb", np.repeat(sr[..., None], 3, axis=2)), ("tinged", tinged)):
        score = srbench.score(picture, hr, scale=2, protocol=protocol)
        assert score["psnr"] == found[f"images:{name}"]


def test_supplied_lr_may_be_gray(tmp_path: Path) -> None:
    hr = photograph(64, 80)[..., 1]
    lr = to_uint8(np.asarray(Image.fromarray(hr).resize((40, 32), Image.Resampling.BICUBIC)))
    threefold = [np.repeat(image[..., None], 3, axis=2) for image in (hr, lr)]
    found = []
    for name, images in (("gray", (hr, lr)), ("rgb", threefold), ("mixed", (hr, threefold[1]))):
        for role, image in zip(("hr", "lr"), images, strict=True):
            save(tmp_path / name / role / "picture.png", image)
        pair = f"hr={tmp_path / name}/hr,lr={tmp_path / name}/lr"
        found.append(figures(pair, tmp_path / "runs", "paired"))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("method", ["bicubic", "srcnn-y", "srcnn-rgb"])
def test_degrading_loading_and_scoring_it_gives_what_a_run_gives(tmp_path: Path, method: str) -> None:
    hr = photograph(64, 80)[..., 1]
    save(tmp_path / "hr" / "picture.png", hr)
    run = figures(tmp_path / "hr", tmp_path / "runs", "edsr", [method])
    lr = srbench.degrade(hr, 2, "edsr")
    assert lr.shape == (32, 40, 3)
    sr = srbench.load(method, 2, protocol="edsr")(lr)
    (expected,) = run.values()
    assert srbench.score(sr, hr, scale=2, protocol="edsr")["psnr"] == pytest.approx(expected, abs=1e-3)
    gray = srbench.load(method, 2, protocol="edsr")(lr[..., 0])
    assert gray.shape == (64, 80)
    np.testing.assert_allclose(gray, sr.mean(axis=2), atol=2)
