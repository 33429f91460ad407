"""``srbench degrade``: what it writes, that scoring it gives the protocol's own values, and what can be wrong."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import photograph, save
from typer.testing import CliRunner, Result

import srbench
from srbench.cli.main import app
from srbench.data.catalog import resolve
from srbench.data.degrading import degrade_dataset
from srbench.errors import DataError, UsageError
from srbench.imaging.color import in_colour
from srbench.imaging.files import read_image
from srbench.protocols.builtin import PROTOCOLS, get_protocol

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
EXACT = [name for name, protocol in PROTOCOLS.items() if protocol.degraded != "none" and protocol.lr != "double"]


def degrade(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, ["degrade", *map(str, words)])


def refused(kind: type[Exception], *words: object) -> str:
    result = degrade(*words)
    assert isinstance(result.exception, kind), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def values(dataset: str, scale: int, protocol: str, out: Path) -> dict[str, dict[str, float]]:
    metrics = ("psnr", "ssim")
    run = srbench.run(
        ["bicubic", "fsrcnn:standard"], dataset, scales=scale, protocol=protocol, metrics=metrics, out=out
    )
    run.raise_for_failures()
    cells = run.loaded.cells
    return {f"{cell.id.method}/{image.name}": dict(image.values) for cell in cells for image in cell.images}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photographs in colour and one in gray, of sides that no scale divides."""
    save(tmp_path / "photos" / "first.png", photograph(101, 83))
    save(tmp_path / "photos" / "second.png", photograph(74, 95, 1))
    save(tmp_path / "photos" / "gray.png", photograph(89, 71, 2)[..., 1])
    return tmp_path / "photos"


@pytest.mark.parametrize("layout", ["basicsr", "edsr"])
@pytest.mark.parametrize("protocol", EXACT)
def test_reading_it_back_gives_the_protocols_own_values(
    tmp_path: Path, photos: Path, protocol: str, layout: str
) -> None:
    """To the last digit, of an interpolation and a network, in colour and in gray."""
    scale = (PROTOCOLS[protocol].scales or (2,))[0]
    made = degrade_dataset(resolve(str(photos)), PROTOCOLS[protocol], (scale,), tmp_path / "out", layout)
    assert (made.read_back == "paired") == (protocol == "edsr")
    back = values(made.pairs(scale), scale, made.read_back, tmp_path / "runs")
    own = values(str(photos), scale, protocol, tmp_path / "runs")
    assert len(own) == 6 * len(PROTOCOLS[protocol].turns)
    suffix = f"x{scale}" if layout == "edsr" else ""
    names = {key.removesuffix(suffix): value for key, value in back.items()}
    assert names == own


@pytest.mark.parametrize(("protocol", "scale"), [("edsr", 2), ("bd", 3), ("dn", 3)])
def test_reading_set5_back(tmp_path: Path, protocol: str, scale: int) -> None:
    if not (MIRROR / "set5").is_dir():
        pytest.skip("set5 is not at hand: SRBENCH_MIRROR names no folder that holds it")
    result = degrade(tmp_path, "--datasets", MIRROR / "set5", "--scales", scale, "--protocol", protocol)
    assert result.exit_code == 0, result.output
    command = shlex.split(result.stdout.partition(f"x{scale}: ")[2])
    spec, back = command[command.index("--datasets") + 1], command[command.index("--protocol") + 1]
    own = values(str(MIRROR / "set5"), scale, protocol, tmp_path / "runs")
    assert len(own) == 10
    assert values(spec, scale, back, tmp_path / "runs") == own


@pytest.mark.parametrize(
    ("protocol", "kind", "dataset", "images"),
    [
        ("edsr", "symmetric_swinir", "set5", 15),
        ("selfexsr", "replicate_selfexsr", "set5", 15),
        ("selfexsr", "replicate_selfexsr", "set14", 42),
    ],
)
def test_lr_is_matlabs_to_the_bit(tmp_path: Path, protocol: str, kind: str, dataset: str, images: int) -> None:
    matlab = MIRROR / "matlab_lr" / kind / dataset
    if not matlab.is_dir():
        pytest.skip("matlab_lr is not at hand: SRBENCH_MIRROR names no folder that holds it")
    assert degrade(tmp_path, "--datasets", MIRROR / dataset, "--protocol", protocol).exit_code == 0
    (folder,) = tmp_path.iterdir()
    compared = sorted(matlab.rglob("*.png"))
    for path in compared:
        ours, theirs = read_image(folder / f"LRbic{path.parent.name}" / path.name), read_image(path)
        np.testing.assert_array_equal(in_colour(ours), in_colour(theirs))  # SelfExSR's bridge is stored as RGB
    assert len(compared) == images


def test_the_layouts(tmp_path: Path, photos: Path) -> None:
    for layout, expected in (
        ("basicsr", {"GTmod2/first": (100, 82), "GTmod4/first": (100, 80), "LRbicx4/first": (25, 20)}),
        ("edsr", {"HR/first": (101, 83), "LR_bicubic/X2/firstx2": (50, 41), "LR_bicubic/X4/firstx4": (25, 20)}),
    ):
        result = degrade(tmp_path / layout, "--datasets", photos, "--scales", "2,4", "--layout", layout)
        assert result.exit_code == 0, result.output
        folder = tmp_path / layout / "photos"
        for name, size in expected.items():
            assert read_image(folder / f"{name}.png").shape[:2] == size
        written = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
        record = json.loads((folder / "degraded.json").read_text())
        assert written == {pair[side]["path"] for pair in record["images"] for side in ("hr", "lr")} | {"degraded.json"}
        assert record["protocol_hash"] == PROTOCOLS["edsr"].hash and record["read_back"] == "paired"
    assert not list(tmp_path.glob("**/.*"))


def test_a_set_is_called_as_its_papers_call_it(tmp_path: Path) -> None:
    if not (MIRROR / "set5").is_dir():
        pytest.skip("set5 is not at hand: SRBENCH_MIRROR names no folder that holds it")
    assert degrade(tmp_path, "--datasets", "set5", "--scales", 4).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["Set5"]


def test_the_same_again_checks_and_other_content_is_refused(tmp_path: Path, photos: Path) -> None:
    words = (tmp_path / "out", "--datasets", photos, "--scales", 3, "--protocol", "bd")
    first, folder = degrade(*words), tmp_path / "out" / "photos"
    assert "3 images x 1 scale written" in first.stdout
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    document = json.loads(degrade(*words, "--json").stdout)
    assert document["datasets"][0]["made"] is False
    assert document["datasets"][0]["pairs"] == {"x3": f"hr={folder}/GTmod3,lr={folder}/LRbdx3"}
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    for other in (("--protocol", "dn"), ("--layout", "edsr"), ("--protocol", "edsr", "--scales", "2,3")):
        said = refused(DataError, *words, *other)
        assert "holds photos made by 'bd'" in said and "at x3 in the layout basicsr" in said
    save(photos / "first.png", photograph(101, 83, 9))
    assert "not what is asked for" in refused(DataError, *words)
    save(photos / "first.png", photograph(101, 83))
    save(folder / "LRbdx3" / "first.png", photograph(20, 20))
    assert "first.png is gone or was altered" in refused(DataError, *words)


def test_what_is_in_the_way_stays(tmp_path: Path, photos: Path) -> None:
    own = save(tmp_path / "out" / "photos" / "GTmod12" / "mine.png", photograph(30, 30))
    words = (tmp_path / "out", "--datasets", photos)
    assert "was not written by `srbench degrade`" in refused(DataError, *words)
    (tmp_path / "out" / "photos" / "degraded.json").write_text("{}")
    assert "degraded.json is damaged or was altered" in refused(DataError, *words)
    assert own.is_file()
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(DataError, tmp_path / "file", "--datasets", photos)


def test_a_folder_that_cannot_be_written_to(closed: Path, photos: Path) -> None:
    said = refused(DataError, closed, "--datasets", photos)
    assert f"{closed / 'photos'} cannot be written (" in said and "choose another folder" in said


def test_wrong_names_are_one_sentence(tmp_path: Path, photos: Path) -> None:
    out, data = tmp_path / "out", ("--datasets", str(photos))
    assert "Did you mean edsr" in refused(UsageError, out, *data, "--protocol", "edsrr")
    assert "makes none" in refused(UsageError, out, *data, "--protocol", "paired")
    assert "is for x3 alone, not x2" in refused(UsageError, out, *data, "--protocol", "bd", "--scales", "2")
    assert "no layout 'basic'" in refused(UsageError, out, *data, "--layout", "basic")
    assert "whole numbers" in refused(UsageError, out, *data, "--scales", "two")
    assert "no data set" in refused(UsageError, out, "--datasets", "set55")
    assert "at least one" in refused(UsageError, out, "--datasets", ",")
    pairs = f"hr={photos},lr={shutil.copytree(photos, tmp_path / 'lr')}"
    assert refused(UsageError, out, "--datasets", pairs).startswith(f"'{pairs}' supplies LR already")
    save(tmp_path / "b" / "photos" / "x.png", photograph(40, 40))
    both = f"{photos},{tmp_path / 'b' / 'photos'}"
    assert "would both go to photos" in refused(UsageError, out, "--datasets", both)
    save(tmp_path / "tiny" / "t.png", photograph(3, 3))
    assert "nothing is left" in refused(DataError, out, "--datasets", tmp_path / "tiny")
    assert not out.exists() or not list(out.iterdir())


def test_lr_that_png_rounds_is_said(tmp_path: Path, photos: Path) -> None:
    result = degrade(tmp_path / "out", "--datasets", photos, "--scales", 2, "--protocol", "vdsr")
    assert "'vdsr' does not round LR and PNG does" in result.stderr
    assert json.loads((tmp_path / "out" / "photos" / "degraded.json").read_text())["rounded"] is True
    assert "does not round" not in degrade(tmp_path / "b", "--datasets", photos, "--protocol", "basicsr").stderr


def test_a_protocol_of_ones_own_is_written_beside_its_pairs(tmp_path: Path, photos: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        'base = "edsr"\nshave_extra = 2\n[[degradation]]\nstep = "noise"\nsigma = 9.0\n'
        '[[degradation]]\nstep = "resize"\n'
    )
    made = degrade_dataset(resolve(str(photos)), get_protocol(str(own)), (2,), tmp_path / "out", "basicsr")
    back = get_protocol(made.read_back)
    assert (back.name, back.degraded, back.shave(2), back.degradation) == ("mine-paired", "none", 4, ())
    assert values(made.pairs(2), 2, made.read_back, tmp_path) == values(str(photos), 2, str(own), tmp_path)


def test_an_interrupted_run_leaves_whole_sets_and_goes_on(
    tmp_path: Path, photos: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    for i in range(120):
        save(tmp_path / "many" / f"{i}.png", photograph(200, 200, i))
    process = start("degrade", "out", "--datasets", "photos,many")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob(".many.new.*/*/*.png")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photos"]
    result: Any = degrade(tmp_path / "out", "--datasets", f"{photos},{tmp_path / 'many'}")
    assert result.exit_code == 0
    assert "photos: 3 images x 3 scales there already" in result.stdout.replace("\n", "")
    assert "many: 120 images x 3 scales written" in result.stdout.replace("\n", "")
