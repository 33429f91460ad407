"""`srbench export` as a user types it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from small_models import save_exported, trained

from srbench.weights import read_metadata, read_tensors

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.long
def test_graphs_are_written_once_and_checked(cli: Cli, tmp_path: Path) -> None:
    result = cli("export", "fsrcnn", "--scale", "2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["fsrcnn_x2.onnx"]
    assert "fsrcnn:standard x2: 56 kB, differs from torch by at most" in result.stderr
    assert "Warning" not in result.stderr and "torch.onnx" not in result.stderr
    written = (tmp_path / "fsrcnn_x2.onnx").read_bytes()

    again = cli("export", "fsrcnn", "--scales", "2")
    assert again.returncode == 2
    assert "fsrcnn_x2.onnx exists: pass --overwrite" in again.stderr
    assert cli("export", "fsrcnn", "--scale", "2", "--overwrite").returncode == 0
    assert (tmp_path / "fsrcnn_x2.onnx").read_bytes() == written


@pytest.mark.long
def test_a_graph_of_the_enlarged_image_has_its_methods_figure(cli: Cli, tmp_path: Path, photos: Path) -> None:
    for method in ("srcnn-y", "bicubic"):
        exported = cli("export", method, "--scale", "2")
        assert exported.returncode == 0, exported.stderr
    methods = "srcnn-y,bicubic,onnx:srcnn-y_x2.onnx,onnx:bicubic_x2.onnx"
    for protocol in ("vdsr", "rgb"):
        words = ("run", "--methods", methods, "--scales", "2", "--datasets", str(photos), "--no-speed", "--json")
        result = cli(*words, "--metrics", "psnr", "--protocol", protocol)
        assert result.returncode == 0, result.stderr
        found = {row["method"]: row["value"] for row in json.loads(result.stdout)["results"]}
        assert found["onnx:srcnn-y_x2"] == pytest.approx(found["srcnn-y"], abs=1e-3)
        assert found["onnx:bicubic_x2"] == pytest.approx(found["bicubic"], abs=1e-3)
        assert found["srcnn-y"] > found["bicubic"] + 0.1


def test_a_licence_beside_a_copy_of_the_weights_is_refused(cli: Cli, tmp_path: Path) -> None:
    result = cli("export", "srcnn-y", "--format", "safetensors", "--licence", "mit")
    assert result.returncode == 2
    assert "--licence is for --format onnx and hub" in result.stderr
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_called_as_the_user_called_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words in (
        ("export", "bicubic", "--scale", "2", "--out", "file/x.onnx"),
        ("export", "srcnn-y", "--scale", "2", "--format", "safetensors", "--out", "file/x.safetensors"),
        ("new", "method", "mine", "--out", "file"),
    ):
        result = cli(*words)
        assert result.returncode == 4, result.stderr
        assert f"srbench: {words[-1]} cannot be written (" in result.stderr
        assert result.stderr.endswith("name another --out.\n")


def test_weights_keep_their_metadata_and_scales_that_share_them_one_file(cli: Cli, tmp_path: Path) -> None:
    result = cli("export", "srcnn-y", "--format", "safetensors", "--out", "there")
    assert result.stdout.split() == [f"there/srcnn-y_x{scale}.safetensors" for scale in (2, 3, 4)]
    assert read_metadata(tmp_path / "there" / "srcnn-y_x3.safetensors")["scales"] == [3]
    result = cli("export", "autoencoder:standard", "--format", "safetensors", "--out", "one.safetensors")
    assert result.stdout.split() == ["one.safetensors"]
    assert sum(tensor.numel() for tensor in read_tensors(tmp_path / "one.safetensors").values()) == 1_110_403


@pytest.mark.long
def test_a_hub_folder_is_filled_from_a_run(cli: Cli, tmp_path: Path, photos: Path) -> None:
    run = ("run", "--methods", "srcnn-y", "--scales", "2,3", "--datasets", str(photos), "--no-speed", "--json")
    numbers = {row["metric"]: row["value"] for row in json.loads(cli(*run).stdout)["results"] if row["scale"] == 2}
    result = cli("export", "srcnn-y", "--scale", "2", "--format", "hub", "--run", "photos-vdsr", "--out", "folder")
    assert result.returncode == 0, result.stderr
    names = {"README.md", "config.json", "srcnn-y_x2.onnx", "srcnn-y_x2.safetensors"}
    assert {path.name for path in (tmp_path / "folder").iterdir()} == names
    assert "to publish it: hf upload YOUR-NAME/folder folder" in result.stderr
    card = (tmp_path / "folder" / "README.md").read_text("utf-8")
    assert f"value: {numbers['psnr']!r}\n" in card
    assert f"value: {numbers['haarpsi']!r}\n" in card

    another = cli("export", "srcnn-y", "--scale", "4", "--format", "hub", "--run", "photos-vdsr", "--out", "other")
    assert another.returncode == 2
    assert "has no values of srcnn-y:standard x4" in another.stderr
    (tmp_path / "folder" / "notes.txt").touch()
    kept = cli("export", "srcnn-y", "--scale", "2", "--format", "hub", "--out", "folder", "--overwrite")
    assert kept.returncode == 2
    assert "folder contains notes.txt, which is not part of an export" in kept.stderr

    (tmp_path / "folder" / "notes.txt").unlink()
    replaced = cli("export", "srcnn-y", "--scale", "2", "--format", "hub", "--out", "folder", "--overwrite")
    assert replaced.returncode == 0, replaced.stderr
    card = (tmp_path / "folder" / "README.md").read_text("utf-8")
    assert "| embedded | 5 | x2 | 32.62 | .9145 | 30.91 | .8856 |" in card  # as in the README, with bicubic


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nearest", "--scale", "2"), 3, "nearest x2 cannot be exported to ONNX"),
        (("bicubic", "--format", "safetensors"), 2, "bicubic has no weights to export; try --format onnx."),
        (("bicubic", "--format", "hub"), 2, "bicubic has no weights to export"),
        (("fsrcnn", "--scale", "8"), 2, "fsrcnn:standard does not work at x8"),
        (("fsrcnn", "--scale", "two"), 2, "--scale takes whole numbers"),
        (("fsrcnn:paper", "--scale", "2"), 4, "`srbench train fsrcnn:paper --scales 2` makes them"),
        (("fsrcnn", "--format", "tflite"), 2, "--format is onnx, safetensors or hub, not 'tflite'."),
        (("fsrcnn", "--run", "x"), 2, "--run is for --format hub"),
        (("fsrcnn", "--out", "a.onnx"), 2, "--out a.onnx is one file, but there are 3 to write"),
        (("frscnn",), 2, "Did you mean fsrcnn"),
    ],
)
def test_errors_are_one_sentence_and_nothing_is_written(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    result = cli("export", *words)
    assert (result.returncode, result.stdout) == (code, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*.onnx")) + list(tmp_path.glob("srbench-*"))


@pytest.mark.long
def test_a_model_from_a_file_is_a_folder_for_the_hub(cli: Cli, tmp_path: Path) -> None:
    name = f"exported:{save_exported(trained(steps=2), tmp_path / 'net.pt2')}"
    result = cli("export", name, "--format", "hub", "--out", "folder", "--licence", "mit")
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"README.md", "config.json", "net_x2.onnx"}
    assert "embedded" in (tmp_path / "folder" / "README.md").read_text()
    words = ("--scales", "2", "--no-speed", "--no-report", "--metrics", "psnr", "--json")
    result = cli("run", "--methods", f"hub:./folder,{name}", *words)
    assert result.returncode == 0, result.stderr
    one, other = (row["value"] for row in json.loads(result.stdout)["results"])
    assert one == pytest.approx(other, abs=1e-4)
    assert "--rgb is for --format onnx" in cli("export", name, "--format", "hub", "--rgb").stderr
